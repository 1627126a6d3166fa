"""A table of vectors beside a table of products: what the command line reads."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import TEXT_COLUMNS, Columns
from core_embeddings.errors import TableError
from core_embeddings.tables import read_frame
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


def read_vector_products(vectors: Path, products: Path) -> VectorProducts:
    """Join both tables by ``product_id``.

    Missing text columns are added empty, so that nothing but the vectors is needed to tag. A
    product has text where the vector table says so, or does not say, and where the text columns,
    if there are any, are not all empty.

    Raises
    ------
    TableError
        If the product table cannot be read, an id repeats, or nothing joins.
    ArtefactError
        If the vector table cannot be read.
    """
    table, found = read_vectors(vectors), read_frame(products)
    if Columns.PRODUCT not in found:
        raise TableError(
            f"{products} needs a column 'product_id'; got {', '.join(map(str, found))}"
        )
    found = found.assign(**{Columns.PRODUCT: found[Columns.PRODUCT].astype(str)})
    held, asked = pd.Index(table.product_ids), pd.Index(found[Columns.PRODUCT])
    for path, ids in ((vectors, held), (products, asked)):
        _check_unique(path, ids)
    rows = held.get_indexer(asked)
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
    )


def _check_unique(path: Path, ids: pd.Index) -> None:
    repeats = int(ids.duplicated().sum())
    if repeats:
        raise TableError(f"{path} must name each product once; {repeats} rows repeat an id")


def _has_text(products: pd.DataFrame) -> NDArray[np.bool_]:
    names = [c for c in (Columns.TITLE, Columns.DESCRIPTION, Columns.BRAND) if c in products]
    if not names:
        return np.ones(len(products), dtype=np.bool_)
    texts = products[names].fillna("").astype(str)
    return np.asarray((texts != "").any(axis=1), dtype=np.bool_)
