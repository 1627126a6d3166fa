"""Temperature scaling: one number makes scores honest probabilities and keeps their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

LOG_TEMPERATURE_RANGE = (-6.0, 6.0)


def fit_temperature(scores: NDArray[Any], codes: NDArray[np.int64]) -> float:
    """Return the temperature T > 0 of least mean cross-entropy of ``softmax(scores / T)``.

    Parameters
    ----------
    scores
        Scores of rows the model was not fitted on, of shape (n_rows, n_classes).
    codes
        True class of each row, of shape (n_rows,).

    Returns
    -------
    float
        T within e^±6; 1.0 where there is nothing to learn from (no row, or one class).

    References
    ----------
    Guo et al. 2017, *On Calibration of Modern Neural Networks*.
    """
    if len(codes) == 0 or scores.shape[1] < 2:
        return 1.0
    rows = np.arange(len(codes))

    def cross_entropy(log_temperature: float) -> float:
        tempered = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(tempered[rows, codes].mean())

    found = minimize_scalar(cross_entropy, bounds=LOG_TEMPERATURE_RANGE, method="bounded")
    return float(np.exp(found.x))


def held_out_folds(codes: NDArray[np.int64], *, cv: int) -> NDArray[np.int64]:
    """Assign each row to one of ``cv`` folds, evenly within each class, by row order.

    A row whose class has no other row gets -1: it stays in every training part and is never scored,
    since a model that has not seen a class can say nothing of it.
    """
    folds = np.empty(len(codes), dtype=np.int64)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    offset = 0
    for count in counts[counts > 0]:
        rows = order[offset : offset + count]
        folds[rows] = -1 if count == 1 else (np.arange(count) + offset) % cv
        offset += count
    return folds
