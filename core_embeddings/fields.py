"""Which columns can be tagged, and which are numbers."""

from __future__ import annotations

import pandas as pd

from core_embeddings.columns import VALUE_SEPARATOR, Columns, is_attribute

MAX_VALUES = 200
ROWS_PER_VALUE = 5
MIN_FILLED = 0.5
MAX_LENGTH = 60


def taggable_fields(products: pd.DataFrame) -> list[str]:
    """Return the columns worth a tagger, ``category`` first.

    ``category`` needs two distinct values. Another text column needs 2 to 200 distinct values (the
    parts count where ``|`` joins several), and at most one per five filled rows (never fewer than 2
    are allowed); at least half of its cells filled; no value longer than 60 characters. Numbers,
    ids (``…_id``), the reserved columns and text in another language (``title_zh``) are left
    out.
    """
    fields = []
    if Columns.CATEGORY in products and products[Columns.CATEGORY].replace("", None).nunique() >= 2:
        fields.append(Columns.CATEGORY)
    for name in products.columns:
        if is_attribute(name) and not name.endswith("_id") and _is_taggable(products[name]):
            fields.append(name)
    return fields


def numeric_fields(products: pd.DataFrame) -> list[str]:
    """Return the attribute columns that hold numbers, in table order."""
    return [name for name in products.columns if is_attribute(name) and _is_number(products[name])]


def _is_number(column: pd.Series) -> bool:
    kinds = pd.api.types
    return kinds.is_numeric_dtype(column) and not kinds.is_bool_dtype(column)


def _is_taggable(column: pd.Series) -> bool:
    if not pd.api.types.is_object_dtype(column) and not pd.api.types.is_string_dtype(column):
        return False
    filled = [cell for cell in column if isinstance(cell, str) and cell]
    if not filled or len(filled) < MIN_FILLED * len(column):
        return False
    values = {part for cell in set(filled) for part in cell.split(VALUE_SEPARATOR)}
    most = min(MAX_VALUES, max(2, len(filled) // ROWS_PER_VALUE))
    return 2 <= len(values) <= most and max(map(len, values)) <= MAX_LENGTH
