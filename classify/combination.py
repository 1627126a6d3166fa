"""Several models, one answer: a weighted sum of log-probabilities, chosen on validation rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from classify.calibration import fit_temperature
from classify.metrics import accuracy, macro_f1

MIN_ROWS = 20
"""Fewer validation rows than this choose nothing: the parts are averaged."""
GREEDY_STEPS = 20


@dataclass(frozen=True)
class Combination:
    """``softmax(Σ_p weights[p] · log P_p)``, the sharpened geometric mean of the parts.

    Parameters
    ----------
    weights
        One per part, ≥ 0, not all zero; their sum is 1 / temperature.
    """

    weights: tuple[float, ...]

    @property
    def temperature(self) -> float:
        """Above 1 the parts agree less than they claim, below 1 they support each other."""
        return 1 / sum(self.weights)

    @property
    def shares(self) -> tuple[float, ...]:
        """Part of each model in the answer; sums to 1."""
        return tuple(weight * self.temperature for weight in self.weights)

    def log_probabilities(self, parts: NDArray[Any]) -> NDArray[Any]:
        """Combine log-probabilities (n_parts, n_rows, n_classes) to (n_rows, n_classes)."""
        return log_softmax(np.tensordot(self.weights, parts, axes=1), axis=1)


def choose_combination(parts: NDArray[Any], codes: NDArray[np.int64]) -> Combination:
    """Return the combination that does best on validation rows.

    Candidates are the log-loss blend, greedy ensemble selection, the plain mean, and each part
    alone, so that the choice is never below its best part on these rows. Best means accuracy +
    macro-F1; on a tie the earlier in that order wins. With fewer than ``MIN_ROWS`` rows the plain
    mean is taken unseen.

    Parameters
    ----------
    parts
        Log-probabilities of shape (n_parts, n_rows, n_classes).
    codes
        True class of each row; all ≥ 0.
    """
    even = np.full(len(parts), 1 / len(parts))
    if len(codes) < MIN_ROWS or parts.shape[2] < 2 or len(parts) == 1:
        return Combination(tuple(even.tolist()))
    candidates = [
        blend_weights(parts, codes),
        greedy_weights(parts, codes),
        even,
        *np.eye(len(parts)),
    ]
    best = max(candidates, key=lambda weights: _quality(weights, parts, codes))
    return Combination(tuple((best / _temperature(best, parts, codes)).tolist()))


def blend_weights(parts: NDArray[Any], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weights ≥ 0 of least cross-entropy: a small convex problem."""
    rows = np.arange(len(codes))
    truth = parts[:, rows, codes].mean(axis=1)

    def cross_entropy(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        combined = np.tensordot(weights, parts, axes=1)
        log_probability = log_softmax(combined, axis=1)
        expected = np.einsum("nk,pnk->p", np.exp(log_probability), parts) / len(codes)
        return -float(log_probability[rows, codes].mean()), expected - truth

    start = np.full(len(parts), 1 / len(parts))
    found = minimize(
        cross_entropy, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(parts)
    )
    return found.x if found.x.sum() > 0 else start


def greedy_weights(parts: NDArray[Any], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each part's share of a bag that grows by what helps accuracy + macro-F1 most.

    References
    ----------
    Caruana et al. 2004, *Ensemble selection from libraries of models*.
    """
    counts = np.zeros(len(parts))
    best, best_quality = counts, -np.inf
    for _ in range(GREEDY_STEPS):
        grown = list(_grown(counts))
        qualities = [_quality(bag, parts, codes) for bag in grown]
        counts = grown[int(np.argmax(qualities))]
        if max(qualities) > best_quality:
            best, best_quality = counts, max(qualities)
    return best / best.sum()


def _grown(counts: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    for part in range(len(counts)):
        grown = counts.copy()
        grown[part] += 1
        yield grown


def _quality(weights: NDArray[np.float64], parts: NDArray[Any], codes: NDArray[np.int64]) -> float:
    predicted = np.tensordot(weights, parts, axes=1).argmax(axis=1)
    return accuracy(codes, predicted) + macro_f1(codes, predicted)


def _temperature(
    weights: NDArray[np.float64], parts: NDArray[Any], codes: NDArray[np.int64]
) -> float:
    return fit_temperature(np.tensordot(weights, parts, axes=1), codes)
