"""Neighbours are labelled, ordered by likeness, and never the product itself."""

import numpy as np
import pandas as pd

from core_embeddings.vector_table import VectorTable
from tuwen.reason_neighbours import Labelled, Neighbour


def labelled(own="p0"):
    angles = [0.0, 0.1, 0.2, 0.1, 3.0]
    vectors = np.array([[np.cos(a), np.sin(a)] for a in angles], dtype=np.float32)
    ids = ["p0", "p3", "p2", "p1", "p4"]
    products = pd.DataFrame(
        {"product_id": ids, "color": ["red", "blue", "", "green", "red"], "price": 1.0}
    )
    n = np.ones(5, dtype=bool)
    table = VectorTable(ids, vectors, n, n, "f")
    return Labelled(products, table, np.array([1.0, 0.0], np.float32), product_id=own)


def test_the_nearest_with_a_value_come_first_ties_by_id():
    found = labelled().nearest("color", k=2)
    assert [near.product_id for near in found] == ["p1", "p3"]
    assert found[0] == Neighbour("p1", "green", found[0].cosine)
    assert abs(found[0].cosine - np.cos(0.1)) < 1e-6


def test_the_product_itself_is_no_neighbour():
    assert "p0" not in [near.product_id for near in labelled().nearest("color", k=9)]
    assert [near.product_id for near in labelled(own="new").nearest("color", k=1)] == ["p0"]


def test_a_field_nobody_has_or_that_is_no_text_has_no_labelled_products():
    assert labelled().nearest("size") == []
    assert labelled().nearest("price") == []
