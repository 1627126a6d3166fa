"""A product's text is its own where it has one; the mode decides otherwise."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.errors import ConfigError
from core_embeddings.missing_parts import MissingText
from core_embeddings.missing_text import (
    DEFAULT_TEXT,
    has_text,
    language_wordings,
    product_texts,
    text_attributes,
    written_texts,
)

PRODUCTS = pd.DataFrame(
    {
        "product_id": ["p1", "p2", "p3", "p4"],
        "title": ["Nike running shoes", "Phone", "", "  "],
        "description": ["Light.", "", "", ""],
        "category": ["Shoes", "Electronics", "Clothing > Tops > Shirts", ""],
        "brand": ["NIKE", "华为", "Uniqlo", ""],
        "image": [(), (), ("/a.png",), ("/b.png",)],
        "image_digest": [(), (), ("00",), ("11",)],
        "color": ["white", "black", "red|white", ""],
        "price": [9.0, 99.0, np.nan, 5.0],
        "season": ["", "", "summer", ""],
        "split": ["train", "train", "val", "test"],
    }
)
OWN = ["Nike running shoes Light.", "Phone 华为"]


def test_title_brand_and_description_are_joined_and_missing_text_stays_empty_by_itself() -> None:
    assert product_texts(PRODUCTS) == [*OWN, "", ""]


def test_text_in_other_languages_is_read_with_titles_first_and_is_no_attribute() -> None:
    products = PRODUCTS.assign(
        title_zh=["耐克跑鞋", "手机", "", "Nike"], description_zh=["轻便", "", "", ""]
    )
    assert written_texts(products)[0] == "Nike running shoes 耐克跑鞋 Light. 轻便"
    assert product_texts(products)[0] == "Nike running shoes 耐克跑鞋 Light. 轻便"
    assert product_texts(products)[1] == "Phone 手机 华为"
    assert has_text(products).tolist() == [True, True, False, True]
    assert text_attributes(products) == text_attributes(PRODUCTS)


def test_wordings_are_what_each_language_says_and_nothing_where_there_is_one() -> None:
    assert language_wordings(PRODUCTS) == []
    products = PRODUCTS.iloc[:3].assign(title_zh=["跑鞋", "", ""], description_zh=["轻", "", "图"])
    assert language_wordings(products) == [
        ["Nike running shoes", "Nike running shoes Light.", "跑鞋", "跑鞋 轻"],
        ["Phone"],
        ["图"],
    ]


def test_brand_that_a_title_in_any_language_has_is_not_said_twice() -> None:
    products = pd.DataFrame({"title": ["Phone"], "title_zh": ["华为手机"], "brand": ["华为"]})
    assert product_texts(products) == ["Phone 华为手机"]


def test_default_is_one_constant_text() -> None:
    assert product_texts(PRODUCTS, "default") == [*OWN, DEFAULT_TEXT, DEFAULT_TEXT]


def test_context_puts_category_brand_and_text_attributes_only_where_text_is_missing() -> None:
    assert product_texts(PRODUCTS, "context") == [
        *OWN,
        "Clothing Tops Shirts Uniqlo red white summer",
        "",
    ]


def test_context_takes_the_attributes_it_is_given() -> None:
    texts = product_texts(PRODUCTS, "context", attributes=["season"])
    assert texts[2] == "Clothing Tops Shirts Uniqlo summer"


def test_image_puts_the_inferred_words_only_where_text_is_missing() -> None:
    inferred = ["no", "no", "red shirt", "blue jeans"]
    assert product_texts(PRODUCTS, "image", inferred=inferred) == [*OWN, "red shirt", "blue jeans"]


def test_has_text_looks_at_title_and_description_alone() -> None:
    assert has_text(PRODUCTS).tolist() == [True, True, False, False]
    described = pd.DataFrame({"title": [""], "description": ["warm"], "brand": [""]})
    assert has_text(described).tolist() == [True]


@pytest.mark.parametrize(
    ("title", "brand", "text"),
    [
        ("HP laptop", "hp", "HP laptop"),
        ("Worship candle", "hip", "Worship candle hip"),
        ("华为手机", "华为", "华为手机"),
        ("ＡＰＰＬＥ watch", "Apple", "ＡＰＰＬＥ watch"),
        ("C++ book", "c++", "C++ book"),
        ("Bag", "(.*)", "Bag (.*)"),
        ("Bag", "", "Bag"),
    ],
)
def test_brand_is_added_unless_the_title_names_it(title: str, brand: str, text: str) -> None:
    frame = pd.DataFrame({"title": [title], "description": [""], "brand": [brand]})
    assert product_texts(frame) == [text]


def test_text_attributes_are_text_columns_that_are_not_reserved() -> None:
    assert text_attributes(PRODUCTS) == ["color", "season"]


def test_absent_columns_count_as_empty() -> None:
    assert product_texts(pd.DataFrame({"title": ["Red dress"]})) == ["Red dress"]
    assert product_texts(pd.DataFrame({"product_id": ["p"]}), "context") == [""]


def test_no_products_give_no_texts() -> None:
    empty = PRODUCTS.iloc[:0]
    assert product_texts(empty, "context") == []
    assert product_texts(empty, "image", inferred=[]) == []
    assert has_text(empty).shape == (0,)


@given(st.permutations(range(4)), st.sampled_from(["mask", "default", "context"]))
def test_text_of_a_product_does_not_depend_on_the_other_rows(
    order: list[int], mode: MissingText
) -> None:
    expected = product_texts(PRODUCTS, mode)
    assert product_texts(PRODUCTS.iloc[order], mode) == [expected[row] for row in order]
    assert [product_texts(PRODUCTS.iloc[[row]], mode)[0] for row in order] == [
        expected[row] for row in order
    ]


def test_image_without_one_inferred_text_per_product_is_refused() -> None:
    with pytest.raises(ConfigError, match="each of 4 products; got none; infer words"):
        product_texts(PRODUCTS, "image")
    with pytest.raises(ConfigError, match="each of 4 products; got 1; infer words"):
        product_texts(PRODUCTS, "image", inferred=["red"])


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="one of 'mask', 'default', 'context', 'image'; got 'guess'"
    ):
        product_texts(PRODUCTS, "guess")  # type: ignore[arg-type]
