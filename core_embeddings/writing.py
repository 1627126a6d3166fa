"""Tables out: Parquet, CSV that a spreadsheet may open, JSON Lines; whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core_embeddings.artefact import write_bytes
from core_embeddings.cleaning import cell_text
from core_embeddings.errors import TableError
from core_embeddings.frames import table_suffix
from core_embeddings.spreadsheet import defuse


def write_table(
    frame: pd.DataFrame, path: str | Path, *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a table in the format its suffix names (``.gz`` compresses CSV and JSON Lines).

    The file appears whole or not at all. In CSV, lists are joined by ``|``, and text that a
    spreadsheet would run as a formula gets a leading ``'``, which reading takes off again; numbers
    are left as they are.

    Parameters
    ----------
    frame
        Any frame; its index is not written.
    path
        A local path that ends in .parquet, .csv or .jsonl, the latter two also with .gz.
    metadata
        Text to keep in the schema of a Parquet file; refused for other formats.

    Raises
    ------
    TableError
        If the path is a URL, has another ending, or cannot be written.
    """
    suffix = table_suffix(path)
    packed = str(path).lower().endswith(".gz")
    if "://" in str(path) or (packed and suffix == ".parquet"):
        raise TableError(
            f"cannot write to {path}; expected a local path ending in .parquet, .csv, .csv.gz, "
            ".jsonl or .jsonl.gz"
        )
    if metadata and suffix != ".parquet":
        raise TableError(f"{path} cannot hold metadata; write it as .parquet")
    if suffix == ".parquet":
        payload = _parquet_bytes(frame, metadata or {})
    else:
        payload = _csv_bytes(frame) if suffix == ".csv" else _jsonl_bytes(frame)
    try:
        # A fixed time keeps equal tables equal, byte by byte.
        write_bytes(Path(path), gzip.compress(payload, mtime=0) if packed else payload)
    except OSError as error:
        raise TableError(
            f"cannot write {path}: {error.strerror or error}; choose another place"
        ) from error


def _parquet_bytes(frame: pd.DataFrame, metadata: Mapping[str, str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    extra = {key.encode(): value.encode() for key, value in metadata.items()}
    buffer = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata({**(table.schema.metadata or {}), **extra}), buffer
    )
    return buffer.getvalue()


def _csv_bytes(frame: pd.DataFrame) -> bytes:
    columns = {}
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        is_text = not (
            pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column)
        )
        cells = [_csv_cell(cell) for cell in column.astype(object)] if is_text else column.array
        columns[defuse(str(name))] = cells
    text: str = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8", "replace")


def _csv_cell(value: Any) -> Any:
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return value
    # The writer quotes a line feed, but would let a bare carriage return tear the row.
    return defuse(cell_text(value)).replace("\r\n", "\n").replace("\r", "\n")


def _jsonl_bytes(frame: pd.DataFrame) -> bytes:
    names = [str(name) for name in frame.columns]
    columns = [list(frame.iloc[:, place].astype(object)) for place in range(len(names))]
    lines = [
        json.dumps(dict(zip(names, map(_json_value, cells), strict=True)), ensure_ascii=False)
        for cells in zip(*columns, strict=True)
    ]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _json_value(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, bool | int | str) else cell_text(value)
