"""In which order a human should answer: each answer where it settles most.

An answer settles its own product and, in part, the products that are like it: ten near-duplicates
are not asked ten times. With s the likeness of two products and w what it is worth to know one, the
value of asking a set A is ``Σ_j w_j · max_{i ∈ A} s_ij``, which has diminishing returns; so taking
the best next product each time comes within 1 - 1/e of the best set of every size.

References
----------
Nemhauser, Wolsey and Fisher 1978, *An analysis of approximations for maximizing submodular set
functions*; Wei, Iyer and Bilmes 2015, *Submodularity in data subset selection and active learning*.
"""

from __future__ import annotations

import heapq
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core_embeddings.topk import exact_topk

NEIGHBOURS: Final = 10
"""Products an answer can speak for, itself included."""
SHARPNESS: Final = 16.0
"""Likeness is the cosine to this power: products that are only of one kind settle little."""


class Asked(NamedTuple):
    """What to ask, first things first.

    Attributes
    ----------
    rows
        int64 of shape (n_asked,).
    gains
        What each answer settles beyond the ones before it; never grows. Of shape (n_asked,).
    total
        What answering everything would settle.
    """

    rows: NDArray[np.int64]
    gains: NDArray[np.float64]
    total: float


def uncertainty(shares: NDArray[Any], confidence: NDArray[Any]) -> NDArray[np.float64]:
    """Return how much there is to learn from each product, of shape (n,).

    The probability that what is said of it is wrong, times how rare the values are that it may
    have: ``1 / sqrt`` of the share of products expected to have them.

    Parameters
    ----------
    shares
        Probability of each value, of shape (n, n_values).
    confidence
        Probability that what is said of each product is right, of shape (n,).
    """
    rare = 1 / np.sqrt(shares.mean(axis=0) + 1 / len(shares))
    found: NDArray[np.float64] = (1 - confidence) * (shares @ rare)
    return found


def likeness(
    vectors: NDArray[Any],
    shares: NDArray[Any],
    *,
    k: int = NEIGHBOURS,
    sharpness: float = SHARPNESS,
) -> sparse.csr_array:
    """Return the likeness of each product to its nearest ones, of shape (n, n), 1 to itself.

    Cosine to the power ``sharpness``, times how much the two are expected to agree: ``Σ √(p q)``
    over the values. Two dresses of different colours are alike in category, but not in colour.

    Parameters
    ----------
    vectors
        Unit rows of shape (n, dim).
    shares
        Probability of each value, of shape (n, n_values).
    k
        Neighbours that count, itself included.
    sharpness
        Above 1; a negative cosine counts 0.
    """
    n, root = len(vectors), np.sqrt(shares)
    found = exact_topk(vectors, vectors, min(k, n), metric="dot")
    one = np.repeat(np.arange(n), found.rows.shape[1])
    other = found.rows.ravel()
    agree = np.minimum(np.einsum("nc,nc->n", root[one], root[other]), 1)
    values = np.clip(found.scores.ravel().astype(np.float64), 0, 1) ** sharpness * agree
    near = sparse.csr_array((values, (one, other)), shape=(n, n))
    near = near.maximum(
        sparse.eye_array(n)
    )  # of more than k duplicates some do not find themselves
    return near.maximum(near.T).tocsr()  # whoever settles another is settled by it


def settled_by(
    vectors: NDArray[Any],
    shares: NDArray[Any],
    known: NDArray[Any],
    codes: NDArray[np.int64],
    *,
    k: int = NEIGHBOURS,
    sharpness: float = SHARPNESS,
) -> NDArray[np.float64]:
    """Return how far products are settled by those whose value is known, of shape (n,).

    Parameters
    ----------
    vectors, shares, k, sharpness
        As of `likeness`.
    known
        Vectors of products with a value, of shape (n_known, dim).
    codes
        Their values as columns of ``shares``, of shape (n_known,).
    """
    if not len(known):
        return np.zeros(len(vectors))
    found = exact_topk(vectors, known, min(k, len(known)), metric="dot")
    agree = np.sqrt(np.take_along_axis(shares, codes[found.rows], axis=1))
    near = np.clip(found.scores.astype(np.float64), 0, 1) ** sharpness * agree
    return np.asarray(near.max(axis=1), dtype=np.float64)


def worklist(
    worth: NDArray[np.float64],
    near: sparse.csr_array,
    *,
    limit: int | None = None,
    teaches: NDArray[np.bool_] | None = None,
    settled: NDArray[np.float64] | None = None,
) -> Asked:
    """Return what to ask, first things first.

    Parameters
    ----------
    worth
        What it is worth to know each product's value, ≥ 0, of shape (n,).
    near
        Likeness in 0 … 1, of shape (n, n), see `likeness`.
    limit
        How many to ask at most; products that would settle nothing are never asked.
    teaches
        False for products whose answer speaks for themselves alone, as held-out ones do.
    settled
        How far each product is settled before, 0 … 1.

    Notes
    -----
    Gains only shrink as more is asked, so an old gain is a bound: it is computed again only for the
    product that leads (Minoux 1978).
    """
    near = near.tocsr()
    limit = len(worth) if limit is None else min(limit, len(worth))
    speaks = np.ones(len(worth), dtype=bool) if teaches is None else teaches
    done = np.zeros(len(worth)) if settled is None else settled.astype(np.float64)

    def reach(row: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        if not speaks[row]:
            return np.array([row]), np.ones(1)
        cut = slice(near.indptr[row], near.indptr[row + 1])
        return near.indices[cut], near.data[cut]

    def gain(row: int) -> float:
        columns, values = reach(row)
        return float(worth[columns] @ np.maximum(values - done[columns], 0))

    total = float(worth @ (1 - done))
    queue = [(-gain(row), row) for row in range(len(worth))]
    heapq.heapify(queue)
    rows: list[int] = []
    gains: list[float] = []
    while queue and len(rows) < limit:
        _, row = heapq.heappop(queue)
        now = gain(row)
        if queue and (-now, row) > queue[0]:
            heapq.heappush(queue, (-now, row))
            continue
        if now <= 0:
            break
        columns, values = reach(row)
        done[columns] = np.maximum(done[columns], values)
        rows.append(row)
        gains.append(now)
    return Asked(np.array(rows, dtype=np.int64), np.array(gains, dtype=np.float64), total)
