"""Columns that are nobody's by name: numbers, or text of one or several values."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from core_embeddings.cleaning import clean_values, map_distinct, parse_number, text_cells

NUMERIC_SHARE = 0.9
"""A text column is numeric when at least this share of its non-missing cells are numbers."""


class Attribute(NamedTuple):
    """A converted column: ``values`` of shape (n,), and place and text of the ``bad`` cells."""

    values: pd.Series
    bad: list[tuple[int, str]]


def convert_attribute(column: pd.Series) -> Attribute:
    """Return an attribute column as numbers (missing is NaN) or as clean text (missing is "").

    The answer depends on the values, not on the file's format: numbers written as text become
    numbers, unless a cell has a leading zero (``0007`` is a code). Columns of whole numbers without
    holes stay integers. In a numeric column, the few cells that are no finite number become NaN and
    are reported.
    """
    kinds = pd.api.types
    not_real = kinds.is_bool_dtype(column) or kinds.is_complex_dtype(column)
    if kinds.is_numeric_dtype(column) and not not_real:
        return _typed_numbers(column)
    cells = text_cells(column)
    parsed = map_distinct(cells, parse_number)
    if not _is_numeric(cells, parsed):
        values = map_distinct(cells, clean_values)
        return Attribute(pd.Series(values, dtype=object, index=column.index), [])
    bad = [
        (place, cell)
        for place, (cell, number) in enumerate(zip(cells, parsed, strict=True))
        if number is None
    ]
    numbers = [math.nan if number is None else number for number in parsed]
    whole = not bad and all(map(_is_whole, set(cells))) and max(map(abs, numbers)) < 2**62
    kept = np.array([int(cell) for cell in cells] if whole else numbers)
    return Attribute(pd.Series(kept, index=column.index), bad)


def _is_numeric(cells: list[str], parsed: list[float | None]) -> bool:
    present = [number for number in parsed if number is None or not math.isnan(number)]
    good = sum(number is not None for number in present)
    if not good or good < NUMERIC_SHARE * len(present):
        return False
    return not any(_has_leading_zero(cell) for cell in set(cells))


def _has_leading_zero(cell: str) -> bool:
    digits = cell.strip().lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits[1] in "0123456789"


def _is_whole(cell: str) -> bool:
    digits = cell.strip().removeprefix("-").removeprefix("+")
    return digits.isascii() and digits.isdigit()


def _typed_numbers(column: pd.Series) -> Attribute:
    whole = pd.api.types.is_integer_dtype(column) and not column.isna().any()
    if whole and (column.empty or int(column.max()) <= np.iinfo(np.int64).max):
        return Attribute(column.astype(np.int64), [])
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(numbers)
    bad = [(int(place), repr(float(numbers[place]))) for place in np.flatnonzero(infinite)]
    return Attribute(pd.Series(np.where(infinite, np.nan, numbers), index=column.index), bad)
