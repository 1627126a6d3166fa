"""Canonical correlation: two views of the same rows, turned so that they agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from core_embeddings.errors import ConfigError

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class CanonicalCorrelation:
    """Projections of two views into one space; made by `fit`.

    Attributes
    ----------
    left_mean, right_mean
        Of the training rows, shape (p,) and (q,).
    left, right
        Projections of shape (p, d) and (q, d).
    correlations
        Shape (d,), falling, in [0, 1]: how well the views agree along each direction.

    References
    ----------
    Hotelling, "Relations between two sets of variates", 1936; Vinod, "Canonical ridge and
    econometrics of joint production", 1976 (the regularised form).
    """

    left_mean: Matrix
    right_mean: Matrix
    left: Matrix
    right: Matrix
    correlations: Matrix

    @classmethod
    def fit(
        cls, left: Matrix, right: Matrix, *, components: int, regularisation: float
    ) -> CanonicalCorrelation:
        """Find the directions in which two views of the same rows agree best, in closed form.

        Parameters
        ----------
        left, right
            Shape (n, p) and (n, q); row i of both is the same thing.
        components
            Directions kept, at most min(p, q).
        regularisation
            Added to each view's variances, as a share of their mean: 0 is plain CCA.

        Raises
        ------
        ConfigError
            If the views do not fit each other or a setting is out of range.
        """
        if len(left) != len(right) or len(left) < 2:
            raise ConfigError(
                "canonical correlation needs the same 2 or more rows in both views; "
                f"got {len(left)} and {len(right)}"
            )
        most = min(left.shape[1], right.shape[1])
        if not 1 <= components <= most:
            raise ConfigError(f"components must be from 1 to {most}; got {components}")
        if regularisation < 0:
            raise ConfigError(f"regularisation must be at least 0; got {regularisation}")
        left_mean, right_mean = left.mean(0), right.mean(0)
        left, right = left - left_mean, right - right_mean
        whiten_left = _whitening(left.T @ left / len(left), regularisation)
        whiten_right = _whitening(right.T @ right / len(left), regularisation)
        u, s, vt = np.linalg.svd(
            whiten_left @ (left.T @ right / len(left)) @ whiten_right, full_matrices=False
        )
        return cls(
            left_mean,
            right_mean,
            whiten_left @ u[:, :components],
            whiten_right @ vt[:components].T,
            s[:components].clip(0.0, 1.0),
        )

    def project_left(self, rows: Matrix) -> Matrix:
        """Return canonical variates (n, d) of rows (n, p); over the training rows of variance 1."""
        return (rows - self.left_mean) @ self.left

    def project_right(self, rows: Matrix) -> Matrix:
        """Return canonical variates (n, d) of rows (n, q)."""
        return (rows - self.right_mean) @ self.right


def _whitening(covariance: Matrix, regularisation: float) -> Matrix:
    """Return the inverse square root of a covariance plus its ridge; null directions stay zero."""
    values, vectors = eigh(covariance)
    values = values + regularisation * values.mean()
    inverse = np.zeros_like(values)
    kept = values > values.max() * 1e-10
    inverse[kept] = values[kept] ** -0.5
    return (vectors * inverse) @ vectors.T
