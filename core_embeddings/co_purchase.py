"""Which products people buy together, and how a partner is drawn for a product of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from core_embeddings.artefact import digest_bytes
from core_embeddings.columns import Columns
from core_embeddings.errors import ConfigError
from core_embeddings.interactions import DEFAULT_EVENT

BOUGHT: Final = (DEFAULT_EVENT, "rating")
"""Events that say a product was bought; a look or a cart says less."""


class CoPurchases:
    """Pairs of products bought by the same users, by row.

    Parameters
    ----------
    weights
        Symmetric CSR of shape (n, n) without a diagonal: how strongly two products go together.
    """

    def __init__(self, weights: sparse.csr_matrix) -> None:
        self.weights = weights
        self._total = np.concatenate([[0.0], np.cumsum(weights.data, dtype=np.float64)])

    def draw(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw a partner per row, in proportion to the weights; -1 for a product without any."""
        starts, ends = self.weights.indptr[rows], self.weights.indptr[rows + 1]
        low, high = self._total[starts], self._total[ends]
        drawn = low + rng.random(len(rows)) * (high - low)
        places = np.searchsorted(self._total, drawn, side="right") - 1
        # Sums of many weights round: the place may fall one beside the row's own part.
        places = np.clip(places, starts, np.maximum(ends - 1, starts))
        found = np.full(len(rows), -1, dtype=np.int64)
        some = ends > starts
        found[some] = self.weights.indices[places[some]]
        return found

    def together(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which pairs are known to be bought together, of shape (len(rows), len(others))."""
        return np.asarray(self.weights[rows][:, others].toarray() > 0)

    def digest(self) -> str:
        """Return the identity of the pairs and their weights."""
        parts = (self.weights.indptr, self.weights.indices, self.weights.data)
        return digest_bytes(*(part.tobytes() for part in parts))


def co_purchases(
    interactions: pd.DataFrame,
    product_ids: Sequence[str],
    *,
    days: float = 7.0,
    cap: int = 20,
    events: Iterable[str] = BOUGHT,
) -> CoPurchases:
    """Count what the same users bought within some days.

    Parameters
    ----------
    interactions
        In-memory interactions (see `interactions.read_interactions`) of the training period only.
    product_ids
        The products, in the order of their rows; others are passed over.
    days
        Two purchases further apart than this are no pair; one without a time is near everything.
    cap
        Only so many of a user's latest products count: a reseller's history pairs everything.
    events
        Which events count.

    Returns
    -------
    CoPurchases
        A user with m products gives each of their pairs 1 / (m - 1), so that every purchase
        weighs the same, whatever the size of the basket.

    Raises
    ------
    ConfigError
        If ``days`` or ``cap`` leave no pair possible.
    """
    if days < 0 or cap < 2:
        raise ConfigError(f"days must be at least 0 and cap at least 2; got {days} and {cap}")
    bought = _latest(interactions, product_ids, cap, set(events))
    users, rows, times = (bought[name].to_numpy() for name in ("user", "row", "time"))
    sizes = np.bincount(users, minlength=1)[users] if len(users) else np.zeros(0)
    window = np.timedelta64(round(days * 86_400), "s")
    parts = []
    for lag in range(1, min(cap, len(users))):
        same = users[lag:] == users[:-lag]
        far = np.abs(times[lag:] - times[:-lag]) > window  # a missing time is never far
        chosen = np.flatnonzero(same & ~far)
        parts.append((rows[chosen], rows[chosen + lag], 1.0 / (sizes[chosen] - 1)))
    return CoPurchases(_symmetric(parts, len(product_ids)))


def _latest(
    interactions: pd.DataFrame, product_ids: Sequence[str], cap: int, events: set[str]
) -> pd.DataFrame:
    """Return the last ``cap`` distinct products of each user: ``user``, ``row``, ``time``."""
    places = pd.Series(np.arange(len(product_ids)), index=list(product_ids))
    known = interactions[Columns.PRODUCT].isin(places.index)
    kept = interactions[known & interactions[Columns.EVENT].isin(events)]
    table = pd.DataFrame(
        {
            "user": kept[Columns.USER].to_numpy(),
            "row": places.reindex(kept[Columns.PRODUCT]).to_numpy(),
            "time": kept[Columns.TIMESTAMP].dt.tz_localize(None).to_numpy(),
        }
    )
    table = table.sort_values(["user", "time", "row"], na_position="first", kind="stable")
    table = table.drop_duplicates(["user", "row"], keep="last").groupby("user").tail(cap)
    return table.assign(user=pd.factorize(table["user"])[0])


def _symmetric(
    parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]], size: int
) -> sparse.csr_matrix:
    if not parts:
        return sparse.csr_matrix((size, size), dtype=np.float64)
    left, right, weight = (np.concatenate(several) for several in zip(*parts, strict=True))
    half = sparse.coo_matrix((weight, (left, right)), shape=(size, size)).tocsr()
    whole = sparse.csr_matrix(half + half.T)
    whole.sort_indices()
    return whole
