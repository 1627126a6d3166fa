"""Interactions: who met which product, how, and when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from core_embeddings.catalogue import Loaded, add_attributes
from core_embeddings.cleaning import (
    TITLE_LIMIT,
    clean_text,
    map_distinct,
    parse_number,
    text_cells,
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
    """Read interactions; rows with an unknown product, no user, or a bad number or time go to ``rejects``.

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
        ``rows``: ``user_id``, ``product_id``, ``event`` (lower case, default ``purchase``), ``value`` (float, NaN
        where missing), ``timestamp`` (datetime64[ns, UTC], NaT where missing), then the other columns.

    Raises
    ------
    TableError
        If the file cannot be read, or lacks rows, ``user_id`` or ``product_id``.
    """
    raw = read_raw(path)
    frame = rename_columns(raw.frame, columns, path=path, wanted=_NAMES)
    require_columns(frame, [Columns.USER, Columns.PRODUCT], path=path)
    table = pd.DataFrame(
        {
            name: clean_column(frame, name)
            for name in (Columns.USER, Columns.PRODUCT, Columns.EVENT)
        },
        dtype=object,
    )
    table[Columns.EVENT] = [event.lower() or DEFAULT_EVENT for event in table[Columns.EVENT]]
    values = optional_cells(frame, Columns.VALUE)
    numbers = map_distinct(values, parse_number)
    table[Columns.VALUE] = np.array([np.nan if n is None else n for n in numbers], dtype=float)
    blank = pd.Series([None] * len(frame), dtype=object)
    instants = parse_timestamps(frame.get(Columns.TIMESTAMP, blank).reset_index(drop=True))
    table[Columns.TIMESTAMP] = instants.values

    known = set(known_products)
    unknown = [product not in known for product in table[Columns.PRODUCT]]
    problems = (
        (Columns.USER, "missing user", table[Columns.USER] == "", table[Columns.USER]),
        (Columns.PRODUCT, "missing id", table[Columns.PRODUCT] == "", table[Columns.PRODUCT]),
        (Columns.PRODUCT, "unknown product", unknown, table[Columns.PRODUCT]),
        (Columns.VALUE, "not a number", [n is None for n in numbers], values),
        (Columns.TIMESTAMP, "not ISO 8601 or epoch seconds", instants.bad, instants.text),
    )
    good = np.ones(len(table), dtype=bool)
    for column, reason, wrong, cells in problems:
        # A row is named once, by its first problem.
        for place in np.flatnonzero(np.asarray(wrong, dtype=bool) & good):
            product = table[Columns.PRODUCT].iloc[place]
            raw.rejects.add(
                raw.rows[place], column, reason, value=list(cells)[place], product_id=product
            )
        good &= ~np.asarray(wrong, dtype=bool)
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


def optional_cells(frame: pd.DataFrame, name: str) -> list[str]:
    """Return a column as text, "" everywhere where the table has no such column."""
    return text_cells(frame[name]) if name in frame.columns else [""] * len(frame)


def clean_column(frame: pd.DataFrame, name: str) -> list[str]:
    """Return a column as clean one-line text, "" everywhere where the table has no such column."""
    return map_distinct(optional_cells(frame, name), lambda cell: clean_text(cell, TITLE_LIMIT))
