"""Tagging metrics; each states its variant. Plain arrays in, one number out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

ECE_BINS = 15


def accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the share of rows whose predicted label is the true one; NaN without rows."""
    hits = np.asarray(truth) == np.asarray(predicted)
    return float(hits.mean()) if hits.size else float("nan")


def macro_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the unweighted mean of the F1 of every label that is true or predicted somewhere.

    A label without a correct prediction has F1 = 0. NaN without rows.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.size == 0:
        return float("nan")
    labels, codes = np.unique(np.concatenate([truth, predicted]), return_inverse=True)
    true, said = np.split(codes, 2)
    hits = np.bincount(true[true == said], minlength=len(labels))
    met = np.bincount(codes, minlength=len(labels))  # times a label is true + times it is said
    return float(np.mean(2 * hits / met))


def recall(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean, over the labels that are true somewhere, of the share of their rows found.

    Also known as balanced accuracy. NaN without rows.
    """
    truth = np.asarray(truth)
    if truth.size == 0:
        return float("nan")
    _, codes = np.unique(truth, return_inverse=True)
    hits = np.bincount(codes, weights=truth == np.asarray(predicted))
    return float(np.mean(hits / np.bincount(codes)))


def top5_accuracy(
    codes: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], *, k: int = 5
) -> float:
    """Return the share of rows whose true class is among the ``k`` most likely.

    Parameters
    ----------
    codes
        True column of each row, of shape (n_rows,); -1 for a label the model does not know, which
        counts as missed.
    probabilities
        Of shape (n_rows, n_classes); ties go to the earlier column.
    """
    if len(codes) == 0:
        return float("nan")
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return float((best == codes[:, None]).any(axis=1).mean())


def ece(confidence: ArrayLike, correct: ArrayLike, *, bins: int = ECE_BINS) -> float:
    """Return the expected calibration error over bins that hold equally many rows.

    Rows are ordered by confidence and cut into ``bins`` runs of equal length; rows of equal
    confidence stay together, in the bin of the middle one. The error is the mean over rows of
    |accuracy - mean confidence| of their bin. NaN without rows.

    References
    ----------
    Naeini et al. 2015; equal-mass bins as in Nguyen and O'Connor 2015.
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    if confidence.size == 0:
        return float("nan")
    _, group, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    first = np.cumsum(counts) - counts
    middle = first + (counts - 1) / 2
    of_row = np.floor(middle * bins / confidence.size).astype(np.int64)[group]
    gap = np.bincount(of_row, weights=np.asarray(correct, dtype=np.float64) - confidence)
    return float(np.abs(gap).sum() / confidence.size)


def coverage(auto: ArrayLike) -> float:
    """Return the share of rows decided ``auto``; NaN without rows."""
    auto = np.asarray(auto, dtype=bool)
    return float(auto.mean()) if auto.size else float("nan")


def auto_accuracy(correct: ArrayLike, auto: ArrayLike) -> float:
    """Return the accuracy on the rows decided ``auto``; NaN when there is none."""
    chosen = np.asarray(correct, dtype=bool)[np.asarray(auto, dtype=bool)]
    return float(chosen.mean()) if chosen.size else float("nan")
