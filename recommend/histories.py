"""Interactions as one sparse matrix: who met what, how strongly, and how long ago."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from core_embeddings.columns import Columns
from core_embeddings.errors import ConfigError, TableError
from core_embeddings.ids import IdMap
from recommend.config import RecommenderConfig

DEFAULT_EVENT = "purchase"
RATING = "rating"


@dataclass(frozen=True)
class Histories:
    """What every user met, as rows of users and products.

    Parameters
    ----------
    users
        Everyone with at least one known product of positive weight, sorted.
    weights
        float32 CSR of shape (n_users, n_products): summed event weight × 2^(-age / half_life).
    strength
        The same matrix without decay: what the factorisation learns from.
    bought
        CSR of the same shape with an entry where one of the ``bought_events`` happened, those of
        weight 0 (a rating of 0) included: what is left out of lists.
    recent
        int64 of shape (n_users, recent_items): the last products met, latest first, -1 where fewer.
    """

    users: IdMap
    weights: sparse.csr_matrix
    strength: sparse.csr_matrix
    bought: sparse.csr_matrix
    recent: NDArray[np.int64]

    @property
    def n_products(self) -> int:
        """Number of products."""
        return int(self.weights.shape[1])

    def take(self, rows: NDArray[np.int64], *, decayed: bool = True) -> sparse.csr_matrix:
        """Return some users' histories, of shape (n, n_products); row -1 is an empty one."""
        return self._take(self.weights if decayed else self.strength, rows)

    def bought_by(self, rows: NDArray[np.int64]) -> sparse.csr_matrix:
        """Return what some users bought, of shape (n, n_products); row -1 bought nothing."""
        return self._take(self.bought, rows)

    def _take(self, matrix: sparse.csr_matrix, rows: NDArray[np.int64]) -> sparse.csr_matrix:
        if not len(self.users):
            return sparse.csr_matrix((len(rows), self.n_products), dtype=np.float32)
        known = sparse.diags_array((rows >= 0).astype(np.float32), format="csr")
        return sparse.csr_matrix(known @ matrix[np.maximum(rows, 0)])


def normalise_interactions(interactions: Any) -> pd.DataFrame:
    """Return the table with all five columns, ids as text and times in UTC; order of rows is kept.

    Raises
    ------
    TableError
        If ``user_id`` or ``product_id`` is missing.
    """
    if hasattr(interactions, "to_pandas"):  # an Arrow table
        interactions = interactions.to_pandas()
    has = interactions.columns
    missing = [name for name in (Columns.USER, Columns.PRODUCT) if name not in has]
    if missing:
        raise TableError(
            f"interactions need the columns user_id and product_id; {', '.join(missing)} is "
            f"missing among {', '.join(map(str, has))}; rename with --column NAME=THEIRS"
        )
    table = pd.DataFrame(
        {
            name: interactions[name].astype(str).to_numpy()
            for name in (Columns.USER, Columns.PRODUCT)
        }
    )
    event = (
        interactions[Columns.EVENT]
        if Columns.EVENT in has
        else pd.Series("", index=interactions.index)
    )
    table[Columns.EVENT] = (
        event.fillna("").astype(str).str.lower().replace("", "purchase").to_numpy()
    )
    value = interactions[Columns.VALUE] if Columns.VALUE in has else np.nan
    table[Columns.VALUE] = np.asarray(value, dtype=np.float64)
    if Columns.TIMESTAMP in has:
        times = pd.to_datetime(interactions[Columns.TIMESTAMP], utc=True).astype(
            "datetime64[ns, UTC]"
        )
        table[Columns.TIMESTAMP] = times.array
    else:
        table[Columns.TIMESTAMP] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns, UTC]")
    return table


def event_weights(interactions: pd.DataFrame, config: RecommenderConfig) -> NDArray[np.float64]:
    """Return the weight of every row, of shape (n,).

    It is its event's weight, and for a rating that weight in proportion to its value. A quantity
    does not count: ten of one thing is not ten times the taste.

    Raises
    ------
    ConfigError
        If an event has no weight.
    """
    events = interactions[Columns.EVENT]
    unknown = sorted(set(events.unique()) - set(config.event_weights))
    if unknown:
        raise ConfigError(
            f"event {unknown[0]!r} has no weight; known: "
            f"{', '.join(sorted(config.event_weights))}. "
            f"Give it one with event_weights = {{ {unknown[0]} = 0.5 }} (0 ignores it)"
        )
    weights = events.map(config.event_weights).to_numpy(dtype=np.float64)
    share = np.clip(
        interactions[Columns.VALUE].to_numpy(dtype=np.float64) / config.rating_max, 0, 1
    )
    share = np.where(np.isnan(share), 0.5, share)
    return np.where(events == RATING, weights * share, weights)


def time_decay(
    times: pd.Series, *, as_of: pd.Timestamp | None, half_life_days: float | None
) -> NDArray[np.float64]:
    """Return 2^(-age / half_life), of shape (n,), in (0, 1].

    Rows without a time, all rows where ``as_of`` or ``half_life_days`` is None, and rows after
    ``as_of`` count in full.
    """
    if half_life_days is None or as_of is None or not len(times):
        return np.ones(len(times))
    days = (as_of - times).dt.total_seconds().to_numpy(dtype=np.float64) / 86_400
    return np.exp2(-np.maximum(np.nan_to_num(days), 0) / half_life_days)


def latest(interactions: pd.DataFrame) -> pd.Timestamp | None:
    """Return the time of the newest interaction, or None where no row has one."""
    newest = interactions[Columns.TIMESTAMP].max()
    return None if pd.isna(newest) else newest


def build_histories(
    interactions: pd.DataFrame,
    products: IdMap,
    config: RecommenderConfig,
    *,
    as_of: pd.Timestamp | None = None,
) -> Histories:
    """Build the histories from a table that ``normalise_interactions`` returned.

    Rows of unknown products, and rows of weight 0, make no history; nor do they make a user.
    """
    columns = products.rows(interactions[Columns.PRODUCT])
    weight = event_weights(interactions, config)
    known = (columns >= 0) & (weight > 0)
    users = IdMap(sorted(interactions[Columns.USER][known].unique()))
    rows = users.rows(interactions[Columns.USER])
    buys = interactions[Columns.EVENT].isin(config.bought_events).to_numpy()
    buys &= (columns >= 0) & (rows >= 0)
    shape = (len(users), len(products))
    bought = _sum_pairs(np.ones(int(buys.sum())), rows[buys], columns[buys], shape)
    table, rows, columns, weight = interactions[known], rows[known], columns[known], weight[known]
    decay = time_decay(table[Columns.TIMESTAMP], as_of=as_of, half_life_days=config.half_life_days)
    return Histories(
        users=users,
        weights=_sum_pairs(weight * decay, rows, columns, shape),
        strength=_sum_pairs(weight, rows, columns, shape),
        bought=bought,
        recent=_recent(table[Columns.TIMESTAMP], rows, columns, len(users), config.recent_items),
    )


def _sum_pairs(
    values: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    shape: tuple[int, int],
) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    return matrix.astype(np.float32)


def _recent(
    times: pd.Series,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    n_users: int,
    count: int,
) -> NDArray[np.int64]:
    pairs = pd.DataFrame({"user": rows, "item": columns, "time": times.to_numpy()})
    pairs["order"] = np.arange(len(pairs))
    # Rows without a time are the oldest; rows of one time keep their order in the table.
    pairs = pairs.sort_values(["time", "order"], ascending=False, na_position="last")
    pairs = pairs.drop_duplicates(["user", "item"])
    place = pairs.groupby("user").cumcount().to_numpy()
    kept = place < count
    recent = np.full((n_users, count), -1, dtype=np.int64)
    recent[pairs["user"].to_numpy()[kept], place[kept]] = pairs["item"].to_numpy()[kept]
    return recent
