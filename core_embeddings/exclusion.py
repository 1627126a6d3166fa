"""What a query must not be answered with, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Exclude: TypeAlias = Any
"""A sparse matrix of shape (n_queries, n_items), every stored entry an exclusion, or one array of
rows per query."""


class Exclusion:
    """Exclusions as flat rows, translated to positions among the allowed rows.

    Parameters
    ----------
    exclude
        See :data:`Exclude`; None excludes nothing. Negative rows (unknown ids) are ignored.
    n_queries, n_items
        What it has to cover.
    allowed
        Rows that are searched, ascending; a position is a place in this array.

    Raises
    ------
    ValueError
        If it covers other counts, or names a row beyond the items.
    """

    def __init__(
        self, exclude: Exclude | None, n_queries: int, n_items: int, allowed: NDArray[np.int64]
    ) -> None:
        indptr, rows = _flat_rows(exclude, n_queries)
        sparse: Any = exclude if hasattr(exclude, "tocsr") else None
        shape = (len(indptr) - 1, n_items) if sparse is None else sparse.shape
        if len(indptr) != n_queries + 1 or tuple(shape) != (n_queries, n_items):
            raise ValueError(
                f"exclude must cover {n_queries} queries and {n_items} items; "
                f"got {len(indptr) - 1} queries, shape {tuple(shape)}"
            )
        if rows.size and rows.max() >= n_items:
            raise ValueError(f"exclude names row {rows.max()}, but there are {n_items} items")
        position = np.full(n_items + 1, -1, dtype=np.int64)  # the last cell answers row -1
        position[allowed] = np.arange(len(allowed))
        self._indptr = indptr
        self._positions = position[np.maximum(rows, -1)]

    def of(self, queries: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (query within the block, position) of what these queries exclude."""
        indptr = self._indptr[queries.start : queries.stop + 1]
        positions = self._positions[indptr[0] : indptr[-1]]
        query = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        return query[positions >= 0], positions[positions >= 0]


def _flat_rows(
    exclude: Exclude | None, n_queries: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if exclude is None:
        return np.zeros(n_queries + 1, np.int64), np.empty(0, np.int64)
    if hasattr(exclude, "tocsr"):
        matrix = exclude.tocsr()  # itself when it is CSR; a CSC's indptr would mean its columns
        return np.asarray(matrix.indptr, np.int64), np.asarray(matrix.indices, np.int64)
    lists: Sequence[NDArray[np.int64]] = [np.asarray(rows, dtype=np.int64) for rows in exclude]
    indptr = np.cumsum([0, *(len(rows) for rows in lists)], dtype=np.int64)
    return indptr, np.concatenate([np.empty(0, np.int64), *lists])
