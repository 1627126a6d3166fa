"""Several models, one answer: a weighted sum of log-probabilities, chosen on validation rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from classify.calibration import fit_temperature
from classify.metrics import accuracy, macro_f1

MIN_ROWS: Final = 20
"""Fewer validation rows than this choose nothing: the parts are averaged."""
DISCOUNTS: Final = (0.0, 0.1, 0.2, 0.3, 0.4)
"""How much of the frequency of a value may be taken out of a blend."""

Floats = NDArray[Any]


@dataclass(frozen=True)
class Combination:
    """``softmax(Σ_p weights[p] · log P_p - discount · log prior)``.

    A sharpened geometric mean of the parts. Every part leans towards frequent values, and their
    mean leans harder; the discount takes some of that back (Menon et al. 2021, *Long-tail learning
    via logit adjustment*).

    Parameters
    ----------
    weights
        One per part, ≥ 0, not all zero; their sum is 1 / temperature.
    discount
        ≥ 0.
    """

    weights: tuple[float, ...]
    discount: float = 0.0

    @property
    def temperature(self) -> float:
        """Above 1 the parts agree less than they claim, below 1 they support each other."""
        return 1 / sum(self.weights)

    @property
    def shares(self) -> tuple[float, ...]:
        """Part of each model in the answer; sums to 1."""
        return tuple(weight * self.temperature for weight in self.weights)

    def scores(self, parts: Floats, log_prior: Floats) -> Floats:
        """Return the sum before the softmax, of shape (n_rows, n_classes)."""
        return np.tensordot(self.weights, parts, axes=1) - self.discount * log_prior

    def log_probabilities(self, parts: Floats, log_prior: Floats) -> Floats:
        """Combine to log-probabilities of shape (n_rows, n_classes).

        Parameters
        ----------
        parts
            Log-probabilities of shape (n_parts, n_rows, n_classes).
        log_prior
            Log share of each value in training, of shape (n_classes,).
        """
        return log_softmax(self.scores(parts, log_prior), axis=1)


def choose_combination(
    parts: Floats, codes: NDArray[np.int64], *, log_prior: Floats
) -> Combination:
    """Return the combination that does best on validation rows.

    Candidates are the blend of least cross-entropy with each of ``DISCOUNTS``, then each part
    alone, so that the choice is never below its best part on these rows. Best means accuracy +
    macro-F1; on a tie the earlier candidate wins. The winner gets the temperature of least
    cross-entropy. With fewer than ``MIN_ROWS`` rows the plain mean is taken unseen.

    Greedy ensemble selection (Caruana et al. 2004) on the same measure was tried and left out: it
    follows the validation rows too closely, with worse log-loss and macro-F1 on new products.

    Parameters
    ----------
    parts
        Log-probabilities of shape (n_parts, n_rows, n_classes).
    codes
        True class of each row; all ≥ 0.
    log_prior
        Log share of each value in training, of shape (n_classes,).
    """
    n_parts = len(parts)
    if len(codes) < MIN_ROWS or parts.shape[2] < 2:
        return Combination((1 / n_parts,) * n_parts)
    blend = tuple(blend_weights(parts, codes).tolist())
    candidates = [Combination(blend, discount) for discount in DISCOUNTS]
    candidates += [Combination(tuple(alone)) for alone in np.eye(n_parts).tolist()]

    def quality(candidate: Combination) -> float:
        predicted = candidate.scores(parts, log_prior).argmax(axis=1)
        return accuracy(codes, predicted) + macro_f1(codes, predicted)

    best = max(candidates, key=quality)
    temperature = fit_temperature(best.scores(parts, log_prior), codes)
    weights = tuple(weight / temperature for weight in best.weights)
    return Combination(weights, best.discount / temperature)


def blend_weights(parts: Floats, codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weights ≥ 0 of least cross-entropy: a small convex problem."""
    rows = np.arange(len(codes))
    truth = parts[:, rows, codes].mean(axis=1)

    def cross_entropy(weights: Floats) -> tuple[float, Floats]:
        log_probability = log_softmax(np.tensordot(weights, parts, axes=1), axis=1)
        expected = np.einsum("nk,pnk->p", np.exp(log_probability), parts) / len(codes)
        return -float(log_probability[rows, codes].mean()), expected - truth

    start = np.full(len(parts), 1 / len(parts))
    bounds = [(0, None)] * len(parts)
    found = minimize(cross_entropy, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return found.x if found.x.sum() > 0 else start
