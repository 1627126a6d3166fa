"""Ranking metrics, per query, then averaged: one definition for search, lists and validation.

Two ways in. Tables of ids: :func:`ranking_metrics`. Arrays, for tens of thousands of users: fill a
*gain* matrix, the relevance of the item at each place of each list (0 for what is not relevant, for
padding, and for an item listed before), and call :func:`metrics_from_hits`. Every function reads
the last axis, so a single list gives a single number.

An item is relevant when its relevance is above 0. A query without a relevant item has no defined
value: NaN, left out of the means and counted. Lists come in ranked order; whoever ranks breaks ties
(by ``product_id``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from core_embeddings.columns import Columns

Array: TypeAlias = NDArray[np.float64]


class Hits(NamedTuple):
    """What a ranking earned, as arrays.

    Attributes
    ----------
    gains
        Relevance at each place, of shape (n_queries, k); 0 where not relevant.
    n_relevant
        Relevant items of each query, listed or not, of shape (n_queries,).
    ideal
        DCG at k of the best possible list over all judged items, of shape (n_queries,).
    """

    gains: Array
    n_relevant: Array
    ideal: Array


def recall_at_k(gains: ArrayLike, n_relevant: ArrayLike) -> Array:
    """Return relevant items found / all relevant items; in [0, 1]."""
    return _ratio(_found(gains), n_relevant, n_relevant)


def capped_recall_at_k(gains: ArrayLike, n_relevant: ArrayLike) -> Array:
    """Return relevant items found / min(k, relevant): 1 can be reached (Liang et al. 2018)."""
    return _ratio(_found(gains), np.minimum(n_relevant, np.shape(gains)[-1]), n_relevant)


def precision_at_k(gains: ArrayLike, n_relevant: ArrayLike) -> Array:
    """Return relevant items found / k, also where the list is shorter than k."""
    return _ratio(_found(gains), np.shape(gains)[-1], n_relevant)


def f1_at_k(gains: ArrayLike, n_relevant: ArrayLike) -> Array:
    """Return the query's harmonic mean of precision@k and recall@k: 2 found / (k + relevant)."""
    return _ratio(2 * _found(gains), np.shape(gains)[-1] + np.asarray(n_relevant), n_relevant)


def hit_at_k(gains: ArrayLike, n_relevant: ArrayLike) -> Array:
    """Return 1 where any relevant item is among the k, else 0."""
    return _ratio(_found(gains) > 0, 1, n_relevant)


def accuracy_at_1(gains: ArrayLike, n_relevant: ArrayLike) -> Array:
    """Return 1 where the first place is relevant, else 0."""
    return _ratio(np.asarray(gains)[..., 0] > 0, 1, n_relevant)


def mrr_at_k(gains: ArrayLike, n_relevant: ArrayLike) -> Array:
    """Return 1 / rank of the *first* relevant item among the k; 0 when there is none."""
    hits = np.asarray(gains) > 0
    reciprocal = np.where(hits.any(axis=-1), 1 / (hits.argmax(axis=-1) + 1), 0.0)
    return _ratio(reciprocal, 1, n_relevant)


def map_at_k(gains: ArrayLike, n_relevant: ArrayLike) -> Array:
    """Return the sum of precision@i over the relevant places i ≤ k, divided by min(k, relevant)."""
    hits = np.asarray(gains) > 0
    precision = hits.cumsum(axis=-1) / np.arange(1, hits.shape[-1] + 1)
    total = (precision * hits).sum(axis=-1)
    return _ratio(total, np.minimum(n_relevant, hits.shape[-1]), n_relevant)


def ndcg_at_k(gains: ArrayLike, n_relevant: ArrayLike, ideal: ArrayLike) -> Array:
    """Return DCG / ideal DCG, gain = relevance (not 2^relevance - 1), discount log2(rank + 1).

    The ideal list is cut at k and takes the best of all judged items, listed or not (Järvelin &
    Kekäläinen 2002).
    """
    gain = np.asarray(gains, dtype=np.float64)
    return _ratio(gain @ discounts(gain.shape[-1]), ideal, n_relevant)


def discounts(k: int) -> Array:
    """Return 1 / log2(rank + 1) for the ranks 1 … k, of shape (k,)."""
    return 1 / np.log2(np.arange(2, k + 2))


def ideal_dcg_binary(n_relevant: ArrayLike, k: int) -> Array:
    """Return the ideal DCG at k where every relevant item has relevance 1."""
    cumulated = np.concatenate([[0.0], discounts(k).cumsum()])
    return cumulated[np.minimum(np.asarray(n_relevant, dtype=np.int64), k)]


def ideal_dcg(relevances: ArrayLike, k: int) -> float:
    """Return the ideal DCG at k of one query from the relevances of all its judged items."""
    best = np.sort(np.asarray(relevances, dtype=np.float64))[::-1][:k]
    return float(best @ discounts(len(best)))


def metrics_from_hits(
    gains: ArrayLike, n_relevant: ArrayLike, ideal: ArrayLike | None = None
) -> dict[str, Array]:
    """Return every metric of every list.

    Parameters
    ----------
    gains
        Relevance at each place, of shape (n_queries, k), not negative; see the module's head.
    n_relevant
        Relevant items of each query, of shape (n_queries,).
    ideal
        Ideal DCG at k of each query, of shape (n_queries,); None where every relevance is 0 or 1.

    Returns
    -------
    dict
        Metric name ("recall@10", …) to a float64 array of shape (n_queries,); NaN without a
        relevant item.

    Raises
    ------
    ValueError
        If a shape disagrees, a gain is negative or NaN, or more was found than is relevant.
    """
    gain = np.asarray(gains, dtype=np.float64)
    relevant = np.asarray(n_relevant, dtype=np.float64)
    if gain.ndim != 2 or gain.shape[1] < 1 or relevant.shape != gain.shape[:1]:
        raise ValueError(
            "gains must be of shape (n_queries, k), k ≥ 1, and n_relevant of shape (n_queries,); "
            f"got {gain.shape} and {relevant.shape}"
        )
    if not (gain >= 0).all() or (_found(gain) > relevant).any():
        raise ValueError(
            "gains must be 0 or more, and hits at most n_relevant; "
            "an item listed twice earns its gain once"
        )
    k = gain.shape[1]
    best = ideal_dcg_binary(relevant, k) if ideal is None else np.asarray(ideal, dtype=np.float64)
    return {
        f"recall@{k}": recall_at_k(gain, relevant),
        f"capped_recall@{k}": capped_recall_at_k(gain, relevant),
        f"precision@{k}": precision_at_k(gain, relevant),
        f"f1@{k}": f1_at_k(gain, relevant),
        f"hit@{k}": hit_at_k(gain, relevant),
        f"mrr@{k}": mrr_at_k(gain, relevant),
        f"map@{k}": map_at_k(gain, relevant),
        f"ndcg@{k}": ndcg_at_k(gain, relevant, best),
        "accuracy@1": accuracy_at_1(gain, relevant),
    }


def hits_of(
    ranked: Mapping[str, Sequence[str]], truth: Mapping[str, Mapping[str, float]], k: int
) -> Hits:
    """Return the gains of ranked id lists, one row per query of ``truth``, in its order.

    A query without a list earns nothing; a list without a query in ``truth`` is not looked at. Of
    an item listed twice the first place counts, the second still fills its place.

    Raises
    ------
    ValueError
        If k is below 1, or a relevance is negative or not finite.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1; got {k}")
    gains = np.zeros((len(truth), k))
    relevant, ideal = np.zeros(len(truth)), np.zeros(len(truth))
    for row, (query, judged) in enumerate(truth.items()):
        relevances = np.fromiter(judged.values(), dtype=np.float64, count=len(judged))
        if not (np.isfinite(relevances) & (relevances >= 0)).all():
            raise ValueError(f"relevance must be finite and at least 0; query {query!r} has other")
        relevant[row], ideal[row] = (relevances > 0).sum(), ideal_dcg(relevances, k)
        places = {name: place for place, name in reversed([*enumerate(ranked.get(query, ())[:k])])}
        for name, place in places.items():
            gains[row, place] = judged.get(name, 0.0)
    return Hits(gains, relevant, ideal)


def ranking_metrics(
    ranked: Mapping[str, Sequence[str]], truth: Mapping[str, Mapping[str, float]], k: int
) -> pd.DataFrame:
    """Return every metric of every query in ``truth``.

    Parameters
    ----------
    ranked
        Query (or user) to product ids, best first; short, empty and missing lists are fine.
    truth
        Query to relevance of each judged product; unjudged products are not relevant.
    k
        Places looked at.

    Returns
    -------
    DataFrame
        One row per query, indexed by ``query_id``, one column per metric; NaN where nothing is
        relevant.

    Examples
    --------
    >>> frame = ranking_metrics({"q": ["a", "b"]}, {"q": {"b": 1.0, "c": 1.0}}, k=2)
    >>> frame.loc["q", ["recall@2", "mrr@2"]].tolist()
    [0.5, 0.5]
    """
    index = pd.Index(list(truth), name=Columns.QUERY_ID, dtype=object)
    return pd.DataFrame(metrics_from_hits(*hits_of(ranked, truth, k)), index=index)


def mean_ranking_metrics(
    ranked: Mapping[str, Sequence[str]], truth: Mapping[str, Mapping[str, float]], k: int
) -> dict[str, float]:
    """Return the mean of each metric over the queries that have a relevant item.

    Two counts come along: ``n``, the queries averaged over, and ``left_out``, those without a
    relevant item. With ``n`` 0 the means are NaN.
    """
    return mean_metrics(ranking_metrics(ranked, truth, k))


def mean_metrics(per_query: pd.DataFrame) -> dict[str, float]:
    """Return the means, ``n`` and ``left_out`` of a frame of :func:`ranking_metrics`."""
    defined = per_query.dropna(how="any")
    means = {str(name): float(value) for name, value in defined.mean().items()}
    return {**means, "n": float(len(defined)), "left_out": float(len(per_query) - len(defined))}


def _found(gains: ArrayLike) -> Array:
    return (np.asarray(gains) > 0).sum(axis=-1).astype(np.float64)


def _ratio(above: ArrayLike, below: ArrayLike, n_relevant: ArrayLike) -> Array:
    """Divide, with NaN where a query has no relevant item."""
    defined = np.asarray(n_relevant) > 0
    return np.where(defined, np.asarray(above) / np.where(defined, below, 1), np.nan)
