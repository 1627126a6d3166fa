"""When a tag may be written without a human: a threshold that keeps a promised precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

AUTO = "auto"
REVIEW = "review"


@dataclass(frozen=True)
class Threshold:
    """The lowest confidence decided ``auto``, and what it rests on.

    Parameters
    ----------
    value
        Threshold in 0 … 1; ``inf`` sends everything to review.
    precision
        Precision among the validation rows at or above it; NaN where there is none.
    rows
        How many validation rows those are.
    """

    value: float
    precision: float
    rows: int

    def decide(self, confidence: ArrayLike) -> NDArray[np.bool_]:
        """Return True where a tag of that confidence is ``auto``."""
        return np.asarray(confidence) >= self.value


NEVER = Threshold(math.inf, math.nan, 0)
"""Everything goes to review."""


def choose_threshold(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    target_precision: float = 0.95,
    assurance: float = 0.9,
    min_rows: int = 10,
) -> Threshold:
    """Return the lowest threshold whose precision on these rows is safely at the target.

    A threshold qualifies when at least ``min_rows`` rows reach it and the lower Wilson bound of
    their precision is at least the target. Where none qualifies everything goes to review
    (``NEVER``).

    Parameters
    ----------
    confidence, correct
        Of validation rows, of shape (n_rows,).
    target_precision
        Promised share of correct tags among ``auto``, 0 … 1.
    assurance
        One-sided confidence of the bound, 0.5 … 1; 0.5 takes the precision as measured. Choosing
        the best of many thresholds flatters it, so some assurance is needed to keep the promise on
        new rows.
    min_rows
        Fewest rows that say anything.

    References
    ----------
    Wilson 1927, *Probable inference, the law of succession, and statistical inference*.
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    rows = np.arange(1, len(ordered) + 1)
    precision = np.cumsum(np.asarray(correct, dtype=np.float64)[order]) / rows
    last_of_tie = np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]
    safe = wilson_lower_bound(precision, rows, assurance=assurance) >= target_precision
    fit = np.flatnonzero(safe & last_of_tie & (rows >= min_rows))
    if fit.size == 0:
        return NEVER
    cut = fit[-1]
    return Threshold(float(ordered[cut]), float(precision[cut]), int(rows[cut]))


def wilson_lower_bound(
    share: NDArray[np.float64], rows: NDArray[np.int64], *, assurance: float
) -> NDArray[np.float64]:
    """Return the one-sided lower Wilson bound of a share observed on so many rows."""
    z = NormalDist().inv_cdf(assurance)
    centre = share + z**2 / (2 * rows)
    spread = z * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return (centre - spread) / (1 + z**2 / rows)
