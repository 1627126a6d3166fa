"""Measures have one form, and what has it already stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.measures import split_model, unify_measures

NUMBERS = st.decimals(min_value=0, max_value=9999, places=1).map(str)
WAYS = {
    "inch": ['"', "''", "inch", "inches", "英寸", "寸"],
    "ml": ["ml", "毫升", "milliliters"],
    "kg": ["kg", "kgs", "公斤", "千克"],
    "gb": ["gb"],
    "mah": ["mah", "毫安", "毫安时"],
}


@given(NUMBERS, st.sampled_from(sorted(WAYS)), st.sampled_from(["", " ", "-"]), st.data())
def test_every_way_to_write_a_unit_gives_one_form(
    number: str, unit: str, gap: str, data: st.DataObject
) -> None:
    written = data.draw(st.sampled_from(WAYS[unit]))
    assert unify_measures(f"a {number}{gap}{written} b") == f"a {number}{unit} b"


@given(st.text(alphabet="012 -./,x\"'inchgkmlvst克升寸a", max_size=24))
def test_unified_text_stays_as_it_is(text: str) -> None:
    once = unify_measures(text)
    assert unify_measures(once) == once


@given(st.text(alphabet="abcdefghij ,.é", max_size=20))
def test_text_without_numbers_and_lone_letters_is_untouched(text: str) -> None:
    assert unify_measures(text) == text


@given(st.text(alphabet="abxls0123é", min_size=1, max_size=12).filter(lambda t: "xx" not in t))
def test_splitting_a_model_name_loses_nothing(token: str) -> None:
    assert "".join(split_model(token)) == token


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1,299.50", "1299.50"),
        ("8 1/2", "8.5"),
        ("8 3/2", "8 3/2"),
        ("24/7", "24/7"),
        ("3 t shirts", "3 tshirts"),
        ("0 升学", "0 升学"),
        ("5 guests", "5 guests"),
    ],
)
def test_numbers_are_joined_only_where_they_are_measures(text: str, form: str) -> None:
    assert unify_measures(text) == form
