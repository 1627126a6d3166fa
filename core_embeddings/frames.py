"""Raw tables: bytes from a path or URL to a frame, before anything is known about its columns."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from core_embeddings.config import nearest
from core_embeddings.errors import TableError
from core_embeddings.raw_formats import RawTable, read_csv, read_jsonl, read_parquet

FORMATS = (".parquet", ".csv", ".jsonl")


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read a Parquet, CSV or JSON Lines table, plain or gzipped, from a path or any fsspec URL.

    CSV cells stay text, so that ``0007`` keeps its zeros. Rows that cannot be cut into cells are
    left out.

    Raises
    ------
    TableError
        If the file is missing, damaged, empty or of another format.
    """
    return read_raw(path).frame


def read_raw(path: str | Path) -> RawTable:
    """Read a table like :func:`read_frame`, with row numbers and the rows left out."""
    suffix = table_suffix(path)
    payload = _read_bytes(str(path))
    if not payload.strip():
        raise TableError(f"{path} is empty; expected a table with a header and at least one row")
    readers = {".parquet": read_parquet, ".csv": read_csv, ".jsonl": read_jsonl}
    raw = readers[suffix](payload, str(path))
    _check_names(raw.frame, str(path))
    return raw


def table_suffix(path: str | Path) -> str:
    """Return the suffix that tells the format of a table, ``.gz`` and a URL's query aside.

    Raises
    ------
    TableError
        If it is none of ``FORMATS``.
    """
    name = str(path).lower()
    name = name.split("?", 1)[0] if "://" in name else name
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix not in FORMATS:
        raise TableError(
            f"{path} has the ending {suffix or 'none'!r}; expected {', '.join(FORMATS)}, "
            "each also with .gz; convert or rename the file"
        )
    return suffix


def rename_columns(
    frame: pd.DataFrame,
    columns: Mapping[str, str] | None,
    *,
    path: str | Path,
    wanted: Collection[str] | None = None,
) -> pd.DataFrame:
    """Return the frame with ``{ours: theirs}`` applied.

    A column of ours that is displaced stays, as ``<ours>_original``.
    One mapping may serve several tables: with ``wanted``, names outside it are passed over, and so
    is a mapping whose ``theirs`` is absent while ``ours`` is there.

    Raises
    ------
    TableError
        If a column named on the right does not exist.
    """
    chosen: dict[str, str] = {}
    for ours, theirs in (columns or {}).items():
        absent = theirs not in frame.columns
        if wanted is not None and (ours not in wanted or (absent and ours in frame.columns)):
            continue
        if absent:
            raise TableError(
                f"{path} has no column {theirs!r} to use as {ours!r}; "
                f"{nearest(theirs, list(frame.columns))}"
            )
        chosen[ours] = theirs
    displaced = [ours for ours in chosen if ours in frame.columns and chosen[ours] != ours]
    moved = {ours: f"{ours}_original" for ours in displaced if ours not in chosen.values()}
    kept = frame.drop(columns=list(set(chosen.values()))).rename(columns=moved)
    taken = pd.DataFrame({ours: frame[theirs] for ours, theirs in chosen.items()})
    renamed = pd.concat([kept, taken], axis=1)
    _check_names(renamed, str(path))
    return renamed


def require_columns(frame: pd.DataFrame, names: Collection[str], *, path: str | Path) -> None:
    """Refuse a table without rows or without a required column.

    Raises
    ------
    TableError
        Naming the file, what was expected and what was found.
    """
    found = [str(name) for name in frame.columns]
    for name in names:
        if name in found:
            continue
        listed = ", ".join(found[:20]) + (" …" if len(found) > 20 else "")
        separator = next((mark for mark in ";\t" if len(found) == 1 and mark in found[0]), "")
        hint = (
            f"its columns look separated by {separator!r}: save it with commas"
            if separator
            else f"rename it, or map it with --column {name}=THEIRS ({nearest(name, found)})"
        )
        raise TableError(
            f"{path} has no column {name!r}, which is required; found: {listed}; {hint}"
        )
    if frame.empty:
        raise TableError(
            f"{path} has no rows that can be read, only column names; expected at least one; "
            "check how it was exported"
        )


def _read_bytes(path: str) -> bytes:
    import fsspec

    try:
        with fsspec.open(path, "rb") as stream:
            payload: bytes = stream.read()
        return gzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload
    except FileNotFoundError:
        raise TableError(f"{path} does not exist; check the path") from None
    except IsADirectoryError:
        raise TableError(f"{path} is a folder; name the table in it") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TableError(f"{path} is a damaged gzip file ({error}); fetch it again") from None
    except (OSError, ValueError, ImportError) as error:
        raise TableError(
            f"{path} cannot be read: {error}; expected a readable local path or fsspec URL"
        ) from error


def _check_names(frame: pd.DataFrame, path: str) -> None:
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise TableError(
            f"{path} has two columns named {repeated[0]!r}; expected every name once; "
            "rename one of them"
        )
