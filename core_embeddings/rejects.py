"""Rows that were left out, and cells that were repaired: collected while reading, never raised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from core_embeddings.columns import REJECT_COLUMNS, Columns

VALUE_LIMIT = 200
ROW_KEPT = "; row kept"
PRODUCT_KEPT = "; product kept"
QUERY_KEPT = "; query kept"
TEXT_ONLY = " as text only"
OTHER_IMAGES = " with its other images"


class Reject(NamedTuple):
    """One problem: data row (1-based), product if known, column, reason, offending value."""

    row: int
    product_id: str
    column: str
    reason: str
    value: str


class RejectLog:
    """Problems found in one table, in the order they were found."""

    def __init__(self) -> None:
        self._rejects: list[Reject] = []

    def __len__(self) -> int:
        return len(self._rejects)

    def add(
        self, row: int, column: str, reason: str, *, value: str = "", product_id: str = ""
    ) -> None:
        """Note one problem; a long value is cut, and made safe to store and to print."""
        self._rejects.append(
            Reject(int(row), _storable(product_id), column, reason, _storable(value))
        )

    def frame(self) -> pd.DataFrame:
        """Return the rejects table, ordered by row; all columns but ``row`` are text."""
        ordered = sorted(self._rejects, key=lambda reject: reject.row)
        frame = pd.DataFrame(ordered, columns=list(REJECT_COLUMNS))
        frame = frame.astype(dict.fromkeys(REJECT_COLUMNS[1:], object))
        return frame.astype({Columns.ROW: np.int64})


def is_warning(rejects: pd.DataFrame) -> pd.Series:
    """Return, per line of a rejects table, True where the row was kept and only a cell repaired."""
    kept = "|".join((ROW_KEPT, PRODUCT_KEPT, QUERY_KEPT))
    return rejects[Columns.REASON].str.contains(kept, regex=True)


def _storable(value: str) -> str:
    # A lone surrogate can be neither printed nor written to Parquet.
    text = value.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"
