"""A user as a vector in the products' own space, and how near every product is to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def user_vectors(histories: sparse.csr_matrix, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weighted mean of what each user met, as unit rows.

    Parameters
    ----------
    histories
        Of shape (n_users, n_products): event weight × 2^(-age / half_life).
    vectors
        Product vectors of shape (n_products, dim), unit rows.

    Returns
    -------
    Of shape (n_users, dim); unit rows, zero for a user without history.
    """
    summed = np.asarray(histories @ vectors, dtype=np.float32)
    norms = np.linalg.norm(summed, axis=1, keepdims=True)
    return np.divide(summed, norms, out=np.zeros_like(summed), where=norms > 1e-12)


def recent_scores(
    recent: NDArray[np.int64], vectors: NDArray[np.float32], products: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how near each product is to the nearest of the last items of each user.

    Where the mean of a mixed basket lies between its items, this asks for "like one of them".

    Parameters
    ----------
    recent
        Product rows of shape (n_users, r), -1 where fewer.
    vectors
        Of shape (n_products, dim), the vectors ``recent`` points into.
    products
        Of shape (n, dim), the products to score.

    Returns
    -------
    Of shape (n_users, n); cosine of the best of the r items, zero for a user without any.
    """
    scores = np.zeros((len(recent), len(products)), dtype=np.float32)
    some = np.flatnonzero(recent[:, 0] >= 0) if recent.shape[1] else np.empty(0, dtype=np.int64)
    scores[some] = -1
    for place in range(recent.shape[1]):
        have = some[recent[some, place] >= 0]
        near = vectors[recent[have, place]] @ products.T
        scores[have] = np.maximum(scores[have], near)
    return scores
