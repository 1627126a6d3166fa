"""Exact top-k by distance or dot product: the default index and the oracle of every other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_embeddings.exclusion import Exclude, Exclusion

Metric: TypeAlias = Literal["l2", "dot"]
BLOCK_CELLS = 8_000_000
"""Cells of one score block: 32 MB of float32, and a few times that while it is searched."""

_LARGEST_NORM = 1e18
"""Squares of longer vectors overflow float32."""


class TopK(NamedTuple):
    """The best items of each query, best first.

    Attributes
    ----------
    rows
        int64 of shape (n_queries, k), or (k,) for a single query; -1 where fewer than k items could
        be returned.
    scores
        float32 of the same shape, larger is better; ``-inf`` at padding. For "l2" it is minus the
        distance.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class _Pairs(NamedTuple):
    """Candidates as parallel arrays: the query, the item row and its score."""

    query: NDArray[np.int64]
    row: NDArray[np.int64]
    score: NDArray[np.float32]


def exact_topk(
    queries: ArrayLike,
    items: ArrayLike,
    k: int,
    *,
    metric: Metric = "l2",
    allow: NDArray[np.bool_] | None = None,
    exclude: Exclude | None = None,
    block: int | None = None,
) -> TopK:
    """Return the k best items of every query; equal scores are ordered by row.

    A float32 matrix product only narrows the field, with a margin that covers its rounding error.
    Every survivor is scored again from its own pair of vectors in float64 and rounded to float32.
    So identical vectors tie bit for bit, and the answer does not depend on the batch size, the
    block or the BLAS.

    Parameters
    ----------
    queries
        Array of shape (n_queries, dim), or (dim,) for a single query; compared as float32.
    items
        Array of shape (n_items, dim); compared as float32.
    k
        Length of the lists, at least 1.
    metric
        "l2" (score = -‖q - x‖₂) or "dot" (score = q·x).
    allow
        Boolean mask of shape (n_items,); only True rows are returned. None allows all.
    exclude
        Rows never returned for a query: a CSR matrix of shape (n_queries, n_items) whose stored
        entries count, or one array of rows per query. Negative rows (unknown ids) are ignored.
    block
        Queries scored at once; None keeps a block near 32 MB.

    Returns
    -------
    TopK
        2-D arrays for a batch, 1-D arrays for a single query.

    Raises
    ------
    ValueError
        If shapes disagree, a value is NaN, infinite or beyond float32, or k or block is below 1.
    """
    item_matrix = _matrix(items, "items")
    query_matrix = _matrix(np.atleast_2d(queries), "queries")
    if query_matrix.shape[1] != item_matrix.shape[1]:
        raise ValueError(
            f"queries and items must have the same dimension; got queries {query_matrix.shape} and "
            f"items {item_matrix.shape}; were they made by the same embedder?"
        )
    allowed = _allowed_rows(allow, len(item_matrix))
    excluded = Exclusion(exclude, len(query_matrix), len(item_matrix), allowed)
    searched = item_matrix if allow is None else item_matrix[allowed]
    lengths = _lengths(searched)
    _positive(k, "k")
    parts = [
        _search_block(query_matrix[rows], searched, lengths, k, metric, excluded.of(rows))
        for rows in _blocks(len(query_matrix), len(searched), block)
    ]
    return _finish(parts, allowed, k, single=np.ndim(queries) == 1)


def topk_of_scores(
    scores: ArrayLike,
    k: int,
    *,
    allow: NDArray[np.bool_] | None = None,
    exclude: Exclude | None = None,
) -> TopK:
    """Return the k best columns of every row of a score matrix; equal scores are ordered by column.

    Parameters
    ----------
    scores
        Array of shape (n_queries, n_items), or (n_items,), larger is better, compared as float32.
        ``-inf`` means never.
    k, allow, exclude
        As in :func:`exact_topk`.

    Raises
    ------
    ValueError
        If a score is NaN or ``+inf``, k is below 1, or a shape disagrees.
    """
    matrix = np.atleast_2d(
        np.array(scores, dtype=np.float32)
    )  # a copy: exclusions are written into it
    if matrix.ndim != 2 or np.isnan(matrix).any() or np.isposinf(matrix).any():
        raise ValueError(
            "scores must be of shape (n_queries, n_items) without NaN or +inf; "
            f"got shape {np.shape(scores)}; use -inf for what must never be returned"
        )
    allowed = _allowed_rows(allow, matrix.shape[1])
    excluded = Exclusion(exclude, len(matrix), matrix.shape[1], allowed)
    matrix = matrix if allow is None else matrix[:, allowed]
    matrix[excluded.of(slice(0, len(matrix)))] = -np.inf
    query, row = _candidates(matrix, _positive(k, "k"), np.zeros(len(matrix), np.float32))
    part = _best(_Pairs(query, row, matrix[query, row]), len(matrix), k)
    return _finish([part], allowed, k, single=np.ndim(scores) == 1)


def _search_block(
    queries: NDArray[np.float32],
    items: NDArray[np.float32],
    lengths: NDArray[np.float64],
    k: int,
    metric: Metric,
    excluded: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> TopK:
    rough = queries @ items.T  # (n_queries, n_items)
    query_lengths = _lengths(queries)
    longest = lengths.max(initial=0.0)
    if metric == "l2":  # -‖q - x‖² without its constant ‖q‖²
        rough *= 2
        rough -= np.square(lengths).astype(np.float32)
        scale = np.square(query_lengths + longest)
    else:
        scale = query_lengths * longest
    # Higham's bound on a dot product of float32, doubled, and room for underflow: what the product
    # may be wrong by.
    dim = queries.shape[1]
    error = (dim + 8) * (np.finfo(np.float32).eps * scale + 4 * np.finfo(np.float32).tiny)
    rough[excluded] = -np.inf
    query, row = _candidates(rough, k, 2 * error)
    score = _exact_scores(queries, items, query, row, metric)
    return _best(_Pairs(query, row, score), len(queries), k)


def _candidates(
    scores: NDArray[np.float32], k: int, margin: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (query, column) of all scores within ``margin`` of the k-th best, ties included."""
    n_items = scores.shape[1]
    floor = np.full(len(scores), -np.inf)
    if k < n_items:
        floor = np.partition(scores, n_items - k, axis=1)[:, n_items - k] - np.asarray(
            margin, float
        )
    # Rounded down, so that comparing in float32 can only let more through.
    threshold = np.nextafter(floor.astype(np.float32), np.float32(-np.inf))
    query, row = np.nonzero((scores >= threshold[:, None]) & (scores > -np.inf))
    return query, row


def _exact_scores(
    queries: NDArray[np.float32],
    items: NDArray[np.float32],
    query: NDArray[np.int64],
    row: NDArray[np.int64],
    metric: Metric,
) -> NDArray[np.float32]:
    """Score each pair from its two vectors alone: one pair, one value, wherever it stands."""
    scores = np.empty(len(query), dtype=np.float32)
    step = max(1, BLOCK_CELLS // max(1, 2 * queries.shape[1]))
    for start in range(0, len(query), step):
        pairs = slice(start, start + step)
        left = queries[query[pairs]].astype(np.float64)
        right = items[row[pairs]]
        if metric == "l2":
            scores[pairs] = -np.sqrt(np.square(left - right).sum(axis=1))
        else:
            scores[pairs] = (left * right).sum(axis=1)
    return scores + np.float32(0)  # -0.0 becomes 0.0


def _best(pairs: _Pairs, n_queries: int, k: int) -> TopK:
    """Sort the candidates by query, score (best first), row; cut at k; pad."""
    order = np.lexsort((pairs.row, -pairs.score, pairs.query))
    query = pairs.query[order]
    place = np.arange(len(query)) - np.searchsorted(query, query)
    kept = place < k
    top = TopK(
        np.full((n_queries, k), -1, dtype=np.int64),
        np.full((n_queries, k), -np.inf, dtype=np.float32),
    )
    top.rows[query[kept], place[kept]] = pairs.row[order][kept]
    top.scores[query[kept], place[kept]] = pairs.score[order][kept]
    return top


def _finish(parts: list[TopK], allowed: NDArray[np.int64], k: int, *, single: bool) -> TopK:
    rows = np.concatenate([np.empty((0, k), np.int64), *(part.rows for part in parts)])
    scores = np.concatenate([np.empty((0, k), np.float32), *(part.scores for part in parts)])
    outside = np.append(allowed, -1)  # position -1 (padding) reads the last cell
    return TopK(outside[rows[0]], scores[0]) if single else TopK(outside[rows], scores)


def _blocks(n_queries: int, n_items: int, block: int | None) -> Iterator[slice]:
    step = max(1, BLOCK_CELLS // max(1, n_items)) if block is None else _positive(block, "block")
    return (slice(start, min(start + step, n_queries)) for start in range(0, n_queries, step))


def _matrix(values: ArrayLike, name: str) -> NDArray[np.float32]:
    matrix = np.ascontiguousarray(values, dtype=np.float32)
    if matrix.ndim != 2:
        raise ValueError(f"{name} must be of shape (n, dim); got shape {matrix.shape}")
    # min and max, unlike a mask of isfinite, need no copy; NaN fails both comparisons
    if matrix.size and not (
        matrix.max() < _LARGEST_NORM / matrix.shape[1]
        and matrix.min() > -_LARGEST_NORM / matrix.shape[1]
    ):
        raise ValueError(
            f"{name} of shape {matrix.shape} must be finite and below {_LARGEST_NORM:g}; "
            "NaN or infinity came in: check the vectors where they are made"
        )
    return matrix


def _allowed_rows(allow: NDArray[np.bool_] | None, n_items: int) -> NDArray[np.int64]:
    if allow is None:
        return np.arange(n_items)
    mask = np.asarray(allow)
    if mask.dtype != np.bool_ or mask.shape != (n_items,):
        raise ValueError(
            f"allow must be a boolean mask of shape ({n_items},); "
            f"got {mask.dtype} of shape {mask.shape}"
        )
    return np.flatnonzero(mask)


def _lengths(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.sqrt(np.einsum("nd,nd->n", matrix, matrix, dtype=np.float64))


def _positive(value: int, name: str) -> int:
    if value < 1:
        raise ValueError(f"{name} must be at least 1; got {value}")
    return value
