"""L2-regularised linear classifiers, all classes at once: one matrix product per L-BFGS step.

liblinear solves one class after another; with many classes and a few thousand rows the same optimum
is reached much sooner by batching the classes into the columns of one matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import solve_triangular
from scipy.special import expit

from classify.lbfgs import minimize_lbfgs

Loss = Literal["softmax", "squared_hinge", "logistic"]
Matrix: TypeAlias = Any
"""A dense ndarray or a scipy CSR matrix of shape (n_rows, n_features)."""
Floats: TypeAlias = NDArray[Any]


class LinearSolution(NamedTuple):
    """What the solver found."""

    coef: Floats
    """Weights of shape (n_classes, n_features)."""
    intercept: Floats
    """Intercepts of shape (n_classes,)."""
    objective: float
    """Value of the objective there."""
    iterations: int
    """L-BFGS steps taken."""


class Start(NamedTuple):
    """Weights to begin with."""

    coef: Floats
    """Of shape (n_classes, n_features)."""
    intercept: Floats
    """Of shape (n_classes,)."""


def solve_linear(
    X: Matrix,
    codes: NDArray[Any],
    *,
    n_classes: int,
    loss: Loss,
    C: float = 1.0,
    sample_weight: Floats | None = None,
    penalize_intercept: bool = False,
    max_iter: int = 200,
    tol: float = 1e-6,
    start: Start | None = None,
    kinship: Floats | None = None,
) -> LinearSolution:
    """Minimise ``½‖W‖² + C Σᵢ sᵢ loss(W xᵢ + b, yᵢ)`` over all classes together.

    Parameters
    ----------
    X
        Rows of shape (n_rows, n_features), dense or CSR; float32 is computed in float32.
    codes
        Class of each row, 0 … n_classes - 1, of shape (n_rows,); for ``logistic`` whether it has
        each of the classes, bool of shape (n_rows, n_classes).
    n_classes
        Number of classes; those without a row get weights as well.
    loss
        ``softmax``: multinomial cross-entropy (the objective of scikit-learn's LogisticRegression);
        ``squared_hinge``: ``Σ_k max(0, 1 ∓ f_k)²``, one class against the rest (that of LinearSVC);
        ``logistic``: ``Σ_k log(1 + exp(∓ f_k))``, each class for itself, any number true at once.
    C
        Inverse strength of the penalty, > 0.
    sample_weight
        Weight sᵢ ≥ 0 of each row; ``None`` for ones.
    penalize_intercept
        Count b into ‖W‖², as liblinear does.
    max_iter, tol
        Stop after so many steps, or when two steps in a row lower the objective by less than
        ``tol`` of its value.
    start
        Where to begin; the optimum is the same, but near it few steps are left.
    kinship
        Symmetric, positive definite K of shape (n_classes, n_classes): the penalty is then
        ``½ tr(Wᵀ K⁻¹ W)``, so that classes that are akin have weights that are alike.

    References
    ----------
    Liu and Nocedal 1989, *On the limited memory BFGS method*; Fan et al. 2008, *LIBLINEAR*.
    """
    dtype = np.float32 if X.dtype == np.float32 else np.float64
    n_rows, n_features = X.shape
    weight = np.ones(n_rows, dtype) if sample_weight is None else sample_weight.astype(dtype)
    transposed = X.T.tocsr() if sparse.issparse(X) else X.T
    row_loss = _ROW_LOSSES[loss](codes, weight)
    border = n_features * n_classes
    penalized = slice(None) if penalize_intercept else slice(border)
    # W = root @ V turns the penalty of V into that of W: nothing else changes, not even in size.
    root = None if kinship is None else np.linalg.cholesky(kinship).astype(dtype)

    def objective(theta: Floats) -> tuple[float, Floats]:
        inner = X @ theta[:border].reshape(n_features, n_classes)
        scores = (inner if root is None else inner @ root.T) + theta[border:]
        value, slope = row_loss(scores)  # slope: (n_rows, n_classes), d loss / d scores
        gradient = np.empty_like(theta)
        gradient[border:] = slope.sum(axis=0)
        gradient[:border] = (transposed @ (slope if root is None else slope @ root)).ravel()
        gradient *= dtype(C)
        gradient[penalized] += theta[penalized]
        return C * value + 0.5 * float(theta[penalized] @ theta[penalized]), gradient

    first = np.zeros(border + n_classes, dtype)
    if start is None:
        first[border:] = _start_intercept(codes, n_classes, weight, loss)
    else:
        coef = start.coef if root is None else solve_triangular(root, start.coef, lower=True)
        first[:border], first[border:] = coef.T.ravel(), start.intercept
    found = minimize_lbfgs(objective, first, max_iter=max_iter, tol=tol)
    coef = found.x[:border].reshape(n_features, n_classes).T
    return LinearSolution(
        np.ascontiguousarray(coef if root is None else root @ coef),
        found.x[border:].copy(),
        found.value,
        found.iterations,
    )


RowLoss = Callable[[Floats], tuple[float, Floats]]


def _softmax_loss(codes: NDArray[np.int64], weight: Floats) -> RowLoss:
    rows = np.arange(len(codes))

    def evaluate(scores: Floats) -> tuple[float, Floats]:
        scores -= scores.max(axis=1, keepdims=True)
        truth = scores[rows, codes].astype(np.float64)
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        value = float(weight.astype(np.float64) @ (np.log(total[:, 0], dtype=np.float64) - truth))
        scores *= weight[:, None] / total
        scores[rows, codes] -= weight
        return value, scores

    return evaluate


def _hinge_loss(codes: NDArray[np.int64], weight: Floats) -> RowLoss:
    rows = np.arange(len(codes))

    def evaluate(scores: Floats) -> tuple[float, Floats]:
        # The rest of the classes first (y = -1), then the one true class of each row (y = +1).
        truth = np.maximum(1 - scores[rows, codes], 0)
        scores += 1
        np.maximum(scores, 0, out=scores)
        scores[rows, codes] = -truth
        squares = np.einsum("nk,nk->n", scores, scores).astype(np.float64)
        scores *= 2 * weight[:, None]
        return float(weight.astype(np.float64) @ squares), scores

    return evaluate


def _logistic_loss(has: NDArray[np.bool_], weight: Floats) -> RowLoss:
    sign = np.where(has, -1, 1).astype(weight.dtype)

    def evaluate(scores: Floats) -> tuple[float, Floats]:
        scores *= sign  # above 0 is on the wrong side
        rows = np.logaddexp(0, scores).sum(axis=1, dtype=np.float64)
        slope = expit(scores) * sign * weight[:, None]
        return float(weight.astype(np.float64) @ rows), slope

    return evaluate


_ROW_LOSSES: Final[Mapping[Loss, Callable[[NDArray[Any], Floats], RowLoss]]] = {
    "softmax": _softmax_loss,
    "squared_hinge": _hinge_loss,
    "logistic": _logistic_loss,
}


def _start_intercept(codes: NDArray[Any], n_classes: int, weight: Floats, loss: Loss) -> Floats:
    """Return the best intercept of a model without features: a better start than zero."""
    if loss == "logistic":
        share = np.clip(np.average(codes, axis=0, weights=weight), 1e-6, 1 - 1e-6)
        return np.log(share) - np.log1p(-share)
    share = np.bincount(codes, weights=weight, minlength=n_classes)
    share = share / max(share.sum(), np.finfo(np.float64).tiny)
    if loss == "softmax":
        start = np.log(np.maximum(share, 1e-6))
        return start - start.mean()
    return 2 * share - 1
