"""The report on held-out products, against its own definitions."""

import numpy as np
import pandas as pd
import pytest

from classify.baselines import Answer, fit_majority, fit_tfidf_svm, spaced_texts
from classify.evaluate import confusion, evaluate_tagging
from classify.last_level import has_last_level, summed_by_last_level
from classify.taggers import TaggerSet
from core_embeddings.errors import ConfigError

FIELDS = ("category", "shape", "season")


@pytest.fixture(scope="module")
def fitted(shop):
    return TaggerSet.fit(shop.views, shop.products, fields=FIELDS, split=shop.split)


@pytest.fixture(scope="module")
def report(shop, fitted):
    return evaluate_tagging(fitted, shop.views, shop.products, split=shop.split)


def value(report, field, model, metric):
    chosen = report.query("field == @field and model == @model and metric == @metric")
    assert len(chosen) == 1
    return chosen["value"].item()


def test_report_has_every_model_and_metric_once(report):
    assert list(report.columns) == ["field", "model", "metric", "value", "n"]
    assert set(report["model"]) == {"fused", "image only", "text only", "tfidf+svm", "majority"}
    metrics = {
        "accuracy", "macro_f1", "recall", "top5_accuracy", "ece", "coverage", "auto_accuracy",
        "plausible_coverage", "plausible_size",
    }  # fmt: skip
    fused = report[report["model"] == "fused"]
    assert set(fused.loc[fused["field"] == "shape", "metric"]) == metrics
    of_paths = set(fused.loc[fused["field"] == "category", "metric"]) - metrics
    assert of_paths == {"whole_coverage", "hierarchical_f1"}
    assert not report.duplicated(["field", "model", "metric"]).any()


def test_each_modality_knows_what_it_shows_and_only_both_know_the_category(report):
    assert value(report, "shape", "image only", "accuracy") > 0.95
    assert value(report, "shape", "text only", "accuracy") < 0.6
    assert value(report, "season", "text only", "accuracy") > 0.95
    assert value(report, "season", "image only", "accuracy") < 0.6
    for other in ("image only", "text only", "tfidf+svm", "majority"):
        fused = value(report, "category", "fused", "accuracy")
        assert fused > value(report, "category", other, "accuracy") + 0.3


def test_fused_accuracy_is_that_of_the_tags(shop, fitted, report):
    test = shop.split == "test"
    views = {name: X[test] for name, X in shop.views.items()}
    tags = fitted.tag(views, shop.products[test], fields=["category"])
    truth = shop.products[test].set_index("product_id")["category"]
    right = tags["value"].to_numpy() == truth.loc[tags["product_id"]].to_numpy()
    auto = tags["decision"].to_numpy() == "auto"
    assert value(report, "category", "fused", "accuracy") == pytest.approx(right.mean())
    assert value(report, "category", "fused", "coverage") == pytest.approx(auto.mean())
    assert value(report, "category", "fused", "auto_accuracy") == pytest.approx(right[auto].mean())


def test_products_without_the_modality_are_not_measured_on_it(shop, fitted):
    has_image = np.arange(len(shop.products)) % 8 != 0
    found = evaluate_tagging(
        fitted, shop.views, shop.products, split=shop.split, has_image=has_image, baselines=False
    )
    sizes = found.groupby("model")["n"].unique().map(list).to_dict()
    assert sizes == {"fused": [60], "image only": [30], "text only": [60]}


def test_value_never_seen_in_training_counts_as_an_error(shop, fitted):
    strange = shop.products.assign(shape=np.where(shop.split == "test", "new", "round"))
    found = evaluate_tagging(
        fitted, shop.views, strange, split=shop.split, fields=["shape"], baselines=False
    )
    assert value(found, "shape", "fused", "accuracy") == 0
    assert value(found, "shape", "fused", "top5_accuracy") == 0


def test_field_that_was_not_learned_is_named(shop, fitted):
    with pytest.raises(ConfigError, match="field 'colour' was not learned"):
        evaluate_tagging(
            fitted, shop.views, shop.products, split=shop.split, fields=["colour"], baselines=False
        )


def test_no_held_out_products_give_nan_not_an_error(shop, fitted):
    split = np.where(shop.split == "test", "other", shop.split)
    found = evaluate_tagging(fitted, shop.views, shop.products, split=split)
    assert found["value"].isna().all()
    assert (found["n"] == 0).all()


def test_majority_ranks_values_by_frequency_ties_by_value():
    answer = fit_majority(np.array(["b", "a", "b", "a", "c"], dtype=object))(
        pd.DataFrame({"x": [1]})
    )
    assert answer.predicted.tolist() == ["a"]
    assert answer.classes.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(answer.scores, [[0.4, 0.4, 0.2]])


def test_tfidf_baseline_takes_the_text_that_is_better_on_validation():
    labels = np.array(["red", "blue"] * 20, dtype=object)
    products = pd.DataFrame({"title": "thing", "description": [f"{name} dye" for name in labels]})
    train, val = np.arange(40) < 30, np.arange(40) >= 30
    described = fit_tfidf_svm(products, labels, train=train, val=val)
    assert (described(products).predicted == labels).all()
    titled = products.rename(columns={"title": "description", "description": "title"})
    titled["description"] = np.random.default_rng(0).permutation(titled["title"])
    only_title = fit_tfidf_svm(titled, labels, train=train, val=val)
    assert (only_title(titled.assign(description="")).predicted == labels).all()


def test_tfidf_baseline_is_absent_where_there_is_nothing_to_learn():
    one, none = np.array(["a", "a"], dtype=object), np.zeros(2, bool)
    frame = pd.DataFrame({"title": ["x y", "z w"], "description": ""})
    assert fit_tfidf_svm(frame, one, train=~none, val=none) is None
    two = np.array(["a", "b"], dtype=object)
    assert fit_tfidf_svm(frame.assign(title=""), two, train=~none, val=none) is None


def test_confusion_counts_pairs_by_hand():
    found = confusion(["a", "a", "b", "c"], ["a", "b", "b", "d"], most=2)
    assert found.index.tolist() == found.columns.tolist() == ["a", "b", "(other)"]
    assert found.to_numpy().tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_confusion_of_few_values_has_no_other():
    assert confusion(["a", "b"], ["a", "a"]).to_numpy().tolist() == [[1, 0], [1, 0]]


def test_last_level_of_a_path_sums_the_shelves():
    paths = np.array(["Men > Belt", "Women > Belt", "Women > Hat"], dtype=object)
    scores = np.array([[0.3, 0.3, 0.4], [0.1, 0.2, 0.7]])
    found = summed_by_last_level(Answer(paths[[2, 2]], paths, scores))
    assert found.classes.tolist() == ["Belt", "Hat"]
    assert found.predicted.tolist() == ["Belt", "Hat"]
    np.testing.assert_allclose(found.scores, [[0.6, 0.4], [0.3, 0.7]])


def test_last_level_is_measured_beside_a_baseline_of_its_own(shop, report):
    """It is the season, which the text tells, where the whole path needs both."""
    assert value(report, "product_type", "text only", "accuracy") > 0.95
    assert value(report, "product_type", "tfidf+svm", "accuracy") > 0.95
    assert value(report, "product_type", "image only", "accuracy") < 0.6
    chosen = report.query("field == 'product_type' and model == 'fused'")
    assert not set(chosen["metric"]) & {"coverage", "auto_accuracy"}


def test_column_named_as_the_derived_field_is_left_alone(shop):
    assert has_last_level(shop.products, "category")
    assert not has_last_level(shop.products.assign(product_type="x"), "category")
    assert not has_last_level(shop.products, "shape")


def test_chinese_baseline_sees_words_and_other_texts_are_untouched():
    products = pd.DataFrame({"title": ["纯棉牛仔裤", "blue jeans"], "description": ["", "délavé"]})
    found = spaced_texts(products)
    assert "牛仔裤" in found["title"][0].split()
    assert found.iloc[1].equals(products.iloc[1])
    assert products["title"][0] == "纯棉牛仔裤"


def test_chosen_baseline_knows_the_validation_rows_too():
    words = ["red", "blue"] * 10 + ["green", "green"]
    products = pd.DataFrame({"title": words, "description": ""})
    labels = np.array(words, dtype=object)
    val = np.arange(22) >= 18
    baseline = fit_tfidf_svm(products, labels, train=~val, val=val)
    assert baseline(products).predicted.tolist() == words
