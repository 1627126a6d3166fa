"""From an embedder and products to a vector table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core_embeddings.columns import Columns, written_columns
from core_embeddings.vector_table import VectorTable

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
    vectors = embedder.encode(products, what=what, missing=missing)
    has_image = np.array([bool(paths) for paths in products[Columns.IMAGE]], dtype=bool)
    has_text = products[[*written_columns(products.columns), Columns.BRAND]].ne("").any(axis=1)
    return VectorTable(
        products[Columns.PRODUCT].tolist(),
        vectors,
        has_image,
        has_text.to_numpy(dtype=bool),
        embedder.fingerprint,
    )
