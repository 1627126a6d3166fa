"""Kernel heads of a refit: new products and new values are known at once, other fields stay."""

import numpy as np
import pytest

from classify.joint_view import JointView
from classify.refit import refit
from classify.refit_kernel import KERNEL
from classify.tagger_config import TaggerConfig
from classify.taggers import TaggerSet


@pytest.fixture(scope="module")
def fitted(shop):
    early = np.arange(len(shop.split)) % 3 > 0
    kept = {name: X[early] for name, X in shop.views.items()}
    products = shop.products[early].reset_index(drop=True)
    split = np.where(shop.split[early] == "val", "val", "train").astype(object)
    return TaggerSet.fit(kept, products, fields=["shape", "season"], split=split)


def again(fitted, shop, *, size=6000, value=None):
    products = shop.products.copy()
    strangers = np.flatnonzero(np.arange(len(products)) % 3 == 0)
    if value is not None:
        products.loc[strangers[:6], "shape"] = value
    few = TaggerSet(**{**vars(fitted), "config": TaggerConfig(joint_rows=size)})
    learned = np.ones(len(products), dtype=bool)
    return products, strangers, refit(few, shop.views, products, fields=["shape"], learned=learned)


def test_products_that_came_later_are_known_after_a_refit(fitted, shop):
    products, strangers, found = again(fitted, shop)
    assert found.joint.ids[: len(fitted.joint.ids)] == fitted.joint.ids
    assert set(found.joint.ids) == set(products["product_id"])
    head = found.taggers["shape"].parts_[KERNEL]
    later = np.isin(found.joint.ids, products["product_id"].iloc[strangers])
    assert (np.abs(head.coef_[:, later]).sum(axis=0) > 0).all()


def test_a_refit_compares_no_product_with_all_known_ones_again(fitted, shop, monkeypatch):
    monkeypatch.delattr(JointView, "transform")
    _, _, found = again(fitted, shop)
    assert set(found.joint.ids) == set(shop.products["product_id"])


def test_where_there_is_no_room_only_products_of_new_values_are_learned(fitted, shop):
    products, strangers, found = again(fitted, shop, size=len(fitted.joint.ids), value="heart")
    new = found.joint.ids[len(fitted.joint.ids) :]
    assert set(new) == set(products["product_id"].iloc[strangers[:6]])
    assert "heart" in found.taggers["shape"].parts_[KERNEL].classes_


def test_other_fields_say_the_same_although_more_products_are_known(fitted, shop):
    _, _, found = again(fitted, shop)
    before = fitted.probabilities("season", shop.views, shop.products)
    after = found.probabilities("season", shop.views, shop.products)
    np.testing.assert_allclose(after, before, atol=1e-6)
