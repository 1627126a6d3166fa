"""What both taggers share: standardise, solve, calibrate; scikit-learn's contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from classify.calibration import fit_temperature, held_out_folds
from classify.linear_solver import Floats, LinearSolution, Loss, Matrix, Start, solve_linear
from classify.moments import moments, standardized
from classify.value_kinship import kinship
from core_embeddings.errors import ConfigError

ClassWeight = Literal["balanced"] | Mapping[Any, float] | None


class LinearTagger(ClassifierMixin, BaseEstimator):
    """Linear classifier with calibrated confidence; subclasses name the loss.

    Columns are centred and scaled to unit variance inside ``fit``, then all divided by √n_features,
    so that rows have length about 1 and one ``C`` suits any width; ``coef_`` is given in the units
    of the input. Columns of a sparse matrix are scaled but not centred. The intercept is not
    penalised.

    Parameters
    ----------
    C
        Inverse strength of the L2 penalty, > 0.
    class_weight
        ``None``, ``"balanced"``, or a mapping from class to the weight of its rows.
    max_iter, tol
        Limits of the solver, see ``solve_linear``.
    standardize
        ``False`` takes the columns as they come (TF-IDF rows already have length 1).
    calibrate
        Fit a temperature on out-of-fold scores of ``cv`` folds. Classes with one row stay in every
        training part and are not scored. ``False`` leaves the temperature at 1.
    cv
        Number of folds, ≥ 2.
    kin
        Let classes that are alike in name learn from each other, see ``value_kinship``; their
        labels are text.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (n_classes, n_features)
    intercept_ : ndarray of shape (n_classes,)
    temperature_ : float
    n_features_in_ : int
    n_iter_ : int
    """

    _loss: ClassVar[Loss]

    def __init__(
        self,
        C: float = 1.0,
        *,
        class_weight: ClassWeight = None,
        max_iter: int = 200,
        tol: float = 1e-5,
        standardize: bool = True,
        calibrate: bool = True,
        cv: int = 3,
        kin: bool = False,
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.tol = tol
        self.standardize = standardize
        self.calibrate = calibrate
        self.cv = cv
        self.kin = kin

    def fit(self, X: Matrix, y: Any, *, start: LinearTagger | None = None) -> Self:
        """Fit on X of shape (n_rows, n_features), dense or sparse, with labels y (n_rows,).

        ``start`` is a tagger fitted on nearly the same rows: from its weights few steps are left.
        """
        self._check_settings()
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=(np.float64, np.float32))
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        weight = compute_class_weight(self.class_weight, classes=self.classes_, y=y)[codes]
        mean, scale = moments(X) if self.standardize else (None, None)
        inner = X if scale is None else standardized(X, mean, scale)
        first = None if start is None else start._start_for(self.classes_, mean, scale)
        found = self._solve(inner, codes, weight, start=first)
        self.n_iter_ = max(
            found.iterations, 1
        )  # scikit-learn's contract: a fit took at least one step
        self.temperature_ = 1.0
        if self.calibrate and len(self.classes_) > 1:
            self.temperature_ = self._out_of_fold_temperature(inner, codes, weight)
        self.coef_, self.intercept_ = found.coef, found.intercept
        if scale is not None:
            self.coef_ = found.coef / scale
            self.intercept_ = found.intercept - (0 if mean is None else self.coef_ @ mean)
        return self

    @classmethod
    def restored(
        cls, classes: NDArray[Any], coef: Floats, intercept: Floats, *, temperature: float
    ) -> Self:
        """Return a fitted tagger from what was saved of one.

        Raises
        ------
        ValueError
            If the shapes do not belong together.
        """
        if coef.ndim != 2 or not len(classes) == len(coef) == len(intercept):
            raise ValueError(
                f"{len(classes)} classes, weights {coef.shape} and {len(intercept)} intercepts"
            )
        tagger = cls()
        tagger.classes_, tagger.coef_, tagger.intercept_ = classes, coef, intercept
        tagger.temperature_, tagger.n_features_in_ = temperature, coef.shape[1]
        return tagger

    def unrotate(self, mean: Floats, basis: Floats) -> Self:
        """Write weights learned on ``(X - mean) @ basis`` in the units of X."""
        self.coef_ = self.coef_ @ basis.T
        self.intercept_ = self.intercept_ - self.coef_ @ mean
        self.n_features_in_ = len(mean)
        return self

    def decision_function(self, X: Matrix) -> Floats:
        """Return scores (n_rows, n_classes); for two classes the margin of the second (n_rows,)."""
        scores = self.class_scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def class_scores(self, X: Matrix) -> Floats:
        """Return scores of shape (n_rows, n_classes), whatever the number of classes."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        return X @ self.coef_.T.astype(X.dtype) + self.intercept_.astype(X.dtype)

    def predict_proba(self, X: Matrix) -> Floats:
        """Return calibrated probabilities of shape (n_rows, n_classes); rows sum to 1."""
        return softmax(self.class_scores(X).astype(np.float64) / self.temperature_, axis=1)

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the likeliest class of each row, of shape (n_rows,); ties go to the first."""
        best = self.class_scores(X).argmax(axis=1)
        return self.classes_[best]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_settings(self) -> None:
        if not self.C > 0:
            raise ConfigError(
                f"C must be a number > 0; got {self.C!r}; small C means strong penalty"
            )
        if self.max_iter < 1:
            raise ConfigError(f"max_iter must be >= 1; got {self.max_iter!r}")
        if self.cv < 2:
            raise ConfigError(f"cv must be >= 2 folds; got {self.cv!r}; or set calibrate=False")

    def _start_for(self, classes: NDArray[Any], mean: Floats | None, scale: Floats | None) -> Start:
        """Return these weights for other classes and other units; of a new class, those of none."""
        coef = np.zeros((len(classes), self.n_features_in_))
        intercept = np.full(len(classes), float(self.intercept_.min()))
        at = np.searchsorted(classes, self.classes_)
        known = classes[np.minimum(at, len(classes) - 1)] == self.classes_
        coef[at[known]], intercept[at[known]] = self.coef_[known], self.intercept_[known]
        intercept += 0 if mean is None else coef @ mean
        return Start(coef if scale is None else coef * scale, intercept)

    def _solve(
        self,
        X: Matrix,
        codes: NDArray[np.int64],
        weight: Floats,
        *,
        start: Start | None = None,
    ) -> LinearSolution:
        return solve_linear(
            X,
            codes,
            n_classes=len(self.classes_),
            loss=self._loss,
            C=self.C,
            sample_weight=weight,
            max_iter=self.max_iter,
            tol=self.tol,
            start=start,
            kinship=kinship(self.classes_.tolist()) if self.kin else None,
        )

    def _out_of_fold_temperature(
        self, X: Matrix, codes: NDArray[np.int64], weight: Floats
    ) -> float:
        folds = held_out_folds(codes, cv=self.cv)
        scores, truth = [], []
        for fold in range(self.cv):
            out = folds == fold
            if not out.any():
                continue
            found = self._solve(X[~out], codes[~out], weight[~out])
            scores.append(X[out] @ found.coef.T + found.intercept)
            truth.append(codes[out])
        if not scores:
            return 1.0
        return fit_temperature(np.concatenate(scores), np.concatenate(truth))
