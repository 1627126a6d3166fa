"""Vectors of products whose values changed: which to make anew, and how to put them in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core_embeddings.columns import Columns, written_columns
from core_embeddings.embedding import embed_products
from core_embeddings.vector_table import VectorTable

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.embedder import FusionEmbedder


def rows_to_embed(before: pd.DataFrame, after: pd.DataFrame) -> NDArray[np.int64]:
    """Return the rows whose vector depends on what changed between two states of a catalogue.

    A vector is made of the texts and the brand; where a product has no text of its own, of whatever
    stands in for it, which may be any value.
    """
    written = written_columns(after.columns)
    spoken = [*written, Columns.BRAND]
    read = (before[spoken] != after[spoken]).any(axis=1)
    silent = (before[written] == "").all(axis=1) | (after[written] == "").all(axis=1)
    touched = np.zeros(len(after), dtype=bool)
    for name in after.columns.difference([Columns.IMAGE, Columns.IMAGE_DIGEST]):
        old, new = before[name], after[name]
        touched |= ((old != new) & ~(old.isna() & new.isna())).to_numpy(dtype=bool)
    return np.flatnonzero(read | (silent & touched))


def embedded(
    embedder: FusionEmbedder, products: pd.DataFrame, rows: NDArray[np.int64]
) -> VectorTable:
    """Return new vectors of some rows of a catalogue."""
    return embed_products(embedder, products.iloc[rows].reset_index(drop=True), "fused")


def replaced(table: VectorTable, new: VectorTable) -> VectorTable:
    """Return a table with the rows of another in the place of its own; unknown ids are passed."""
    place = {name: at for at, name in enumerate(table.product_ids)}
    theirs = [at for at, name in enumerate(new.product_ids) if name in place]
    ours = [place[new.product_ids[at]] for at in theirs]
    vectors, has_image = table.vectors.copy(), table.has_image.copy()
    has_text = table.has_text.copy()
    vectors[ours] = new.vectors[theirs]
    has_image[ours] = new.has_image[theirs]
    has_text[ours] = new.has_text[theirs]
    return VectorTable(table.product_ids, vectors, has_image, has_text, table.fingerprint)


def chosen(table: VectorTable, rows: NDArray[np.int64]) -> VectorTable:
    """Return some rows of a vector table."""
    return VectorTable(
        [table.product_ids[at] for at in rows],
        table.vectors[rows],
        table.has_image[rows],
        table.has_text[rows],
        table.fingerprint,
    )
