"""Fields whose products have several values: found, learned, tagged, measured and saved."""

import numpy as np
import pandas as pd
import pytest

from classify.evaluate import evaluate_tagging
from classify.tagger_config import TaggerConfig
from classify.taggers import TaggerSet
from classify.value_sets import holds_sets, joined, value_matrix, value_sets
from core_embeddings.errors import ArtefactError, ConfigError


def uses_of(shop):
    """Each product is for its shape's use, for its season's use, or for both where they differ."""
    by_shape = {"round": "sport", "square": "work", "star": "party"}
    by_season = {"summer": "beach", "winter": "work", "夏天": "beach"}
    pairs = zip(shop.products["shape"], shop.products["season"], strict=True)
    return ["|".join(dict.fromkeys([by_season[b], by_shape[a]])) for a, b in pairs]


@pytest.fixture(scope="module")
def products(shop):
    return shop.products.assign(use=uses_of(shop))


@pytest.fixture(scope="module")
def fitted(shop, products):
    return TaggerSet.fit(shop.views, products, fields=["use", "shape"], split=shop.split)


def held_out(shop, products):
    rows = shop.split == "test"
    return {name: X[rows] for name, X in shop.views.items()}, products[rows]


def test_field_with_several_values_in_enough_cells_is_a_field_of_sets():
    table = pd.DataFrame({"a": ["x|y"] + ["x"] * 9, "b": ["x"] * 10, "category": ["x|y"] * 10})
    config = TaggerConfig(set_share=0.1)
    assert [name for name in table if holds_sets(table, name, config)] == ["a"]
    assert not holds_sets(table, "a", TaggerConfig(set_share=0.11))
    assert holds_sets(table, "b", TaggerConfig(set_fields=("b",)))


def test_order_repeats_and_blanks_in_a_cell_do_not_matter():
    sets = value_sets(pd.DataFrame({"use": ["b|a", " a | b |a", "", None]}), "use")
    assert sets[0] == sets[1] == {"a", "b"}
    assert joined(sets[0]) == "a|b"
    expected = [[True, True]] * 2 + [[False, False]] * 2
    assert value_matrix(sets, ["a", "b"]).tolist() == expected


def test_held_out_products_get_their_whole_sets(shop, products, fitted):
    assert fitted.fields == ("shape", "use")
    views, asked = held_out(shop, products)
    tags = fitted.tag(views, asked, fields=["use"])
    truth = [joined(found) for found in value_sets(asked, "use")]
    assert fitted.labels(asked, "use").tolist() == truth
    assert (tags["value"].to_numpy() == truth).mean() > 0.95
    assert {"|" in value for value in tags["value"]} == {True, False}
    assert tags["confidence"].between(0, 1).all()
    known = set(fitted.set_taggers["use"].classes_)
    for value, others in zip(tags["value"], tags["alternatives"], strict=True):
        assert set(others) == known - set(value.split("|"))


def test_probabilities_of_values_are_questions_of_their_own(shop, products, fitted):
    views, asked = held_out(shop, products)
    found = fitted.probabilities("use", views, asked)
    assert found.columns.tolist() == ["beach", "party", "sport", "work"]
    assert (found.sum(axis=1) > 1.5).any()


def test_hidden_modality_is_not_used(shop, products, fitted):
    views, asked = held_out(shop, products)
    seen, read = np.ones(len(asked), dtype=bool), np.zeros(len(asked), dtype=bool)
    spoilt = {**views, "text": -views["text"], "fused": -views["fused"]}
    other = asked.assign(title="something else")
    tags = fitted.tag(views, asked, fields=["use"], has_image=seen, has_text=read)
    again = fitted.tag(spoilt, other, fields=["use"], has_image=seen, has_text=read)
    pd.testing.assert_frame_equal(tags, again)


def test_set_with_a_value_met_once_goes_to_review(shop, products):
    rare = products.copy()
    rare.loc[int(np.flatnonzero(shop.split == "train")[0]), "use"] += "|once"
    config = TaggerConfig(target_precision=0.5, assurance=0.6)
    found = TaggerSet.fit(shop.views, rare, fields=["use"], split=shop.split, config=config)
    tagger = found.set_taggers["use"]
    assert tagger.examples_[tagger.classes_.tolist().index("once")] == 1
    views, asked = held_out(shop, rare)
    ready = found.prepare(views, asked)
    both = {"has_image": np.ones(len(asked), bool), "has_text": np.ones(len(asked), bool)}
    chosen = tagger.choose(tagger.scores(ready, **both), **both)
    assert tagger.decide(chosen, **both).any()
    chosen.has[:, tagger.classes_.tolist().index("once")] = True
    assert not tagger.decide(chosen, **both).any()


def test_single_valued_tagger_of_a_field_of_sets_is_refused_by_name(fitted):
    with pytest.raises(ConfigError, match="'use' has several values per product"):
        fitted.tagger("use")


def test_saved_sets_are_tagged_alike(shop, products, fitted, tmp_path):
    fitted.save(tmp_path / "taggers", "print")
    again = TaggerSet.load(tmp_path / "taggers", "print")
    views, asked = held_out(shop, products)
    before, after = fitted.tag(views, asked), again.tag(views, asked)
    pd.testing.assert_frame_equal(before, after, atol=1e-5)


def test_damaged_field_of_sets_is_refused(fitted, tmp_path):
    fitted.save(tmp_path / "taggers", "print")
    path = tmp_path / "taggers" / "set-000.json"
    path.write_text(path.read_text(encoding="utf-8").replace("beach", "beach2"), encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace('"party",', ""), encoding="utf-8")
    with pytest.raises(ArtefactError, match="run the fit again"):
        TaggerSet.load(tmp_path / "taggers", "print")


def test_report_measures_sets_beside_baselines(shop, products, fitted):
    found = evaluate_tagging(fitted, shop.views, products, split=shop.split, fields=["use"])
    table = found.pivot_table(index="model", columns="metric", values="value")
    assert set(table.index) == {"fused", "image only", "text only", "tfidf+svm", "majority"}
    for metric in ("accuracy", "micro_f1", "macro_f1"):
        assert table.loc["fused", metric] > 0.95
        assert table.loc["fused", metric] > table.loc["tfidf+svm", metric]
    assert table.loc["tfidf+svm", "micro_f1"] > table.loc["majority", "micro_f1"]
    views, asked = held_out(shop, products)
    tags = fitted.tag(views, asked, fields=["use"])
    right = (tags["value"].to_numpy() == fitted.labels(asked, "use")).mean()
    assert table.loc["fused", "accuracy"] == pytest.approx(right)
    assert table.loc["fused", "coverage"] == pytest.approx((tags["decision"] == "auto").mean())
