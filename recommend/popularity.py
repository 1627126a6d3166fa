"""What everybody meets now: the list for a user nobody knows, and a part of every other list."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.ids import IdMap
from recommend.config import RecommenderConfig
from recommend.histories import event_weights, time_decay


def popularity(
    interactions: pd.DataFrame,
    products: IdMap,
    config: RecommenderConfig,
    *,
    half_life_days: float,
    as_of: pd.Timestamp | None = None,
) -> NDArray[np.float32]:
    """Return log(1 + Σ event weight × 2^(-age / half_life)) per product, of shape (n_products,).

    The logarithm keeps one best-seller from drowning every other signal; it does not change the
    order.
    """
    rows = products.rows(interactions[Columns.PRODUCT])
    weight = event_weights(interactions, config) * time_decay(
        interactions[Columns.TIMESTAMP], as_of=as_of, half_life_days=half_life_days
    )
    known = rows >= 0
    total = np.bincount(rows[known], weights=weight[known], minlength=len(products))
    return np.log1p(total).astype(np.float32)
