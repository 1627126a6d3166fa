"""Columns of unit variance, so that one strength of the penalty suits every view."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from classify.linear_solver import Floats, Matrix


def moments(X: Matrix) -> tuple[Floats | None, Floats]:
    """Return column means (None for sparse X) and the divisors, √n_features included.

    A column that does not vary is divided by √n_features alone.
    """
    if sparse.issparse(X):
        mean = np.asarray(X.mean(axis=0), dtype=np.float64).ravel()
        square = np.asarray(X.multiply(X).mean(axis=0), dtype=np.float64).ravel()
        variance = np.maximum(square - mean**2, 0)
    else:
        mean = X.mean(axis=0, dtype=np.float64)
        variance = X.var(axis=0, dtype=np.float64)
    tiny = 10 * np.finfo(X.dtype).eps * np.maximum(np.abs(mean), 1e-12)
    deviation = np.where(np.sqrt(variance) > tiny, np.sqrt(variance), 1.0)
    scale = deviation * np.sqrt(X.shape[1])
    return (None if sparse.issparse(X) else mean), scale


def standardized(X: Matrix, mean: Floats | None, scale: Floats) -> Matrix:
    """Return ``(X - mean) / scale`` in the precision of X; sparse X is not centred."""
    if mean is None:
        return (X @ sparse.diags_array(1 / scale).astype(X.dtype)).tocsr()
    return ((X - mean) / scale).astype(X.dtype)
