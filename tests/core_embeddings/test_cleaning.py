import math
import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.cleaning import (
    cell_text,
    clean_category,
    clean_text,
    clean_values,
    map_distinct,
    parse_number,
)

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)
TRICKY = st.text("ae\u0301\u200d\ufe0f👩🏽🔬\u200b\u202e \t\x00\ud83d\u0344>|＞", max_size=20)


@given(ANY_TEXT | TRICKY, st.integers(1, 40))
def test_clean_text_is_short_composed_visible_and_stable(value, limit):
    cleaned = clean_text(value, limit)
    assert len(cleaned) <= limit
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in cleaned)
    assert not set(cleaned) & set("\u200b\u200e\u202e\u2066\ufeff")
    assert cleaned == " ".join(cleaned.split())
    assert clean_text(cleaned, limit) == cleaned


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("  a \t\n\u3000b ", "a b"),
        ("👩🏽‍🔬 coat ❤️‍🔥", "👩🏽‍🔬 coat ❤️‍🔥"),
        ("a\u200db", "ab"),
        ("soft\u00adhyphen", "softhyphen"),
        ("ＡＢＣ１２", "ＡＢＣ１２"),
        ("\udcff\ud800x", "\ufffd\ufffdx"),
        ("", ""),
    ],
)
def test_clean_text_examples(raw, cleaned):
    assert clean_text(raw, 100) == cleaned


def test_a_wall_of_combining_marks_is_cut_before_it_costs_anything():
    assert len(clean_text("a" + "\u0301\u0316" * 200_000, 1_000)) <= 1_000


@given(TRICKY)
def test_cleaned_paths_and_value_lists_are_stable_and_hold_no_empty_part(value):
    for clean, separator in ((clean_category, " > "), (clean_values, "|")):
        cleaned = clean(value)
        assert clean(cleaned) == cleaned
        assert not cleaned or all(part.strip() for part in cleaned.split(separator))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (float("nan"), ""),
        (7, "7"),
        (np.int64(7), "7"),
        (7.0, "7"),
        (7.5, "7.5"),
        (np.float32(0.5), "0.5"),
        (2.0**60, repr(2.0**60)),
        (True, "true"),
        (np.bool_(False), "false"),
        (["a", 1, None], "a|1|"),
        (np.array(["a", "b"]), "a|b"),
        ({"b": 1, "a": "é"}, '{"a": "é", "b": 1}'),
        (b"\xff", "\ufffd"),
        (pd.Timestamp("2020-01-02"), "2020-01-02T00:00:00"),
    ],
)
def test_any_cell_has_a_text(cell, text):
    assert cell_text(cell) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_being_text(number):
    assert parse_number(repr(number)) == number


@pytest.mark.parametrize("text", ["", " ", "NaN", "null", "None", "n/a", "-"])
def test_words_for_missing_are_nan(text):
    assert math.isnan(parse_number(text))


@pytest.mark.parametrize(
    "text", ["inf", "-Infinity", "1e999", "1_000", "1,5", "0x1F", "１２", "5 EUR", "--", ".", "e5"]
)
def test_what_is_no_plain_finite_number_is_none(text):
    assert parse_number(text) is None


@given(st.lists(st.sampled_from("abc")))
def test_map_distinct_is_map_with_one_call_per_value(values):
    calls: list[str] = []

    def double(value: str) -> str:
        calls.append(value)
        return value * 2

    assert map_distinct(values, double) == [value * 2 for value in values]
    assert sorted(calls) == sorted(set(values))
