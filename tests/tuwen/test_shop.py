"""The shop folder: state, products swapped as a whole, fingerprints checked."""

import json

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import ArtefactError, FingerprintError
from core_embeddings.vector_table import VectorTable
from tuwen.shop import Shop


def products(*ids):
    count = len(ids)
    return pd.DataFrame(
        {
            "product_id": list(ids),
            "title": [f"title of {name}" for name in ids],
            "description": [""] * count,
            "category": ["A > B"] * count,
            "brand": [""] * count,
            "image": [("/tmp/one.jpg", "/tmp/two.jpg")] + [()] * (count - 1),
            "image_digest": [("aa", "bb")] + [()] * (count - 1),
            "color": ["red"] * count,
            "price": [1.5] + [np.nan] * (count - 1),
            "split": ["train"] * count,
        }
    )


def vectors(*ids, fingerprint="f1"):
    rows = np.eye(len(ids), 4, dtype=np.float32)
    has = np.ones(len(ids), dtype=bool)
    return VectorTable(list(ids), rows, ~has, has, fingerprint)


def test_a_catalogue_comes_back_as_it_was_written(tmp_path):
    shop = Shop.create(tmp_path / "shop")
    frame = products("a", "b", "c")
    shop.write_products(frame)
    pd.testing.assert_frame_equal(shop.catalogue(), frame)
    assert shop.catalogue()["image"].tolist()[0] == ("/tmp/one.jpg", "/tmp/two.jpg")


def test_vectors_of_another_embedder_are_refused(tmp_path):
    shop = Shop.create(tmp_path / "shop")
    shop.write_products(products("a"), vectors("a"))
    shop.update(fingerprint="f1")
    assert shop.vectors().product_ids == ["a"]
    shop.update(fingerprint="f2")
    with pytest.raises(FingerprintError, match=r"was made with embedder f1, but .* is f2"):
        shop.vectors()


def test_writing_products_leaves_exactly_one_products_folder(tmp_path):
    shop = Shop.create(tmp_path / "shop")
    for ids in (("a", "b"), ("a",), ("c",)):
        shop.write_products(products(*ids), vectors(*ids))
    assert shop.catalogue()["product_id"].tolist() == ["c"]
    assert [f.name for f in shop.root.glob("products-*")] == ["products-0003"]


def test_a_kill_while_products_are_written_leaves_the_old_ones(tmp_path, monkeypatch):
    shop = Shop.create(tmp_path / "shop")
    shop.write_products(products("a"), vectors("a"))

    def killed(path, table):
        raise KeyboardInterrupt

    monkeypatch.setattr("tuwen.shop.write_vectors", killed)
    with pytest.raises(KeyboardInterrupt):
        shop.write_products(products("b"), vectors("b"))
    assert Shop.open(shop.root).catalogue()["product_id"].tolist() == ["a"]


def test_vectors_in_another_order_than_the_products_are_refused(tmp_path):
    shop = Shop.create(tmp_path / "shop")
    with pytest.raises(ValueError, match="the products' ids in the products' order"):
        shop.write_products(products("a", "b"), vectors("b", "a"))


def test_a_folder_with_other_things_is_not_taken_over(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ArtefactError, match="exists and is not a shop"):
        Shop.create(tmp_path)


def test_creating_an_existing_shop_opens_it(tmp_path):
    Shop.create(tmp_path / "shop").update(seed=7)
    assert Shop.create(tmp_path / "shop").state.seed == 7


def test_opening_what_is_no_shop_says_how_to_make_one(tmp_path):
    with pytest.raises(ArtefactError, match=r"is not a shop .* tuwen fit CATALOGUE --out"):
        Shop.open(tmp_path)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"format_version": 99}, "has format version 99; this tuwen reads 1"),
        ([], "has format version None"),
        ({"format_version": 1, "name": "x", "other": 1}, "is damaged"),
    ],
)
def test_a_state_of_another_format_is_refused(tmp_path, state, message):
    (tmp_path / "shop.json").write_text(json.dumps(state))
    with pytest.raises(ArtefactError, match=message):
        Shop.open(tmp_path)


def test_an_unfinished_shop_says_how_to_finish_it(tmp_path):
    shop = Shop.create(tmp_path / "shop")
    with pytest.raises(ArtefactError, match="was not finished; run the same tuwen fit again"):
        shop.validate()
    shop.update(complete=True)
    shop.validate()


@pytest.mark.parametrize("part", ["embedder", "taggers", "recommender", "products_folder"])
def test_a_part_that_is_not_there_says_what_to_run(tmp_path, part):
    shop = Shop.create(tmp_path / "shop")
    with pytest.raises(ArtefactError, match=r"run .*tuwen fit"):
        getattr(shop, part)()
