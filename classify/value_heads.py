"""One yes-or-no classifier per value over one view, all solved at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from classify.linear_solver import Floats, Matrix, Start, solve_linear
from classify.moments import moments, standardized

Has = NDArray[np.bool_]
"""Whether each row has each value, of shape (n_rows, n_values)."""


@dataclass(frozen=True)
class HeadSettings:
    """How such heads are fitted; see ``solve_linear`` for ``C``, ``max_iter`` and ``tol``.

    Parameters
    ----------
    standardize
        Scale the columns to unit variance; ``False`` for rows that have length 1 already.
    """

    C: float
    max_iter: int
    tol: float
    standardize: bool

    def with_limits(self, *, max_iter: int | None = None, tol: float | None = None) -> HeadSettings:
        """Return these with other limits of the solver."""
        return replace(self, max_iter=max_iter or self.max_iter, tol=tol or self.tol)


@dataclass(frozen=True)
class ValueHeads:
    """Fitted: ``scores`` are log-odds.

    Parameters
    ----------
    coef, intercept
        Of shapes (n_values, n_features) and (n_values,), in the units of the view.
    """

    coef: Floats
    intercept: Floats

    @classmethod
    def fit(
        cls,
        X: Matrix,
        has: Has,
        settings: HeadSettings,
        *,
        akin: Floats | None = None,
        start: ValueHeads | None = None,
    ) -> ValueHeads:
        """Fit on rows X (n_rows, n_features) that have the values ``has`` (n_rows, n_values).

        ``akin`` is the kinship of the values, see ``value_kinship``; ``start`` are heads fitted on
        nearly the same rows.
        """
        mean, scale = moments(X) if settings.standardize else (None, None)
        found = solve_linear(
            X if scale is None else standardized(X, mean, scale),
            has,
            n_classes=has.shape[1],
            loss="logistic",
            C=settings.C,
            max_iter=settings.max_iter,
            tol=settings.tol,
            start=None if start is None else start._in_units(mean, scale),
            kinship=akin,
        )
        coef = found.coef if scale is None else found.coef / scale
        return cls(coef, found.intercept - (0 if mean is None else coef @ mean))

    def scores(self, X: Matrix) -> Floats:
        """Return the log-odds of every value, of shape (n_rows, n_values)."""
        found = X @ self.coef.T.astype(X.dtype) + self.intercept.astype(X.dtype)
        return np.asarray(found, dtype=np.float64)

    def unrotated(self, mean: Floats, basis: Floats) -> ValueHeads:
        """Return the heads learned on ``(X - mean) @ basis`` in the units of X."""
        coef = self.coef @ basis.T
        return ValueHeads(coef, self.intercept - coef @ mean)

    def _in_units(self, mean: Floats | None, scale: Floats | None) -> Start:
        intercept = self.intercept + (0 if mean is None else self.coef @ mean)
        return Start(self.coef if scale is None else self.coef * scale, intercept)
