"""Cells to clean text and plain numbers; whatever comes in, nothing here raises."""

from __future__ import annotations

import datetime
import json
import math
import numbers
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from core_embeddings.columns import LEVEL_SEPARATOR, VALUE_SEPARATOR

TITLE_LIMIT = 1_000
DESCRIPTION_LIMIT = 10_000
ATTRIBUTE_LIMIT = 1_000

T = TypeVar("T")

_SURROGATES = re.compile("[\ud800-\udfff]")
# Controls but white space, soft hyphen, zero-width, bidi, annotation, tag and non-characters.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
# A zero-width joiner builds one emoji out of several; between anything else it only hides.
_EMOJI = "\u2194\u2195\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_STRAY_JOINER = re.compile(f"(?<![{_EMOJI}\ufe0f])\u200d|\u200d(?![{_EMOJI}])")
_LEVELS = re.compile("[>＞]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_NO_NUMBER = frozenset({"", "nan", "null", "none", "na", "n/a", "<na>", "-"})


def clean_text(value: str, limit: int) -> str:
    """Return text fit for a model: NFC, nothing invisible, single spaces, at most ``limit`` long.

    Emoji stay whole. Width is left alone: folding it is the tokenizer's business.
    Cleaning twice changes nothing.
    """
    text = _SURROGATES.sub("\ufffd", value)
    text = _STRAY_JOINER.sub("", _INVISIBLE.sub("", text))
    # Normalising is quadratic in the length of a run of combining marks, so cut before it too.
    text = " ".join(text.split())[: 2 * limit]
    return unicodedata.normalize("NFC", text)[:limit].rstrip(" \u200d")


def clean_category(value: str) -> str:
    """Return a category path with its levels trimmed and joined by `` > ``; empty levels vanish."""
    levels = (clean_text(level, ATTRIBUTE_LIMIT) for level in _LEVELS.split(value))
    return LEVEL_SEPARATOR.join(level for level in levels if level)


def clean_values(value: str) -> str:
    """Return an attribute's text; several values are trimmed one by one and joined by ``|``."""
    if VALUE_SEPARATOR not in value:
        return clean_text(value, ATTRIBUTE_LIMIT)
    parts = (clean_text(part, ATTRIBUTE_LIMIT) for part in value.split(VALUE_SEPARATOR))
    return VALUE_SEPARATOR.join(part for part in parts if part)


def cell_text(value: Any, *, joiner: str = VALUE_SEPARATOR) -> str:
    """Return any cell as text.

    Missing is "", whole floats read as integers, lists are joined, dicts are JSON.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return joiner.join(cell_text(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, numbers.Real):
        return _number_text(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _number_text(value: numbers.Real) -> str:
    if isinstance(value, numbers.Integral):
        return str(int(value))
    number = float(value)
    if math.isnan(number):
        return ""
    # A column of integers with one hole arrives as floats: 7.0 was 7. Above 2^53 that is no longer
    # sure.
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def parse_number(text: str) -> float | None:
    """Return a plain decimal number, NaN where the cell says "missing", None where it is no number.

    Infinite values are no numbers here: no price, rating or relevance is infinite.
    """
    stripped = text.strip()
    if stripped.lower() in _NO_NUMBER:
        return math.nan
    if not _NUMBER.fullmatch(stripped):
        return None
    number = float(stripped)
    return number if math.isfinite(number) else None


def map_distinct(values: Iterable[str], function: Callable[[str], T]) -> list[T]:
    """Return ``[function(value) for value in values]``, calling it once per distinct value."""
    known: dict[str, T] = {}
    result = []
    for value in values:
        if value not in known:
            known[value] = function(value)
        result.append(known[value])
    return result


def text_cells(column: pd.Series, *, joiner: str = VALUE_SEPARATOR) -> list[str]:
    """Return a column of any dtype as text, one string per row, not cleaned."""
    return [cell_text(value, joiner=joiner) for value in column.astype(object)]


def optional_cells(frame: pd.DataFrame, name: str, *, joiner: str = VALUE_SEPARATOR) -> list[str]:
    """Return a column as text, "" everywhere where the table has no such column."""
    if name not in frame.columns:
        return [""] * len(frame)
    return text_cells(frame[name], joiner=joiner)


def clean_column(frame: pd.DataFrame, name: str) -> list[str]:
    """Return a column as clean one-line text, "" everywhere where there is no such column."""
    return map_distinct(optional_cells(frame, name), partial(clean_text, limit=TITLE_LIMIT))
