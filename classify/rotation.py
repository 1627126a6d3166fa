"""A wide dense view in its leading principal directions: the same fit in a fraction of the time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rotation:
    """Standardised columns, rotated and cut; rows keep about length 1.

    Parameters
    ----------
    mean
        Subtracted from every row, of shape (n_features,).
    basis
        Principal directions in the units of the view, of shape (n_features, size).
    """

    mean: Floats
    basis: Floats

    @classmethod
    def fit(cls, X: Floats, *, size: int) -> Rotation:
        """Take the ``size`` directions of largest variance of X (n_rows, n_features)."""
        mean, deviation = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
        tiny = 10 * np.finfo(X.dtype).eps * np.maximum(np.abs(mean), 1e-12)
        scale = np.where(deviation > tiny, deviation, 1.0) * np.sqrt(X.shape[1])
        standard = ((X - mean) / scale).astype(np.float32)
        width = X.shape[1]
        _, directions = eigh(
            standard.T @ standard, subset_by_index=[max(width - size, 0), width - 1]
        )
        return cls(mean.astype(np.float32), (directions / scale[:, None]).astype(np.float32))

    def apply(self, X: Floats) -> Floats:
        """Rotate rows to shape (n_rows, size)."""
        rotated: Floats = X @ self.basis - self.mean @ self.basis
        return rotated
