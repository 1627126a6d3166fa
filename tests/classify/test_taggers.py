"""Tagging a catalogue whose labels follow from construction."""

import numpy as np
import pandas as pd
import pytest

from classify import tags as tagging
from classify.joint_view import JointView
from classify.tagger_config import TaggerConfig
from classify.taggers import TaggerSet
from core_embeddings.errors import ConfigError, TableError

FIELDS = ("category", "shape", "season", "same", "noise")


@pytest.fixture(scope="module")
def fitted(shop):
    return TaggerSet.fit(shop.views, shop.products, fields=FIELDS, split=shop.split)


def values(tags, field):
    return tags[tags["field"] == field].set_index("product_id")["value"]


def noting(seen, transform):
    def note(joint, views):
        seen.append(len(views["fused"]))
        return transform(joint, views)

    return note


def rows_of(shop, mask):
    return {name: X[mask] for name, X in shop.views.items()}, shop.products[mask]


def among(shop, rows):
    return np.isin(np.arange(len(shop.products)), rows)


def test_tags_of_held_out_products_are_right_and_have_the_public_columns(shop, fitted):
    views, held_out = rows_of(shop, shop.split == "test")
    tags = fitted.tag(views, held_out)
    assert list(tags.columns) == [
        "product_id", "field", "value", "confidence", "decision", "alternatives",
    ]  # fmt: skip
    assert len(tags) == len(held_out) * len(FIELDS)
    for field in ("category", "shape", "season"):
        truth = held_out.set_index("product_id")[field]
        assert (values(tags, field) == truth).mean() > 0.95
    assert tags["confidence"].between(0, 1).all()
    assert set(tags["decision"]) == {"auto", "review"}


def test_tags_are_sorted_by_product_then_field_whatever_the_order_of_rows(shop, fitted):
    order = np.random.default_rng(0).permutation(len(shop.products))
    shuffled = fitted.tag(
        {name: X[order] for name, X in shop.views.items()}, shop.products.iloc[order]
    )
    straight = fitted.tag(shop.views, shop.products)
    assert straight[["product_id", "field"]].equals(
        straight[["product_id", "field"]].sort_values(["product_id", "field"], ignore_index=True)
    )
    pd.testing.assert_frame_equal(shuffled, straight, rtol=1e-4)


def test_alternatives_are_the_next_values_without_the_first(shop, fitted):
    tags = fitted.tag(shop.views, shop.products, fields=["category", "shape", "same"])
    for field, count in (("category", 4), ("shape", 2), ("same", 0)):
        rows = tags[tags["field"] == field]
        assert {len(others) for others in rows["alternatives"]} == {count}
        assert not any(
            value in others
            for value, others in zip(rows["value"], rows["alternatives"], strict=True)
        )
    some = fitted.probabilities("category", shop.views, shop.products).iloc[0]
    expected = some.sort_values(ascending=False, kind="stable").index[1:5].tolist()
    assert tags[tags["field"] == "category"].iloc[0]["alternatives"] == expected


def test_probabilities_are_told_chunk_by_chunk_and_a_view_too_long_is_refused(
    shop, fitted, monkeypatch
):
    whole = fitted.probabilities("season", shop.views, shop.products)
    monkeypatch.setattr(tagging, "CHUNK", 60)
    seen = []
    monkeypatch.setattr(JointView, "transform", noting(seen, JointView.transform))
    parted = fitted.probabilities("season", shop.views, shop.products)
    np.testing.assert_allclose(parted, whole, atol=1e-6)
    assert parted.index.equals(whole.index) and seen == [60] * 4
    with pytest.raises(TableError, match="view 'fused' must have one row per product"):
        fitted.probabilities("season", shop.views, shop.products[:180])
    none = fitted.probabilities("season", *rows_of(shop, np.zeros(len(shop.products), bool)))
    assert none.shape == (0, 3)


def test_probabilities_sum_to_one_and_give_the_tags_confidence(shop, fitted):
    probabilities = fitted.probabilities("season", shop.views, shop.products)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    tags = fitted.tag(shop.views, shop.products, fields=["season"])
    np.testing.assert_allclose(probabilities.max(axis=1), tags["confidence"])
    assert probabilities.index.tolist() == shop.products["product_id"].tolist()


def test_hidden_modality_is_not_used(shop, fitted):
    """Garbage in the hidden views, the fused one included, must not change a digit."""
    none, every = np.zeros(len(shop.products), bool), np.ones(len(shop.products), bool)
    garbage = {name: X * 0 + 7 for name, X in shop.views.items()}
    for own, masks in (
        ("image", {"has_image": every, "has_text": none}),
        ("text", {"has_image": none, "has_text": every}),
    ):
        spoiled = {**garbage, own: shop.views[own]}
        pd.testing.assert_frame_equal(
            fitted.probabilities("category", shop.views, shop.products, **masks),
            fitted.probabilities("category", spoiled, shop.products, **masks),
        )
    seen = fitted.tag(shop.views, shop.products, has_image=every, has_text=none)
    truth = shop.products.set_index("product_id")
    assert (values(seen, "shape") == truth["shape"]).mean() > 0.95
    assert (values(seen, "season") == truth["season"]).mean() < 0.6


def test_mixed_rows_get_what_each_would_get_alone(shop, fitted):
    has_text = np.arange(len(shop.products)) % 2 == 0
    has_image = ~has_text | (np.arange(len(shop.products)) % 3 == 0)
    mixed = fitted.probabilities(
        "category", shop.views, shop.products, has_image=has_image, has_text=has_text
    )
    for kind in ((True, True), (True, False), (False, True)):
        mask = (has_image == kind[0]) & (has_text == kind[1])
        views, products = rows_of(shop, mask)
        alone = fitted.probabilities(
            "category", views, products, has_image=has_image[mask], has_text=has_text[mask]
        )
        np.testing.assert_allclose(mixed[mask], alone, atol=1e-6)


def test_noise_is_sent_to_review_and_certain_fields_are_not(shop, fitted):
    tags = fitted.tag(shop.views, shop.products)
    auto = (tags["decision"] == "auto").groupby(tags["field"]).mean()
    assert auto["noise"] < 0.1
    assert auto["shape"] > 0.9
    assert auto["same"] == 1


def test_any_promise_can_be_asked_for_and_by_field(shop, fitted, tmp_path):
    fitted.save(tmp_path / "t", "print")
    for taggers in (fitted, TaggerSet.load(tmp_path / "t")):
        tags = taggers.tag(shop.views, shop.products, target_precision={"shape": 1.0})
        auto = (tags["decision"] == "auto").groupby(tags["field"]).mean()
        assert auto["shape"] == 0
        assert auto["season"] > 0.9
        loose = taggers.tag(shop.views, shop.products, fields=["noise"], target_precision=0.3)
        assert (loose["decision"] == "auto").mean() > 0.9
    with pytest.raises(ConfigError, match=r"'shade', which was not learned"):
        fitted.tag(shop.views, shop.products, target_precision={"shade": 0.9})


def test_a_category_too_unsure_to_be_whole_is_decided_as_far_as_it_is_sure(shop):
    """The season of half the products is a coin's throw; their shape is seen."""
    rng = np.random.default_rng(3)
    season = shop.products["season"].to_numpy()
    thrown = np.where(rng.random(len(season)) < 0.5, "summer", "winter")
    vague = np.where(np.arange(len(season)) % 8 < 4, thrown, season)
    kinds = [f"{s} > {t}" for s, t in zip(shop.products["shape"], vague, strict=True)]
    products = shop.products.assign(category=kinds, title="thing")
    found = TaggerSet.fit(shop.views, products, fields=["category"], split=shop.split)
    tags = found.tag(shop.views, products, target_precision=0.9)
    auto = tags[tags["decision"] == "auto"]
    started = auto[auto["value"].isin({"round", "square", "star"})]
    assert len(started) > 40
    truth = products.set_index("product_id")["category"]
    right = [
        full.startswith(f"{start} > ")
        for start, full in zip(started["value"], truth.loc[started["product_id"]], strict=True)
    ]
    assert np.mean(right) > 0.95
    assert all(
        set(others) <= {name for name in truth if name.startswith(value)}
        for value, others in zip(started["value"], started["alternatives"], strict=True)
    )
    whole = found.tag(shop.views, products, target_precision=1.0)  # which nothing can promise
    assert set(whole["decision"]) == {"review"}
    assert set(whole["value"]) <= set(truth)


def test_value_with_one_training_row_is_learned_but_never_auto(shop):
    products = shop.products.copy()
    lonely = np.flatnonzero(shop.split == "train")[0]
    products.loc[lonely, "shape"] = "unique"
    views = {name: X.copy() for name, X in shop.views.items()}
    for X in views.values():
        X[lonely] = -9
    found = TaggerSet.fit(views, products, fields=["shape"], split=shop.split)
    tag = found.tag(
        rows_of(shop._replace(views=views), slice(lonely, lonely + 1))[0], products.iloc[[lonely]]
    ).iloc[0]
    assert (tag["value"], tag["decision"]) == ("unique", "review")


def test_value_that_only_validation_products_have_is_learned(shop):
    """Its rows choose nothing, since none of them was scored by a head that knew it."""
    products = shop.products.copy()
    late = np.flatnonzero(shop.split == "val")[:8]
    products.loc[late, "shape"] = "heart"
    views = {name: X.copy() for name, X in shop.views.items()}
    for X in views.values():
        X[late] = -3
    found = TaggerSet.fit(views, products, fields=["shape"], split=shop.split)
    tags = found.tag(*rows_of(shop._replace(views=views, products=products), among(shop, late)))
    assert set(tags["value"]) == {"heart"}


def test_shelf_with_one_product_learns_from_its_kin(shop):
    """What a shelf sells is seen and whose shelf it is is written: each is known from others."""
    rng = np.random.default_rng(1)
    kind, shelf = shop.products["shape"].to_numpy(), shop.products["season"].to_numpy()
    rare = np.flatnonzero((kind == "star") & (shelf == "winter"))
    split = shop.split.copy()
    split[rare] = "test"
    split[rng.choice(rare, 1)] = "train"
    products = shop.products.assign(
        category=[f"{s} > {k}" for s, k in zip(shelf, kind, strict=True)]
    )
    right = {}
    for kin in (False, True):
        config = TaggerConfig(kin=kin, lexical=False, joint_rows=0)
        found = TaggerSet.fit(shop.views, products, fields=["category"], split=split, config=config)
        tags = found.tag(*rows_of(shop, among(shop, rare)))
        right[kin] = (tags["value"] == "winter > star").mean()
    assert right[True] > 0.95 > right[False] + 0.2


def test_where_few_cells_hold_several_values_the_first_is_the_label(shop):
    shapes = shop.products["shape"].copy()
    shapes.iloc[:3] += "|extra"
    products = shop.products.assign(shape=shapes)
    found = TaggerSet.fit(shop.views, products, fields=["shape"], split=shop.split)
    assert found.taggers["shape"].classes_.tolist() == ["round", "square", "star"]


def test_field_without_labels_is_skipped_and_said(shop):
    products = shop.products.assign(empty="")
    found = TaggerSet.fit(shop.views, products, fields=["empty", "same"], split=shop.split)
    assert (found.fields, found.skipped) == (("same",), ("empty",))


def test_without_validation_rows_everything_goes_to_review(shop):
    split = np.where(shop.split == "val", "train", shop.split)
    found = TaggerSet.fit(shop.views, shop.products, fields=["shape"], split=split)
    tags = found.tag(shop.views, shop.products)
    assert set(tags["decision"]) == {"review"}
    assert (values(tags, "shape") == shop.products.set_index("product_id")["shape"]).mean() > 0.95


def test_one_view_of_both_modalities_serves_every_product(shop):
    found = TaggerSet.fit(
        {"fused": shop.views["fused"]},
        shop.products,
        fields=["shape"],
        split=shop.split,
        config=TaggerConfig(lexical=False, dense_heads=("svm",)),
    )
    none = np.zeros(len(shop.products), bool)
    tags = found.tag({"fused": shop.views["fused"]}, shop.products, has_image=none)
    assert (values(tags, "shape") == shop.products.set_index("product_id")["shape"]).mean() > 0.95


def test_no_products_give_an_empty_table(shop, fitted):
    views, none = rows_of(shop, np.zeros(len(shop.products), bool))
    assert fitted.tag(views, none).empty


def test_explain_gives_shares_per_field_and_modality(fitted):
    shares = fitted.explain()
    np.testing.assert_allclose(shares.groupby(["field", "modality"])["share"].sum(), 1)
    image_only = shares[shares["modality"] == "image"]
    assert set(image_only["view"]) == {"image"}
    assert set(shares[shares["modality"] == "text"]["view"]) == {
        "text", "lexical", "words", "title",
    }  # fmt: skip


def test_wrong_inputs_are_named(shop, fitted):
    with pytest.raises(TableError, match=r"field 'shap' is no column.*did you mean 'shape'"):
        TaggerSet.fit(shop.views, shop.products, fields=["shap"], split=shop.split)
    with pytest.raises(ConfigError, match="field 'shap' was not learned; did you mean 'shape'"):
        fitted.tag(shop.views, shop.products, fields=["shap"])
    with pytest.raises(TableError, match="missing: image"):
        fitted.tag({"fused": shop.views["fused"], "text": shop.views["text"]}, shop.products)
    with pytest.raises(TableError, match="view 'image' must have 3 features"):
        fitted.tag({**shop.views, "image": shop.views["fused"]}, shop.products)
    with pytest.raises(TableError, match="one row per product, 240"):
        fitted.tag({**shop.views, "image": shop.views["image"][:5]}, shop.products)
