"""What a fit keeps so that any promise can be made later: how sure and how right it was.

The numbers are of validation rows and of answers that nothing learned from those rows gave: the
heads had not seen them, and neither had the weights that combine the heads. No row can be told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classify.decisions import NEVER, Threshold, choose_threshold
from core_embeddings.errors import ConfigError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
NOT_TO_DECIDE = -1.0
"""Confidence of what is never ``auto``, however sure: a value of too few examples."""


@dataclass(frozen=True)
class Promise:
    """What is asked of decisions.

    Parameters
    ----------
    precision, assurance, min_rows
        Of what is ``auto``, see ``choose_threshold``.
    coverage
        Probability that the true value of a reviewed product is among the plausible ones.
    """

    precision: float = 0.95
    assurance: float = 0.9
    min_rows: int = 10
    coverage: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.precision <= 1:
            raise ConfigError(
                f"target_precision must be above 0 and at most 1; got {self.precision!r}"
            )
        if not 0.5 <= self.assurance < 1:
            raise ConfigError(f"assurance must be at least 0.5 and below 1; got {self.assurance!r}")
        if not 0 < self.coverage < 1:
            raise ConfigError(f"plausible_coverage must be between 0 and 1; got {self.coverage!r}")


@dataclass(frozen=True)
class Rule:
    """Who decides what.

    Parameters
    ----------
    thresholds
        For each level of a path, the whole path first: what is not sure enough at one level is
        asked for at the next, and what is at none goes to review.
    least
        Values at least so probable are plausible in review; NaN where too few rows tell.
    """

    thresholds: tuple[Threshold, ...] = (NEVER,)
    least: float = math.nan

    def threshold(self, level: int) -> Threshold:
        """Return the threshold of a level; a level that nobody measured decides nothing."""
        return self.thresholds[level] if level < len(self.thresholds) else NEVER


@dataclass(frozen=True)
class Evidence:
    """How sure and how right a field's tags were.

    Parameters
    ----------
    confidence, correct
        Of the best answer at each level, the whole path first, of shape (n_levels, n_rows).
    truth
        Probability given to the true value, of shape (n_rows,); of shape (0,) where a tag is no
        single value.
    """

    confidence: Floats
    correct: Mask
    truth: Floats

    def rule(self, promise: Promise) -> Rule:
        """Return the rule that keeps a promise: at every level for itself."""
        left = np.ones(self.confidence.shape[1], dtype=np.bool_)
        thresholds = []
        for confidence, correct in zip(self.confidence, self.correct, strict=True):
            rows = left & (confidence > NOT_TO_DECIDE)
            threshold = choose_threshold(
                confidence[rows],
                correct[rows],
                target_precision=promise.precision,
                assurance=promise.assurance,
                min_rows=promise.min_rows,
            )
            thresholds.append(threshold)
            left &= ~(rows & threshold.decide(confidence))
        truth = self.truth[left] if len(self.truth) else self.truth
        return Rule(tuple(thresholds), least_plausible(truth, coverage=promise.coverage))


def least_plausible(truth: Floats, *, coverage: float) -> float:
    """Return the probability from which on a value is plausible; NaN where too few rows tell.

    The true value of a further row is at least so probable with probability ``coverage``, whatever
    the model, and of all sets that hold this those of the likeliest values are smallest on average.

    Parameters
    ----------
    truth
        Probability given to the true value of rows that nothing was learned from.

    References
    ----------
    Sadinle et al. 2019, *Least ambiguous set-valued classifiers with bounded error levels*. Sets
    that adapt to each row (Romano et al. 2020, Angelopoulos et al. 2021) came out larger here.
    """
    missed = math.floor((1 - coverage) * (len(truth) + 1) + 1e-9)
    return float(np.sort(truth)[missed - 1]) if missed else math.nan
