"""Least squares against one-hot labels: solved at once, and honest about rows it learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from classify.cross_fit import CrossFit, Rows, told_apart
from classify.linear_solver import Floats, LinearSolution, Loss, Matrix, Start
from classify.linear_tagger import LinearTagger


class RidgeTagger(LinearTagger):
    """Ridge regression on one-hot labels with calibrated confidence.

    Minimises ``½‖W‖² + ½ C Σᵢ sᵢ ‖W xᵢ + b - onehot(yᵢ)‖²``; on the features of a kernel this is
    the least-squares support vector machine of Suykens and Vandewalle (1999). Parameters are those
    of ``LinearTagger``. The answer is exact: ``max_iter``, ``tol`` and a start are not used, and
    neither is ``kin``. Sparse rows are made dense.
    """

    _loss: ClassVar[Loss] = "softmax"

    def _solve(
        self, X: Matrix, codes: NDArray[np.int64], weight: Floats, *, start: Start | None = None
    ) -> LinearSolution:
        found = solve_ridge(X, np.eye(len(self.classes_))[codes], C=self.C, sample_weight=weight)
        value = 0.5 * float((found.coef**2).sum() + self.C * (found.residual**2).sum())
        return LinearSolution(found.coef, found.intercept, value, 1)


@dataclass(frozen=True)
class Ridge:
    """A solved least-squares problem.

    Parameters
    ----------
    coef, intercept
        Weights of shapes (n_targets, n_features) and (n_targets,).
    residual
        Target minus answer, times the root of the row's weight, of shape (n_rows, n_targets).
    rows
        Centred, times the root of the weight, of shape (n_rows, n_features).
    root
        Of the weights, of shape (n_rows,).
    factor
        Cholesky factor of ``rowsᵀ rows + I / C``, or of ``rows rowsᵀ + I / C`` where that is
        smaller.
    penalty
        ``1 / C``.
    """

    coef: Floats
    intercept: Floats
    residual: Floats
    rows: Floats
    root: Floats
    factor: tuple[Floats, bool]
    penalty: float

    def left_out(self, at: NDArray[np.int64]) -> Floats:
        """Return the residuals of rows ``at`` under a fit without them, (n_at, n_targets).

        Of least squares they are known from the fit with them: its residuals times ``(I - H)⁻¹``,
        where H is the rows' block of the matrix that takes targets to answers.
        """
        own, root = self.rows[at], self.root[at]
        constant = np.outer(root, root) / (self.root @ self.root)
        if len(self.factor[0]) == self.rows.shape[1]:
            fitted = own @ cho_solve(self.factor, own.T)
        else:
            chosen = np.zeros((len(self.rows), len(at)), dtype=own.dtype)
            chosen[at, np.arange(len(at))] = 1
            fitted = chosen[at] - self.penalty * cho_solve(self.factor, chosen)[at]
        return np.asarray(np.linalg.solve(np.eye(len(at)) - fitted - constant, self.residual[at]))


def solve_ridge(X: Matrix, Y: Floats, *, C: float, sample_weight: Floats) -> Ridge:
    """Solve ``min ½‖W‖² + ½ C Σᵢ sᵢ ‖W xᵢ + b - yᵢ‖²`` in the smaller of both dimensions.

    Parameters
    ----------
    X
        Rows of shape (n_rows, n_features), dense or CSR.
    Y
        Targets of shape (n_rows, n_targets).
    C
        Inverse strength of the penalty, > 0.
    sample_weight
        sᵢ ≥ 0, of shape (n_rows,), not all 0.
    """
    dense = X.toarray() if sparse.issparse(X) else X
    root = np.sqrt(sample_weight).astype(dense.dtype)
    mean, target_mean = (np.average(M, axis=0, weights=sample_weight) for M in (dense, Y))
    rows = (dense - mean.astype(dense.dtype)) * root[:, None]
    targets = ((Y - target_mean) * root[:, None]).astype(dense.dtype)
    few = len(rows) < rows.shape[1]
    inner = rows @ rows.T if few else rows.T @ rows
    inner[np.diag_indices(len(inner))] += 1 / C
    factor = cho_factor(inner, overwrite_a=True)
    coef = rows.T @ cho_solve(factor, targets) if few else cho_solve(factor, rows.T @ targets)
    residual = targets - rows @ coef
    return Ridge(coef.T, target_mean - mean @ coef, residual, rows, root, factor, 1 / C)


def cross_fit_ridge(
    head: RidgeTagger,
    X: Matrix,
    labels: NDArray[Any],
    rows: Rows,
) -> CrossFit:
    """Do what ``cross_fit`` does, exactly, with one solution of all rows; see ``Ridge.left_out``.

    Parameters
    ----------
    head
        An unfitted one that takes the columns as they come.
    X, labels, rows
        As in ``cross_fit``.
    """
    classes, train, held, folds = rows
    every = np.concatenate([train, held])
    own, codes = np.unique(labels[every], return_inverse=True)
    truth = np.eye(len(own))[codes]
    found = solve_ridge(X[every], truth, C=head.C, sample_weight=np.ones(len(every)))
    kept = head.restored(own, found.coef, found.intercept, temperature=1.0)
    columns = np.searchsorted(classes, own)
    scores = np.full((len(held), len(classes)), -np.inf)
    for fold in np.unique(folds):
        out = np.flatnonzero(folds == fold)
        at = len(train) + out
        met = np.bincount(np.delete(codes, at), minlength=len(own)) > 0
        told = truth[at] - found.left_out(at)
        scores[np.ix_(out, columns[met])] = told[:, met]
    return told_apart(kept, scores, np.searchsorted(classes, labels[held]))
