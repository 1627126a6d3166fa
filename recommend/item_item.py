"""Products that the same people met: a sparse table of neighbours."""

from __future__ import annotations

import numpy as np
from scipy import sparse

HEAVY = 500
"""Users with more products than this are left out: whoever met half the shop pairs everything."""


def neighbour_table(
    strength: sparse.csr_matrix, *, neighbours: int, shrinkage: float = 20.0
) -> sparse.csr_matrix:
    """Return the nearest products of each product by co-occurrence.

    Similarity is together / (sqrt(nᵢ nⱼ) + shrinkage), where each user counts 1 / log2(1 + products
    met): a pair in a short history says more. The shrinkage keeps two products that were met once,
    together, from being twins.

    Parameters
    ----------
    strength
        Of shape (n_users, n_products); only which entries are positive counts.
    neighbours
        Kept per product; ties by row.

    Returns
    -------
    float32 CSR of shape (n_products, n_products), zero diagonal, at most ``neighbours`` entries a
    row.

    References
    ----------
    Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001;
    Breese et al., "Empirical analysis of predictive algorithms", UAI 1998 (inverse user frequency).
    """
    met = sparse.csr_matrix(strength, copy=True)
    met.data[:] = 1
    lengths = np.diff(met.indptr)
    say = 1 / np.log2(1 + np.maximum(lengths, 1))
    met = met[(lengths > 1) & (lengths <= HEAVY)]
    say = say[(lengths > 1) & (lengths <= HEAVY)]
    together = sparse.coo_matrix(met.T @ sparse.diags_array(say) @ met)
    size = np.asarray(met.T @ say).ravel()
    apart = together.row != together.col
    row, column = together.row[apart], together.col[apart]
    near = together.data[apart] / (np.sqrt(size[row] * size[column]) + shrinkage)
    shape = (strength.shape[1], strength.shape[1])
    return _keep_best(row, column, near, neighbours, shape)


def _keep_best(
    row: np.ndarray, column: np.ndarray, near: np.ndarray, count: int, shape: tuple[int, int]
) -> sparse.csr_matrix:
    order = np.lexsort((column, -near, row))
    row, column, near = row[order], column[order], near[order]
    starts = np.searchsorted(row, row, side="left")
    kept = np.arange(len(row)) - starts < count
    return sparse.csr_matrix(
        (near[kept].astype(np.float32), (row[kept], column[kept])), shape=shape
    )
