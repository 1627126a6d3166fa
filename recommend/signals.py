"""Every opinion about a user and a product, one matrix each: what the blend is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from core_embeddings.ids import IdMap
from recommend.config import RecommenderConfig
from recommend.factors import Factors
from recommend.histories import Histories
from recommend.item_item import neighbour_table
from recommend.popularity import popularity
from recommend.user_vector import recent_scores, user_vectors

Number = TypeVar("Number", np.int64, np.float32)

Part: TypeAlias = Literal["mf", "content", "recent", "item_item", "popular", "trend"]

PARTS: Final[tuple[Part, ...]] = ("mf", "content", "recent", "item_item", "popular", "trend")
"""Columns of every weight vector, in this order."""

COLD_PARTS: Final[tuple[Part, ...]] = ("popular", "trend")
"""The parts that have anything to say about a user without history."""

SOURCES: Final[dict[Part, str]] = {
    "mf": "mf",
    "content": "content",
    "recent": "content",
    "item_item": "item_item",
    "popular": "popular",
    "trend": "popular",
}
"""Part to the word shown in LISTS."""


@dataclass(frozen=True)
class Signals:
    """All that the parts need to score any block of users.

    Parameters
    ----------
    histories
        Of the users known.
    vectors
        float32 of shape (n_products, dim), unit rows.
    factors
        Rows of users as in ``histories``, rows of products as in ``vectors``.
    neighbours
        Item-item table of shape (n_products, n_products).
    popular, trend
        Slow and fast popularity, of shape (n_products,).
    newcomers
        Mask of shape (n_products,): the products nobody met.
    """

    histories: Histories
    vectors: NDArray[np.float32]
    factors: Factors
    neighbours: sparse.csr_matrix
    popular: NDArray[np.float32]
    trend: NDArray[np.float32]
    newcomers: NDArray[np.bool_]

    def score(self, part: Part, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return one part's scores, of shape (n_users, n_products).

        Rows of users that are -1 (nobody knows them) are zero in every part but the popularities.
        """
        if part in COLD_PARTS:
            counts = self.popular if part == "popular" else self.trend
            return np.broadcast_to(counts, (len(users), len(counts)))
        if part == "recent":
            return recent_scores(
                _take(self.histories.recent, users, fill=-1), self.vectors, self.vectors
            )
        if part == "mf":
            return _take(self.factors.users, users, fill=0) @ self.factors.items.T
        history = self.histories.take(users)
        if part == "content":
            return user_vectors(history, self.vectors) @ self.vectors.T
        return np.asarray((history @ self.neighbours).todense(), dtype=np.float32)


def build_signals(
    interactions: pd.DataFrame,
    products: IdMap,
    vectors: NDArray[np.float32],
    config: RecommenderConfig,
    *,
    histories: Histories,
    factors: Factors,
    as_of: pd.Timestamp | None,
) -> Signals:
    """Count what is counted (neighbours, popularity) and put it beside what was learned."""
    slow, fast = (
        popularity(interactions, products, config, half_life_days=days, as_of=as_of)
        for days in (config.popularity_half_life_days, config.trend_half_life_days)
    )
    return Signals(
        histories=histories,
        vectors=vectors,
        factors=factors,
        neighbours=neighbour_table(histories.strength, neighbours=config.neighbours),
        popular=slow,
        trend=fast,
        newcomers=histories.strength.getnnz(axis=0) == 0,
    )


def _take(matrix: NDArray[Number], rows: NDArray[np.int64], *, fill: int) -> NDArray[Number]:
    taken = np.full((len(rows), matrix.shape[1]), fill, dtype=matrix.dtype)
    taken[rows >= 0] = matrix[rows[rows >= 0]]
    return taken
