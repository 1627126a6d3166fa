"""From an embedder and products to a vector table, in memory or straight into a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core_embeddings.columns import Columns, written_columns
from core_embeddings.vector_table import VectorTable, write_vector_blocks

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.embedder import FusionEmbedder, What
    from core_embeddings.missing_parts import MissingParts


def embed_products(
    embedder: FusionEmbedder,
    products: pd.DataFrame,
    what: What,
    *,
    missing: MissingParts | None = None,
) -> VectorTable:
    """Return the vectors of products, and which modalities each has of its own."""
    parts = [*embed_blocks(embedder, products, what, missing=missing)]
    if not parts:
        none, no_vectors = np.zeros(0, bool), np.zeros((0, embedder.embedding_size), np.float32)
        return VectorTable([], no_vectors, none, none, embedder.fingerprint)
    ids, vectors, has_image, has_text, _ = zip(*parts, strict=True)
    return VectorTable(
        [name for own in ids for name in own],
        np.concatenate(vectors),
        np.concatenate(has_image),
        np.concatenate(has_text),
        embedder.fingerprint,
    )


def embed_to_file(
    embedder: FusionEmbedder,
    products: pd.DataFrame,
    path: Path,
    what: What = "fused",
    *,
    missing: MissingParts | None = None,
) -> int:
    """Write the vectors of products as they are made, and return how many there are.

    Neither pictures nor vectors are ever all in memory; the file appears whole or not at all.
    """
    return write_vector_blocks(
        path,
        embed_blocks(embedder, products, what, missing=missing),
        embedding_size=embedder.embedding_size,
        fingerprint=embedder.fingerprint,
    )


def embed_blocks(
    embedder: FusionEmbedder,
    products: pd.DataFrame,
    what: What,
    *,
    missing: MissingParts | None = None,
) -> Iterator[VectorTable]:
    """Yield the rows of `embed_products` some hundred at a time."""
    written = [*written_columns(products.columns), Columns.BRAND]
    start = 0
    for vectors in embedder.encode_blocks(products, what, missing=missing):
        block = products.iloc[start : start + len(vectors)]
        start += len(vectors)
        yield VectorTable(
            block[Columns.PRODUCT].tolist(),
            vectors,
            np.fromiter((bool(paths) for paths in block[Columns.IMAGE]), bool, len(block)),
            block[written].ne("").any(axis=1).to_numpy(dtype=bool),
            embedder.fingerprint,
        )
