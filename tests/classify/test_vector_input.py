"""Vectors joined with products: by id, in the products' order."""

import numpy as np
import pandas as pd
import pytest

from classify.vector_input import read_vector_products
from core_embeddings.errors import TableError
from core_embeddings.vector_table import VectorTable, write_vectors


@pytest.fixture
def vectors(tmp_path):
    has_image, has_text = np.array([True, False, True]), np.array([True, True, False])
    table = VectorTable(["c", "a", "b"], np.eye(3, dtype=np.float32), has_image, has_text, "f1")
    write_vectors(tmp_path / "v.parquet", table)
    return tmp_path / "v.parquet"


def write(folder, **columns):
    pd.DataFrame(columns).to_parquet(folder / "p.parquet")
    return folder / "p.parquet"


def test_rows_follow_the_products_and_the_rest_is_counted(vectors, tmp_path):
    found = read_vector_products(vectors, write(tmp_path, product_id=["b", "x", "c"]))
    assert found.products["product_id"].tolist() == ["b", "c"]
    assert np.array_equal(found.vectors, np.eye(3)[[2, 0]])
    assert found.has_image.tolist() == [True, True] and found.has_text.tolist() == [False, True]
    assert (found.fingerprint, found.without_vector) == ("f1", 1)
    assert found.products["title"].tolist() == ["", ""]


def test_empty_texts_are_no_text_whatever_the_vector_was_made_from(vectors, tmp_path):
    products = write(tmp_path, product_id=["a", "c"], title=["", "t"], brand=[None, None])
    assert read_vector_products(vectors, products).has_text.tolist() == [False, True]


def test_the_first_row_of_an_id_counts_and_the_other_bad_rows_are_told(vectors, tmp_path):
    ids, titles = ["a", None, "a ", "c", "a", "x"], ["first", "", "later", "", "last", ""]
    found = read_vector_products(vectors, write(tmp_path, product_id=ids, title=titles))
    assert found.products["product_id"].tolist() == ["a", "c"]
    assert found.products["title"].tolist() == ["first", ""]
    assert found.without_vector == 1
    told = found.rejects[["row", "product_id", "reason"]].values.tolist()
    again = "duplicate id; the first row with it was kept"
    assert told == [[2, "", "missing id"], [3, "a", again], [5, "a", again]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"name": ["a"]}, "no column 'product_id', which is required; found: name"),
        ({"product_id": ["x"]}, "no product of .* has a vector"),
    ],
)
def test_products_that_cannot_be_joined_are_refused(vectors, tmp_path, columns, message):
    with pytest.raises(TableError, match=message):
        read_vector_products(vectors, write(tmp_path, **columns))
