"""A table of vectors beside a table of products: what the command line reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import TEXT_COLUMNS, Columns
from core_embeddings.errors import TableError
from core_embeddings.tables import read_frame


class VectorProducts(NamedTuple):
    """Products that have a vector, in the order of the product table."""

    products: pd.DataFrame
    vectors: NDArray[np.float32]
    """Of shape (n_products, embedding_size)."""
    has_image: NDArray[np.bool_]
    has_text: NDArray[np.bool_]
    fingerprint: str
    """The embedder named by the file's metadata; "" where it names none."""
    without_vector: int
    """Products left out."""


def read_vector_products(vectors: Path, products: Path) -> VectorProducts:
    """Join both tables by ``product_id``.

    Missing text columns are added empty, so that nothing but the vectors is needed to tag;
    ``has_image`` and ``has_text`` are taken from the vector table, and from the texts where it does
    not say.

    Raises
    ------
    TableError
        If a file or a needed column is missing, an id repeats, vectors differ in length, or nothing
        joins.
    """
    table, found = read_frame(vectors), read_frame(products)
    for path, frame, names in (
        (vectors, table, (Columns.PRODUCT, Columns.VECTOR)),
        (products, found, (Columns.PRODUCT,)),
    ):
        _check_ids(path, frame, names)
    table = table.set_index(table[Columns.PRODUCT].astype(str))
    found = found.assign(**{Columns.PRODUCT: found[Columns.PRODUCT].astype(str)})
    kept = found[found[Columns.PRODUCT].isin(table.index)].reset_index(drop=True)
    if kept.empty:
        raise TableError(f"no product of {products} has a vector in {vectors}; check the ids")
    for name in TEXT_COLUMNS:
        kept[name] = kept[name].fillna("").astype(str) if name in kept else ""
    rows = table.loc[kept[Columns.PRODUCT]]
    texts = kept[[Columns.TITLE, Columns.DESCRIPTION, Columns.BRAND]]
    return VectorProducts(
        kept,
        _matrix(vectors, rows[Columns.VECTOR]),
        _mask(rows, Columns.HAS_IMAGE, np.ones(len(kept), dtype=bool)),
        _mask(rows, Columns.HAS_TEXT, (texts != "").any(axis=1).to_numpy()),
        _fingerprint(vectors),
        len(found) - len(kept),
    )


def _check_ids(path: Path, frame: pd.DataFrame, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in frame:
            raise TableError(f"{path} needs a column {name!r}; got {', '.join(map(str, frame))}")
    repeats = int(frame[Columns.PRODUCT].astype(str).duplicated().sum())
    if repeats:
        raise TableError(f"{path} must name each product once; {repeats} rows repeat an id")


def _matrix(path: Path, column: pd.Series) -> NDArray[np.float32]:
    lengths = {len(vector) for vector in column}
    if len(lengths) != 1:
        raise TableError(
            f"{path} must hold vectors of one length; got {sorted(lengths)}; embed all products "
            "with one embedder"
        )
    return np.array(column.to_list(), dtype=np.float32)


def _mask(rows: pd.DataFrame, name: str, default: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return rows[name].to_numpy(dtype=bool) if name in rows else default


def _fingerprint(path: Path) -> str:
    """Read the fingerprint from Parquet metadata; other formats carry none."""
    import pyarrow.parquet as pq

    if path.suffix != ".parquet":
        return ""
    metadata: dict[bytes, Any] = pq.read_schema(path).metadata or {}
    return metadata.get(b"fingerprint", b"").decode()
