"""A table of vectors beside a table of products: what the command line reads."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.cleaning import clean_column
from core_embeddings.columns import TEXT_COLUMNS, Columns, written_columns
from core_embeddings.errors import TableError
from core_embeddings.frames import read_raw, require_columns
from core_embeddings.raw_formats import RawTable
from core_embeddings.vector_table import read_vectors


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
    rejects: pd.DataFrame
    """Rows left out (broken lines, missing ids, ids that came before) or repaired."""


def read_vector_products(vectors: Path, products: Path) -> VectorProducts:
    """Join both tables by ``product_id``.

    A row without an id, or with one that came before, is left out and told among the rejects.
    Missing text columns are added empty, so that nothing but the vectors is needed to tag. A
    product has text where the vector table says so, or does not say, and where the text columns,
    if there are any, are not all empty.

    Raises
    ------
    TableError
        If the product table cannot be read, the vector table repeats an id, or nothing joins.
    ArtefactError
        If the vector table cannot be read.
    """
    table, raw = read_vectors(vectors), read_raw(products)
    require_columns(raw.frame, [Columns.PRODUCT], path=products)
    held = pd.Index(table.product_ids)
    _check_unique(vectors, held)
    found = _named_once(raw)
    rows = held.get_indexer(pd.Index(found[Columns.PRODUCT]))
    kept = found[rows >= 0].reset_index(drop=True)
    if kept.empty:
        raise TableError(f"no product of {products} has a vector in {vectors}; check the ids")
    rows = rows[rows >= 0]
    has_text = table.has_text[rows] & _has_text(kept)
    for name in TEXT_COLUMNS:
        kept[name] = kept[name].fillna("").astype(str) if name in kept else ""
    return VectorProducts(
        kept,
        table.vectors[rows],
        table.has_image[rows],
        has_text,
        table.fingerprint,
        len(found) - len(kept),
        raw.rejects.frame(),
    )


def _named_once(raw: RawTable) -> pd.DataFrame:
    """Return the first row of each id, ids as text; the others go to the table's rejects."""
    ids = pd.Series(clean_column(raw.frame, Columns.PRODUCT), index=raw.frame.index, dtype=object)
    repeats = np.asarray(ids.duplicated())
    missing = np.asarray(ids == "")
    for place in np.flatnonzero(repeats | missing):
        name = ids.iloc[place]
        reason = "duplicate id; the first row with it was kept" if name else "missing id"
        raw.rejects.add(raw.rows[place], Columns.PRODUCT, reason, value=name, product_id=name)
    return raw.frame.assign(**{Columns.PRODUCT: ids})[~(repeats | missing)]


def _check_unique(path: Path, ids: pd.Index) -> None:
    repeats = int(ids.duplicated().sum())
    if repeats:
        raise TableError(f"{path} must name each product once; {repeats} rows repeat an id")


def _has_text(products: pd.DataFrame) -> NDArray[np.bool_]:
    names = [c for c in (*written_columns(products.columns), Columns.BRAND) if c in products]
    if not names:
        return np.ones(len(products), dtype=np.bool_)
    texts = products[names].fillna("").astype(str)
    return np.asarray((texts != "").any(axis=1), dtype=np.bool_)
