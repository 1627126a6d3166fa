"""The three table formats, from bytes to cells: Parquet, CSV, JSON Lines."""

from __future__ import annotations

import io
import itertools
import json
import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.cleaning import cell_text
from core_embeddings.columns import Columns
from core_embeddings.csv_records import csv_records
from core_embeddings.errors import TableError
from core_embeddings.rejects import ROW_KEPT, RejectLog
from core_embeddings.spreadsheet import restore

MAX_COLUMNS = 2_000
_REPLACED = "bytes that are not UTF-8 were replaced" + ROW_KEPT
# What ``surrogateescape`` makes of a byte that is no UTF-8; valid UTF-8 cannot hold one, so none
# goes unnoticed.
_NO_UTF8 = re.compile("[\udc80-\udcff]")


class RawTable(NamedTuple):
    """A table as read.

    ``frame`` holds the cells (text in CSV), ``rows`` the 1-based data row of each, of shape (n,),
    and ``rejects`` the rows that could not even be cut into cells.
    """

    frame: pd.DataFrame
    rows: NDArray[np.int64]
    rejects: RejectLog


def read_parquet(payload: bytes, path: str) -> RawTable:
    """Read a Parquet table; ``path`` is named in the TableError raised where that fails."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Whole numbers stay whole where a column has holes: as floats, long ids would lose digits.
        frame = pq.read_table(io.BytesIO(payload)).to_pandas(integer_object_nulls=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TableError(
            f"{path} is not a readable Parquet file ({error}); write it again"
        ) from None
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    frame.columns = [_column_name(name, place) for place, name in enumerate(frame.columns)]
    return RawTable(frame.reset_index(drop=True), np.arange(1, len(frame) + 1), RejectLog())


def read_csv(payload: bytes, path: str) -> RawTable:
    """Read a CSV table; ``path`` is named in the TableError raised where that fails."""
    _refuse_other_encodings(payload, path)
    # Every byte that is no UTF-8 becomes a lone surrogate, which valid UTF-8 cannot hold: none goes
    # unnoticed.
    text = payload.decode("utf-8-sig", "surrogateescape")
    rejects, rows, records = RejectLog(), [], []
    header: list[str] = []
    number = 0
    for quoted, problem in csv_records(list(io.StringIO(text, newline=""))):
        cells = [restore(cell) for cell in quoted]
        if not header:
            header = [_column_name(name, place) for place, name in enumerate(cells)]
            continue
        number += 1
        named = dict(zip(header, cells, strict=False)).get(Columns.PRODUCT, "")
        if len(cells) != len(header) or problem:
            reason = problem or f"{len(cells)} cells where the header has {len(header)}"
            rejects.add(number, "", reason, value=",".join(cells), product_id=named)
            continue
        for column, cell in zip(header, cells, strict=True):
            if not cell.isascii() and _NO_UTF8.search(cell):
                rejects.add(number, column, _REPLACED, value=cell, product_id=named)
        rows.append(number)
        records.append(cells)
    if not header:
        raise TableError(
            f"{path} has no header; expected a line of column names, then one line per row"
        )
    columns = zip(*records, strict=True) if records else ([] for _ in header)
    series = [pd.Series(list(cells), dtype=object) for cells in columns]
    frame = pd.concat(series, axis=1) if records else pd.DataFrame(columns=header, dtype=object)
    frame.columns = pd.Index(header, dtype=object)
    return RawTable(frame, np.asarray(rows, dtype=np.int64), rejects)


def _refuse_other_encodings(payload: bytes, path: str) -> None:
    header = payload.split(b"\n", 1)[0]
    try:
        header.decode("utf-8-sig")
        wrong = b"\x00" in header
    except UnicodeDecodeError:
        wrong = True
    if wrong:
        raise TableError(
            f"{path} is not UTF-8 (its first line does not decode); expected UTF-8, with or "
            "without BOM; save it as 'CSV UTF-8'"
        )


def read_jsonl(payload: bytes, path: str) -> RawTable:
    """Read a JSON Lines table; ``path`` is named in the TableError raised where that fails."""
    rejects, rows, records = RejectLog(), [], []
    number = 0
    for line in payload.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if not line.strip():
            continue
        number += 1
        text = line.decode("utf-8", "surrogateescape")
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            rejects.add(number, "", f"not valid JSON: {error}", value=text)
            continue
        if not isinstance(record, dict):
            rejects.add(number, "", "expected a JSON object", value=text)
            continue
        if _NO_UTF8.search(text):
            named = cell_text(record.get(Columns.PRODUCT))
            rejects.add(number, "", _REPLACED, value=text, product_id=named)
        rows.append(number)
        records.append(record)
    names = list(dict.fromkeys(itertools.chain.from_iterable(records)))
    if len(names) > MAX_COLUMNS:
        raise TableError(
            f"{path} has {len(names)} different keys; expected at most {MAX_COLUMNS} columns; "
            "write one object with the same keys per line"
        )
    cells = {name: pd.Series([r.get(name) for r in records], dtype=object) for name in names}
    frame = pd.DataFrame(cells)
    frame.columns = pd.Index([_column_name(n, i) for i, n in enumerate(names)], dtype=object)
    return RawTable(frame, np.asarray(rows, dtype=np.int64), rejects)


def _column_name(name: Any, place: int) -> str:
    cleaned = str(name).replace("\ufeff", "").replace("\x00", "").strip()
    return cleaned or f"column_{place + 1}"
