"""Heads fitted again from their weights: near the full fit, in a few steps, nothing else moved."""

import numpy as np
import pytest

from classify.decisions import NEVER
from classify.modalities import Part
from classify.refit import LEARNED_FROM, refit
from classify.tagger_config import TaggerConfig
from classify.taggers import TaggerSet

CONFIG = TaggerConfig(dense_size=4, min_count=1, char_ngrams=False)


@pytest.fixture(scope="module")
def fitted(shop):
    return TaggerSet.fit(
        shop.views, shop.products, fields=["shape", "season"], split=shop.split, config=CONFIG
    )


def again(fitted, shop, products, fields=("shape",)):
    return refit(fitted, shop.views, products, fields=fields, learned=shop.split != "test")


def scores(taggers, shop, products, field="shape"):
    return taggers.probabilities(field, shop.views, products)


def relabelled(shop, rows, value):
    products = shop.products.copy()
    products.loc[rows, "shape"] = value
    return products


def test_without_a_change_the_answers_stay(fitted, shop):
    same = again(fitted, shop, shop.products, ("shape", "season"))
    for field in same.fields:
        before, after = (scores(one, shop, shop.products, field) for one in (fitted, same))
        assert np.abs(before - after).to_numpy().max() < 0.02


def test_only_the_named_fields_move_and_what_was_chosen_stays(fitted, shop):
    products = relabelled(shop, shop.products.index[:40], "star")
    new = again(fitted, shop, products)
    assert new.taggers["season"] is fitted.taggers["season"]
    old, now = fitted.taggers["shape"], new.taggers["shape"]
    assert now.combinations_ == old.combinations_ and now.evidence_ == old.evidence_
    for part, head in now.parts_.items():
        assert head.temperature_ == old.parts_[part].temperature_
        assert head.coef_.shape == old.parts_[part].coef_.shape
        assert not np.allclose(head.coef_, old.parts_[part].coef_)


def test_corrected_labels_move_the_answers_towards_those_of_a_full_fit(fitted, shop):
    rng = np.random.default_rng(0)
    wrong = relabelled(shop, rng.choice(shop.products.index, 80, replace=False), "round")
    start = TaggerSet.fit(shop.views, wrong, fields=["shape"], split=shop.split, config=CONFIG)
    right = scores(fitted, shop, shop.products)
    before = np.abs(scores(start, shop, wrong) - right).to_numpy().mean()
    after = np.abs(scores(again(start, shop, shop.products), shop, wrong) - right)
    assert after.to_numpy().mean() < before / 2


def test_held_out_rows_teach_nothing(fitted, shop):
    held_out = shop.products.index[shop.split == "test"]
    new = again(fitted, shop, relabelled(shop, held_out, "unheard-of"))
    plain = again(fitted, shop, shop.products)
    assert scores(new, shop, shop.products).equals(scores(plain, shop, shop.products))


def test_a_new_value_is_learned_from_enough_products_and_not_from_fewer(shop):
    star = shop.products["shape"] == "star"
    unheard = relabelled(shop, shop.products.index[star], "")
    start = TaggerSet.fit(shop.views, unheard, fields=["shape"], split=shop.split, config=CONFIG)
    rows = shop.products.index[star & (shop.split != "test")]
    unheard.loc[rows[: LEARNED_FROM - 1], "shape"] = "star"
    few = again(start, shop, unheard)
    assert few.taggers["shape"].classes_.tolist() == ["round", "square"]
    unheard.loc[rows[:LEARNED_FROM], "shape"] = "star"
    enough = again(start, shop, unheard)
    assert enough.taggers["shape"].classes_.tolist() == ["round", "square", "star"]
    assert (
        enough.taggers["shape"].examples_.sum()
        == ((unheard["shape"] != "") & (shop.split != "test")).sum()
    )
    said = scores(enough, shop, shop.products).idxmax(axis=1).to_numpy()
    unseen = shop.split == "test"
    assert (said == "star")[unseen & star].mean() > 0.9
    assert (said == "star")[unseen & ~star].mean() < 0.05


@pytest.mark.parametrize("left", [["round", "star"], ["heart"]])
def test_a_head_that_cannot_be_fitted_again_forgets_the_values_that_are_gone(
    fitted, shop, tmp_path, left
):
    """No product has a picture any more, so the heads of pictures stay, less what nobody has."""
    products = shop.products.copy()
    products["shape"] = np.resize(left, len(products))
    none = np.zeros(len(products), dtype=bool)
    new = refit(
        *(fitted, shop.views, products),
        fields=["shape"],
        learned=shop.split != "test",
        has_image=none,
    )
    tagger = new.taggers["shape"]
    assert tagger.classes_.tolist() == left
    assert all(set(head.classes_) <= set(left) for head in tagger.parts_.values())
    seen = scores(new, shop, products)
    np.testing.assert_allclose(seen.sum(axis=1), 1)
    new.save(tmp_path / "taggers", "f" * 32)
    loaded = TaggerSet.load(tmp_path / "taggers")
    np.testing.assert_allclose(scores(loaded, shop, products), seen, atol=1e-4)
    if "star" in left:
        image = new.taggers["shape"].parts_[Part("image", "softmax")]
        assert (
            image.predict(shop.views["image"])[shop.products["shape"] == "star"] == "star"
        ).all()


def test_what_was_measured_of_a_level_is_kept_with_it_when_paths_become_deeper(shop):
    start = TaggerSet.fit(
        shop.views, shop.products, fields=["category"], split=shop.split, config=CONFIG
    )
    products = shop.products.copy()
    deeper = products.index[products["category"] == "star > summer"]
    products.loc[deeper, "category"] = "star > summer > sandal"
    old = start.taggers["category"].rules()
    found = again(start, shop, products, ("category",)).taggers["category"]
    for modality, rule in found.rules().items():
        assert rule.thresholds == (NEVER, *old[modality].thresholds)
    back = again(again(start, shop, products, ("category",)), shop, shop.products, ("category",))
    assert back.taggers["category"].rules() == old


def test_a_field_without_any_value_keeps_its_heads(fitted, shop):
    nothing = relabelled(shop, shop.products.index, "")
    assert again(fitted, shop, nothing).taggers["shape"] is fitted.taggers["shape"]


def test_a_saved_refit_answers_alike(fitted, shop, tmp_path):
    new = again(fitted, shop, relabelled(shop, shop.products.index[:40], "star"))
    new.save(tmp_path / "taggers", "f" * 32)
    loaded = TaggerSet.load(tmp_path / "taggers", "f" * 32)
    difference = scores(new, shop, shop.products) - scores(loaded, shop, shop.products)
    assert np.abs(difference).to_numpy().max() < 1e-4
