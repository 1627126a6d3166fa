"""Products like a product."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.config import nearest
from core_embeddings.errors import TableError
from core_embeddings.topk import topk_of_scores
from recommend.state import State


def similar_products(state: State, product_id: str, k: int) -> pd.DataFrame:
    """Return the k nearest products by the mean of content cosine and factor cosine.

    A product that nobody met is compared by content alone: what its factor would say was made from
    its vector.

    Returns
    -------
    ``product_id``, ``rank``, ``score``; ties by ``product_id``, never the product itself.

    Raises
    ------
    TableError
        If the product is not in the catalogue.
    """
    products, vectors = state.catalogue.products, state.catalogue.vectors
    (row,) = products.rows([product_id])
    if row < 0:
        raise TableError(
            f"product {product_id!r} is not in the catalogue of {len(products)} products; "
            f"{nearest(product_id, products.all[:50_000])[:200]}"
        )
    score = vectors @ vectors[row]
    items = state.learned.factors.items
    both = items.any(axis=1) & bool(items[row].any())
    score[both] = (score[both] + _cosine(items[both], items[row])) / 2
    top = topk_of_scores(score[None], min(k, len(products)), exclude=[np.array([row])])
    kept = top.rows[0] >= 0
    return pd.DataFrame(
        {
            Columns.PRODUCT: np.array(products.ids(top.rows[0][kept]), dtype=object),
            Columns.RANK: np.arange(1, int(kept.sum()) + 1),
            Columns.SCORE: top.scores[0][kept],
        }
    )


def _cosine(rows: NDArray[np.float32], one: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(one)
    return np.asarray(rows @ one / np.maximum(lengths, 1e-12), dtype=np.float32)
