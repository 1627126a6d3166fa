"""Cells of any kind to instants: ISO 8601 or epoch seconds, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.cleaning import map_distinct, parse_number, text_cells

_NOT_A_TIME = np.iinfo(np.int64).min
_LAST_SECOND = 9_223_372_036  # in the year 2262, the end of 64-bit nanoseconds
_BASIC_DATE = re.compile(r"(?:19|20)[0-9]{6}")


class Instants(NamedTuple):
    """``values`` datetime64[ns, UTC] of shape (n,), NaT where missing or ``bad``; ``text`` raw."""

    values: pd.Series
    bad: NDArray[np.bool_]
    text: list[str]


def parse_timestamps(column: pd.Series) -> Instants:
    """Read a column of timestamps.

    ISO 8601 with or without time and zone (UTC where none is given), or epoch seconds as number or
    text. Eight digits that start with 19 or 20 are a date (``20200920``), not a second of 1970.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        text = [str(value) for value in column]
        values = pd.to_datetime(column, utc=True).astype("datetime64[us, UTC]")
        inside = values.dt.year.between(1678, 2261)
        nanoseconds = values.where(inside).astype("datetime64[ns, UTC]")
        return Instants(nanoseconds, (column.notna() & ~inside).to_numpy(), text)
    text = text_cells(column)
    parsed = map_distinct(text, _nanoseconds)
    bad = np.array([instant is None for instant in parsed], dtype=bool)
    whole = np.array([_NOT_A_TIME if one is None else one for one in parsed], dtype=np.int64)
    index = pd.DatetimeIndex(whole.view("datetime64[ns]"), tz="UTC")
    return Instants(pd.Series(index, index=column.index), bad, text)


def _nanoseconds(cell: str) -> int | None:
    """Return nanoseconds since 1970, the NaT marker where missing, None where it is no instant."""
    text = cell.strip()
    number = None if _BASIC_DATE.fullmatch(text) else parse_number(text)
    if number is not None:
        if np.isnan(number):
            return _NOT_A_TIME
        return round(number * 1_000) * 1_000_000 if abs(number) < _LAST_SECOND else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not 1678 <= aware.year <= 2261:
        return None
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
