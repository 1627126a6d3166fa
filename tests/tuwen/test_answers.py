"""Answers are read as catalogue cells are; what cannot be used is set aside with its reason."""

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import TableError
from tuwen.answers import clean_value, read_answers
from tuwen.loading import TableOptions

PRODUCTS = pd.DataFrame(
    {
        "product_id": ["a", "0007"],
        "title": ["red thing", "blue thing"],
        "description": "",
        "category": ["A > B", ""],
        "brand": "",
        "image": [(), ()],
        "image_digest": [(), ()],
        "color": ["red", ""],
        "price": [1.5, np.nan],
        "stock": [1, 2],
        "split": "train",
    }
)


def read(tmp_path, text, options=None):
    path = tmp_path / "answers.csv"
    path.write_text(text, encoding="utf-8")
    return read_answers(path, PRODUCTS, options or TableOptions())


def test_good_rows_are_kept_and_bad_ones_say_why(tmp_path):
    found = read(
        tmp_path,
        "product_id,field,answer\n"
        "0007,category,Shoes>Boots\n"
        "a,color, red | blue \n"
        "a,price,2.25\n"
        "a,stock,3\n"
        "b,color,red\n"
        "a,colour,red\n"
        "a,image,x.jpg\n"
        "a,split,test\n"
        "0007,color,\n"
        "a,color,green\n"
        "0007,price,cheap\n"
        "0007,stock,2.5\n",
    )
    assert found.cells == {
        ("0007", "category"): "Shoes > Boots",
        ("a", "color"): "red|blue",
        ("a", "price"): 2.25,
        ("a", "stock"): 3,
    }
    reasons = found.rejects.set_index("row")["reason"]
    assert reasons.to_dict() == {
        5: "the shop holds no such product",
        6: "the catalogue has no such field to correct",
        7: "the catalogue has no such field to correct",
        8: "the catalogue has no such field to correct",
        9: "no answer",
        10: "answered by a row above",
        11: "not a value that this field can hold",
        12: "not a value that this field can hold",
    }


def test_the_answer_counts_where_there_is_one_and_else_the_value(tmp_path):
    both = read(tmp_path, "product_id,field,value,answer\na,color,red,green\n")
    assert both.cells == {("a", "color"): "green"}
    alone = read(tmp_path, "product_id,field,value\na,color,blue\n")
    assert alone.cells == {("a", "color"): "blue"}


def test_a_list_of_suggestions_without_answers_is_none(tmp_path):
    with pytest.raises(TableError, match="no column 'answer', which is required"):
        read(tmp_path, "product_id,field,value,suggested\na,color,red,blue\n")


def test_a_defused_formula_comes_back_as_it_was(tmp_path):
    found = read(tmp_path, "product_id,field,answer\na,title,'=SUM(A1)\n")
    assert found.cells == {("a", "title"): "=SUM(A1)"}


def test_a_file_without_answers_is_refused(tmp_path):
    with pytest.raises(TableError, match="holds no answer that can be used; fill in the column"):
        read(tmp_path, "product_id,field,answer\na,color,\n")
    with pytest.raises(TableError, match="no column 'value', which is required"):
        read(tmp_path, "product_id,field\na,color\n")


def test_strict_refuses_any_reject(tmp_path):
    with pytest.raises(TableError, match="--strict allows no rejected rows, but 1 came"):
        read(
            tmp_path,
            "product_id,field,answer\na,color,red\nb,color,red\n",
            TableOptions(strict=True),
        )


def test_values_are_cleaned_as_their_column_is():
    assert clean_value("  two\u200b  words ", PRODUCTS["title"]) == "two words"
    assert clean_value("nan", PRODUCTS["price"]) is None
    assert clean_value(" > ", PRODUCTS["category"]) is None
    assert isinstance(clean_value("4", PRODUCTS["stock"]), int)
