"""What a vector index must do, and the exact one: the default, and the oracle of any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core_embeddings.topk import TopK, exact_topk

Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]

_BLOCK_CELLS = 4_000_000


class Index(Protocol):
    """Nearest products by Euclidean distance. Rows are those of the product list it was given."""

    def __len__(self) -> int:
        """Return how many products can be found."""
        ...

    def search(self, vectors: Vectors, k: int, *, allow: Mask | None = None) -> TopK:
        """Return the k nearest products of each query.

        Parameters
        ----------
        vectors
            Queries of shape (n_queries, dim).
        k
            Length of the lists.
        allow
            Boolean mask over the products; None allows all.

        Returns
        -------
        TopK
            Rows of shape (n_queries, k), ties by ``product_id``, -1 where fewer than k were found;
            scores are minus the distance.
        """
        ...

    def log_partition(
        self, vectors: Vectors, temperature: float, *, allow: Mask | None = None
    ) -> NDArray[np.float64]:
        """Return log Σ exp(-‖q - x‖₂ / temperature) over the candidates x a search looks at.

        It turns a distance into the article's softmax. Of shape (n_queries,); ``-inf`` without
        candidates.
        """
        ...


class ExactIndex:
    """Compare every query with every product.

    Parameters
    ----------
    product_ids
        Unique ids, one per row, in any order.
    vectors
        float32 of shape (n_products, dim). A row of zeros stands for "no vector" and is never
        found.

    Raises
    ------
    ValueError
        If the counts differ, an id repeats, or a value is not finite.
    """

    def __init__(self, product_ids: Sequence[str], vectors: Vectors) -> None:
        matrix = np.asarray(vectors, dtype=np.float32)
        if matrix.ndim != 2 or len(matrix) != len(product_ids):
            raise ValueError(
                f"vectors must be of shape ({len(product_ids)}, dim), one row per product id; "
                f"got {matrix.shape}"
            )
        if len(set(product_ids)) != len(product_ids):
            repeated = len(product_ids) - len(set(product_ids))
            raise ValueError(f"product ids must be unique; {repeated} of {len(product_ids)} repeat")
        order = sorted(range(len(product_ids)), key=product_ids.__getitem__)
        # Kept sorted by id and without zero rows, so that ties by row are ties by product_id.
        self._rows = np.array([row for row in order if matrix[row].any()], dtype=np.int64)
        self._vectors = np.ascontiguousarray(matrix[self._rows])
        self._squares = np.einsum("nd,nd->n", self._vectors, self._vectors, dtype=np.float64)
        self._n_products = len(product_ids)
        if not np.isfinite(self._vectors).all():
            raise ValueError(
                f"vectors of shape {matrix.shape} must be finite; NaN or infinity came"
            )

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, vectors: Vectors, k: int, *, allow: Mask | None = None) -> TopK:
        """Return the k nearest products of each query; see `Index.search`."""
        top = exact_topk(np.atleast_2d(vectors), self._vectors, k, allow=self._allowed(allow))
        outside = np.append(self._rows, -1)  # -1 reads the last cell
        return TopK(outside[top.rows], top.scores)

    def log_partition(
        self, vectors: Vectors, temperature: float, *, allow: Mask | None = None
    ) -> NDArray[np.float64]:
        """Return the log of the softmax's denominator; see `Index.log_partition`."""
        allowed = self._allowed(allow)
        items = self._vectors if allowed is None else self._vectors[allowed]
        squares = self._squares if allowed is None else self._squares[allowed]
        queries = np.atleast_2d(vectors).astype(np.float64)
        total = np.full(len(queries), -np.inf)
        step = max(1, _BLOCK_CELLS // max(1, len(queries), items.shape[1]))
        for start in range(0, len(items), step):
            rows = slice(start, start + step)
            part = _log_sum(queries, items[rows].astype(np.float64), squares[rows], temperature)
            total = np.logaddexp(total, part)
        return total

    def _allowed(self, allow: Mask | None) -> Mask | None:
        if allow is None:
            return None
        mask = np.asarray(allow)
        if mask.dtype != np.bool_ or mask.shape != (self._n_products,):
            raise ValueError(
                f"allow must be a boolean mask of shape ({self._n_products},), one per product; "
                f"got {mask.dtype} of shape {mask.shape}"
            )
        return mask[self._rows]


def _log_sum(
    queries: NDArray[np.float64],
    items: NDArray[np.float64],
    item_squares: NDArray[np.float64],
    temperature: float,
) -> NDArray[np.float64]:
    """Return log Σ exp(-distance / temperature), stable: the nearest item is taken out first."""
    squares = (-2 * queries) @ items.T  # (n_queries, n_items), float64: cancels to about 1e-16
    squares += np.square(queries).sum(axis=1)[:, None]
    squares += item_squares
    exponents = np.sqrt(np.maximum(squares, 0)) / -temperature
    largest = exponents.max(axis=1)
    sums: NDArray[np.float64] = np.exp(exponents - largest[:, None]).sum(axis=1)
    return largest + np.log(sums)
