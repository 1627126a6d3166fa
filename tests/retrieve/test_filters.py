import contextlib
import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core_embeddings.errors import FilterError
from retrieve.filter_syntax import MAX_DEPTH, MAX_LENGTH
from retrieve.filters import parse_filter

PRODUCTS = pd.DataFrame(
    {
        "product_id": ["a", "b", "c", "d"],
        "title": ["Silk dress", "Cotton Shirt", "O'Neill short", ""],
        "category": ["Ladieswear > Dress", "Menswear > Shirt", "Ladieswear > Dressing", ""],
        "brand": ["X", "y", "Z", ""],
        "price": [100.0, 499.5, 500.0, np.nan],
        "stock": pd.array([1, None, 3, -4], dtype="Int64"),
        "color": ["Black|White", "black", "Red", ""],
        "颜色": ["红色", "黑色", "红色|黑色", ""],
        "heel height": ["high", "low", "", "high"],
        "sale": [True, False, True, False],
        "image": [("a.png",), (), ("c.png", "d.png"), ()],
    }
)


def found(text):
    return "".join(PRODUCTS["product_id"][parse_filter(text).mask(PRODUCTS)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("price < 500", "ab"),
        ("price <= 500", "abc"),
        ("price > 100", "bc"),
        ("price >= 4.995e2", "bc"),
        ("price = 500", "c"),
        ("price == 500.", "c"),
        ("price != 500", "ab"),
        ("price <> 500", "ab"),
        ("price in (100, 500)", "ac"),
        ("stock > 0", "ac"),
        ("stock = -4", "d"),
        ("stock not in (1, 3)", "d"),
        ("brand = 'x'", "a"),  # case does not count
        ('brand = "Y"', "b"),
        ("brand != 'x'", "bc"),
        ("color = 'black'", "ab"),  # any of several values
        ("color = 'White'", "a"),
        ("color in ('red', 'WHITE')", "ac"),
        ("color not in ('red', 'white')", "b"),
        ("title contains 'SILK'", "a"),
        ("title not contains 'silk'", "bc"),
        ("title = 'O''Neill short'", "c"),
        ('title contains "O\'N"', "c"),
        ("category under 'ladieswear'", "ac"),
        ("category under 'Ladieswear > Dress'", "a"),  # whole levels: not Dressing
        ("category under 'Ladieswear>Dress'", "a"),
        ("category under 'Dress'", ""),  # from the top
        ("category not under 'Ladieswear'", "b"),
        ("颜色 = '红色'", "ac"),
        ("颜色 contains '黑'", "bc"),
        ("`heel height` = 'high'", "ad"),
        ("sale = 'true'", "ac"),
        ("price is missing", "d"),
        ("stock is missing", "b"),
        ("brand is not missing", "abc"),
        ("image is missing", "bd"),
        ("NOT price < 500", "c"),
        ("price < 500 and brand = 'x' or color = 'red'", "ac"),  # and binds first
        ("price < 500 and (brand = 'x' or color = 'red')", "a"),
        ("not (brand = 'x' or title contains 'cotton')", "c"),
        ("not not brand = 'x'", "a"),
        (
            "price < 500 and color in ('Black','White') and category under 'Ladieswear > Dress' "
            "and not (brand = 'Q' or title contains 'cotton')",
            "a",
        ),
    ],
)
def test_filter_selects_exactly_these_products(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    "test", ["price < 500", "brand = 'x'", "color in ('red')", "category under 'Menswear'"]
)
def test_missing_value_matches_neither_a_test_nor_its_negation(test):
    assert "d" not in found(test) + found(f"not ({test})") + found(f"not not ({test})")


def test_missing_side_is_unknown_as_in_sql():
    assert found("price < 500 or product_id = 'd'") == "abd"  # unknown or true
    assert found("not (price < 500 and product_id = 'd')") == "abc"  # unknown and true is unknown
    assert found("not (price < 500 and product_id = 'x')") == "abcd"  # unknown and false is false


@pytest.mark.parametrize("text", ["brand = ''", "title contains ''", "category under ''"])
def test_empty_text_matches_nothing(text):
    assert found(text) == ""


def test_columns_are_named_once_in_order_of_use():
    text = "price < 5 and (color = 'a' or price > 1) and brand is missing"
    assert parse_filter(text).columns == ("price", "color", "brand")


def test_row_order_and_index_do_not_matter():
    shuffled = PRODUCTS.iloc[[2, 0, 3, 1]]
    mask = parse_filter("color = 'black'").mask(shuffled)
    assert mask.tolist() == [False, True, False, True]
    assert mask.dtype == bool


def test_no_products_give_an_empty_mask():
    assert parse_filter("price < 5 and brand = 'x'").mask(PRODUCTS.iloc[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 'red'", "character 1: there is no column 'colour'; did you mean 'color'"),
        ("price < 5 and brnd = 'x'", "character 15: there is no column 'brnd'; did you mean 'bra"),
        ("brand < 'x'", "brand is text, which has no order; write brand = 'value'"),
        ("brand = 5", "brand is text; put the value between quotes"),
        ("brand in ('a', 5)", "brand is text; put the value between quotes"),
        ("price = '500'", "price is a number; write the value without quotes"),
        ("price contains '5'", "price is a number; write price = 500"),
        ("image = 'a.png'", "image is neither number nor text; only is missing"),
    ],
)
def test_mask_wrong_column_or_type_says_what_to_write(text, message):
    with pytest.raises(FilterError, match=message.replace("(", r"\(")):
        parse_filter(text).mask(PRODUCTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 1: expected a column name"),
        ("price", "character 6: expected = != <"),
        ("price <", "character 8: expected a number, or text between quotes.*got the end"),
        ("price < 500 color = 'x'", "character 13: expected and, or, or the end"),
        ("brand = Black", "character 9: expected a number, or text between quotes.*got 'Black'"),
        ("brand = 'x", "character 9: the quote ' is never closed"),
        ("(price < 5", "expected \\) to close the bracket; got the end"),
        ("color in 'x'", "expected \\( after in"),
        ("color in ()", "expected a number, or text"),
        ("color in ('a'", "expected \\) to close the list"),
        ("price is 5", "expected missing after is"),
        ("price not < 5", "expected = != <"),
        ("'price' < 5", "character 1: expected a column name"),
        ("and < 5", "expected a column name"),
        ("price ＜ 5", "write < instead"),
        ("brand = ‘x’", "write ' instead"),
        ("price < 1e999", "the number 1e999 is too large"),
        ("price < 5; drop table", "put text between quotes"),
        ("price < 12abc", "character 9"),
    ],
)
def test_parse_names_the_character_and_what_to_write(text, message):
    with pytest.raises(FilterError, match=message):
        parse_filter(text)


def test_quoted_keyword_is_a_column():
    frame = pd.DataFrame({"in": [1.0, 2.0], "a`b": ["x", "y"]})
    assert parse_filter("`in` = 2 and `a``b` = 'y'").mask(frame).tolist() == [False, True]


def test_too_long_or_too_deep_is_refused_and_just_fitting_is_not():
    deep = "(" * (MAX_DEPTH - 1) + "price < 5" + ")" * (MAX_DEPTH - 1)
    assert parse_filter(deep).columns == ("price",)
    for hostile in ("(" * 3000, "not " * 900 + "price < 5", f"({deep})"):
        with pytest.raises(FilterError, match="nested deeper than 40"):
            parse_filter(hostile)
    with pytest.raises(FilterError, match=f"at most {MAX_LENGTH} characters"):
        parse_filter("a" * (MAX_LENGTH + 1))


def test_long_flat_chains_need_no_recursion():
    assert found(" or ".join(["price=100"] * 300)) == "a"


PAYLOADS = [
    "' or '1'='1", "' or 1=1 --", "'; drop table products; --", "'' or ''='", "x' or 'a'='a",
    "__import__('os').system('id')", "{{7*7}}", "${jndi:ldap://x}", "%s%n%x", "\\' or 1=1",
    "\x00", "\ud800", "\u202e", "\u200b", "🙂" * 50, "`", "``", '"', "'" * 999, "(" * 500,
    ")" * 500, "not " * 500, "a" * 4000, "1" * 4000, "-" * 50, "NULL", "None", "true", "*",
    "price.__class__",
]  # fmt: skip


def hostile_strings():
    """100 strings: payloads alone, inside a quoted value, and valid filters with random damage."""
    rng = random.Random(0)
    quoted = [f"brand = '{payload.replace(chr(39), chr(39) * 2)}'" for payload in PAYLOADS]
    valid = "price < 500 and color in ('Black','White') and not (brand = 'X')"
    damaged = []
    while len(PAYLOADS) + len(quoted) + len(damaged) < 100:
        place, length = rng.randrange(len(valid)), rng.randrange(1, 6)
        damaged.append(valid[:place] + rng.choice(PAYLOADS)[:9] + valid[place + length :])
    return [*PAYLOADS, *quoted, *damaged]


def test_hostile_strings_only_ever_raise_filter_error():
    strings = hostile_strings()
    assert len(strings) == 100
    for text in strings:
        try:
            mask = parse_filter(text).mask(PRODUCTS)
        except FilterError:
            continue
        assert mask.shape == (4,) and mask.dtype == bool


@pytest.mark.parametrize("payload", [text for text in PAYLOADS if len(text) < 2000])
def test_hostile_value_in_quotes_is_only_a_value_and_selects_no_row(payload):
    doubled = payload.replace("'", "''")
    for text in (f"brand = '{doubled}'", f"brand in ('{doubled}')", f"brand contains '{doubled}'"):
        assert found(text) == ""


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="priceand(not)'\"`=<>,. 5or", max_size=60))
def test_any_text_parses_or_raises_filter_error(text):
    with contextlib.suppress(FilterError):
        parse_filter(text).mask(PRODUCTS)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda text: text.strip() and "|" not in text))
@example("\x00")  # pandas' own hashing stops at a NUL and would select every row
def test_any_text_quoted_by_doubling_finds_itself_and_nothing_else(text):
    frame = pd.DataFrame({"name": [text, text + "x", "", "other" + text]})
    doubled = text.replace("'", "''")
    assert parse_filter(f"name = '{doubled}'").mask(frame).tolist() == [True, False, False, False]
