"""Least squares in a kernel: solved at once, and honest about rows it learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from classify.cross_fit import CrossFit, Rows, told_apart
from classify.joint_view import JointRows
from classify.linear_solver import Floats
from classify.linear_tagger import LinearTagger

Positions = NDArray[np.int64]


class KernelTagger(LinearTagger):
    """The least-squares support vector machine of Suykens and Vandewalle (1999), for all classes.

    Made by ``learn``; from then on it is linear in the kernel of a product with the known ones, and
    is asked, saved and calibrated as any other head.
    """

    @classmethod
    def learn(
        cls, view: JointRows, labels: NDArray[Any], rows: Positions, *, C: float, centre: Positions
    ) -> LearnedKernel:
        """Fit on the products ``rows``, all of them known to the view.

        Minimises ``½ fᵀ K⁻¹ f + ½ C Σᵢ (f(xᵢ) + b - onehot(yᵢ))²``.

        Parameters
        ----------
        view
            Kernel of the known products.
        labels
            Of all products.
        rows
            Products learned from.
        C
            Inverse strength of the penalty, > 0.
        centre
            Those of ``rows`` whose shares of the classes are b.
        """
        classes, codes = np.unique(labels[rows], return_inverse=True)
        truth = np.eye(len(classes), dtype=view.kernel.dtype)[codes]
        intercept = truth[np.isin(rows, centre)].mean(axis=0)
        at = view.place[rows]
        kernel = view.kernel[np.ix_(at, at)]
        kernel[np.diag_indices(len(at))] += 1 / C
        factor = cho_factor(kernel, lower=True, overwrite_a=True)
        alpha = cho_solve(factor, truth - intercept)
        coef = np.zeros((len(classes), len(view.kernel)), dtype=truth.dtype)
        coef[:, at] = alpha.T
        head = cls.restored(classes, coef, intercept, temperature=1.0)
        return LearnedKernel(head, codes, alpha, factor)


@dataclass(frozen=True)
class LearnedKernel:
    """A head and how it was found.

    Parameters
    ----------
    head
        Its temperature is 1.
    codes
        Class of each row, of shape (n_rows,).
    alpha
        Weight of each row for each class, of shape (n_rows, n_classes).
    factor
        Cholesky factor of ``K + I / C``.
    """

    head: KernelTagger
    codes: Positions
    alpha: Floats
    factor: tuple[Floats, bool]

    def left_out(self, at: Positions) -> Floats:
        """Return what a fit without the rows ``at`` says of them, of shape (n_at, n_classes).

        Least squares tell that without a second fit: the residuals would be
        ``((K + I / C)⁻¹ of these rows)⁻¹ · alpha``.
        """
        chosen = np.zeros((len(self.codes), len(at)), dtype=self.alpha.dtype)
        chosen[at, np.arange(len(at))] = 1
        inverse = cho_solve(self.factor, chosen)[at]
        truth = np.eye(self.alpha.shape[1])[self.codes[at]]
        return np.asarray(truth - np.linalg.solve(inverse, self.alpha[at]))


def cross_fit_kernel(view: JointRows, labels: NDArray[Any], rows: Rows, *, C: float) -> CrossFit:
    """Do what ``cross_fit`` does, exactly, with one solution of all rows.

    Parameters
    ----------
    view
        Knows all these rows.
    labels, rows
        As in ``cross_fit``.
    C
        See ``KernelTagger.learn``.
    """
    every = np.concatenate([rows.train, rows.held])
    found = KernelTagger.learn(view, labels, every, C=C, centre=rows.train)
    columns = np.searchsorted(rows.classes, found.head.classes_)
    scores = np.full((len(rows.held), len(rows.classes)), -np.inf)
    for fold in np.unique(rows.folds):
        out = np.flatnonzero(rows.folds == fold)
        at = len(rows.train) + out
        met = np.bincount(np.delete(found.codes, at), minlength=len(columns)) > 0
        scores[np.ix_(out, columns[met])] = found.left_out(at)[:, met]
    return told_apart(found.head, scores, np.searchsorted(rows.classes, labels[rows.held]))
