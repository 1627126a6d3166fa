"""Which vectors depend on what changed, and that others stay."""

import numpy as np
import pandas as pd

from core_embeddings.vector_table import VectorTable
from tuwen.renewing import chosen, replaced, rows_to_embed


def products():
    return pd.DataFrame(
        {
            "product_id": ["a", "b", "c"],
            "title": ["red thing", "", ""],
            "description": "",
            "category": "A",
            "brand": ["", "", "Yunjian"],
            "image": [("x.jpg",)] * 3,
            "image_digest": [("d",)] * 3,
            "color": ["red", "", ""],
            "price": [1.0, np.nan, np.nan],
        }
    )


def changed(row, **values):
    before = products()
    after = before.copy()
    for name, value in values.items():
        after.loc[row, name] = value
    return rows_to_embed(before, after).tolist()


def test_nothing_is_embedded_anew_where_nothing_changed():
    assert changed(0) == []


def test_a_text_or_a_brand_is_embedded_anew():
    assert changed(0, title="blue thing") == [0]
    assert changed(0, brand="Yunjian") == [0]
    assert changed(1, description="long") == [1]


def test_a_value_is_embedded_anew_only_where_it_stands_in_for_a_text():
    assert changed(0, color="blue") == []
    assert changed(1, color="blue") == [1]
    assert changed(2, category="B") == [2]
    assert changed(1, price=2.0) == [1]


def table(*ids, start=0):
    rows = np.arange(start, start + len(ids), dtype=np.float32)[:, None]
    has = np.array([at % 2 == 0 for at in range(len(ids))])
    return VectorTable(list(ids), rows, has, ~has, "f")


def test_rows_take_the_place_of_their_own_and_strangers_are_passed():
    old = table("a", "b", "c")
    new = replaced(old, table("c", "z", "a", start=10))
    assert new.product_ids == old.product_ids
    assert new.vectors.ravel().tolist() == [12, 1, 10]
    assert new.has_image.tolist() == [True, False, True]
    assert old.vectors.ravel().tolist() == [0, 1, 2]


def test_chosen_rows_keep_all_that_belongs_to_them():
    part = chosen(table("a", "b", "c"), np.array([1]))
    assert (part.product_ids, part.vectors.tolist()) == (["b"], [[1]])
    assert (part.has_image.tolist(), part.has_text.tolist()) == ([False], [True])
