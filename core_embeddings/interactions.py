"""Interactions: who met which product, how, and when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.catalogue import Loaded, add_attributes
from core_embeddings.cleaning import (
    clean_column,
    map_distinct,
    optional_cells,
    parse_number,
)
from core_embeddings.columns import Columns
from core_embeddings.frames import read_raw, rename_columns, require_columns
from core_embeddings.timestamps import parse_timestamps

DEFAULT_EVENT = "purchase"
_NAMES = (Columns.USER, Columns.PRODUCT, Columns.EVENT, Columns.VALUE, Columns.TIMESTAMP)


def read_interactions(
    path: str | Path,
    *,
    known_products: Collection[str],
    columns: Mapping[str, str] | None = None,
) -> Loaded:
    """Read interactions; rows without a user or known product, or with a bad number or time, go.

    Parameters
    ----------
    path
        Parquet, CSV or JSON Lines, plain or gzipped, local or any fsspec URL.
    known_products
        Ids of the catalogue.
    columns
        ``{ours: theirs}``; names that are not an interaction's are passed over.

    Returns
    -------
    Loaded
        ``rows``: ``user_id``, ``product_id``, ``event`` (lower case, default ``purchase``),
        ``value`` (float, NaN where missing), ``timestamp`` (datetime64[ns, UTC], NaT where
        missing), then the other columns.

    Raises
    ------
    TableError
        If the file cannot be read, or lacks rows, ``user_id`` or ``product_id``.
    """
    raw = read_raw(path)
    frame = rename_columns(raw.frame, columns, path=path, wanted=_NAMES)
    require_columns(frame, [Columns.USER, Columns.PRODUCT], path=path)
    table, problems = _clean(frame, known_products)
    good = np.ones(len(table), dtype=bool)
    for problem in problems:
        # A row is named once, by its first problem.
        for place in np.flatnonzero(problem.wrong & good):
            raw.rejects.add(
                raw.rows[place],
                problem.column,
                problem.reason,
                value=problem.cells[place],
                product_id=table[Columns.PRODUCT].iloc[place],
            )
        good &= ~problem.wrong
    kept = np.flatnonzero(good)
    rest = frame.drop(columns=[name for name in _NAMES if name in frame.columns])
    rows = add_attributes(
        table.iloc[kept].reset_index(drop=True),
        rest.iloc[kept],
        rows=raw.rows[kept],
        rejects=raw.rejects,
        ids=Columns.PRODUCT,
    )
    return Loaded(rows, raw.rejects.frame())


class _Problem(NamedTuple):
    column: str
    reason: str
    wrong: NDArray[np.bool_]
    cells: list[str]


class _Cleaned(NamedTuple):
    table: pd.DataFrame
    problems: list[_Problem]


def _clean(frame: pd.DataFrame, known_products: Collection[str]) -> _Cleaned:
    users, products = clean_column(frame, Columns.USER), clean_column(frame, Columns.PRODUCT)
    events = [event.lower() or DEFAULT_EVENT for event in clean_column(frame, Columns.EVENT)]
    amounts = optional_cells(frame, Columns.VALUE)
    numbers = map_distinct(amounts, parse_number)
    blank = pd.Series([None] * len(frame), dtype=object)
    instants = parse_timestamps(frame.get(Columns.TIMESTAMP, blank).reset_index(drop=True))
    table = {
        Columns.USER: pd.Series(users, dtype=object),
        Columns.PRODUCT: pd.Series(products, dtype=object),
        Columns.EVENT: pd.Series(events, dtype=object),
        Columns.VALUE: np.array([np.nan if n is None else n for n in numbers], dtype=np.float64),
        Columns.TIMESTAMP: instants.values,
    }
    known = set(known_products)
    not_time = "not ISO 8601 or epoch seconds"
    problems = [
        _Problem(Columns.USER, "missing user", _flags(not user for user in users), users),
        _Problem(Columns.PRODUCT, "missing id", _flags(not name for name in products), products),
        _Problem(
            Columns.PRODUCT, "unknown product", _flags(n not in known for n in products), products
        ),
        _Problem(Columns.VALUE, "not a number", _flags(n is None for n in numbers), amounts),
        _Problem(Columns.TIMESTAMP, not_time, instants.bad, instants.text),
    ]
    return _Cleaned(pd.DataFrame(table), problems)


def _flags(values: Iterable[bool]) -> NDArray[np.bool_]:
    return np.fromiter(values, dtype=bool)
