"""What a fit keeps so that any promise can be made later: how sure and how right it was.

The numbers are of validation rows and of answers that nothing learned from those rows gave: the
heads had not seen them, and neither had the weights that combine the heads. No row can be told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from classify.decisions import NEVER, Threshold, choose_threshold
from core_embeddings.config import nearest
from core_embeddings.errors import ConfigError

Floats = NDArray[np.float64]
Target = float | Mapping[str, float] | None
"""A target precision for all fields, or by field."""
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

    def with_levels(self, count: int) -> Evidence:
        """Return the evidence of paths of so many levels, the root's still the last.

        Of levels deeper than those measured nothing is known, so nothing is decided there.
        """
        more = count - len(self.confidence)
        if more <= 0:
            return replace(self, confidence=self.confidence[-count:], correct=self.correct[-count:])
        unmeasured = np.full((more, self.confidence.shape[1]), NOT_TO_DECIDE)
        wrong = np.zeros(unmeasured.shape, dtype=np.bool_)
        return replace(
            self,
            confidence=np.vstack([unmeasured, self.confidence]),
            correct=np.vstack([wrong, self.correct]),
        )


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


def targets_of(target: Target, fields: Sequence[str]) -> dict[str, float | None]:
    """Return the target precision of each field; None where the settings' own is meant.

    Raises
    ------
    ConfigError
        If a target is given for a field that does not exist.
    """
    if not isinstance(target, Mapping):
        return dict.fromkeys(fields, target)
    for name in target:
        if name not in fields:
            raise ConfigError(
                f"a target precision was given for the field {name!r}, which was not learned; "
                f"{nearest(name, fields)}"
            )
    return {name: target.get(name) for name in fields}


def parse_target(text: str) -> Target:
    """Read ``0.98``, or ``category=0.98,color=0.95``.

    Raises
    ------
    ConfigError
        If it is neither.

    Examples
    --------
    >>> parse_target("0.98"), parse_target("category=0.98, color=.9")
    (0.98, {'category': 0.98, 'color': 0.9})
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        if len(parts) == 1 and "=" not in parts[0]:
            return Promise(float(parts[0])).precision
        pairs = [part.rpartition("=") for part in parts]
        found = {name.strip(): Promise(float(value)).precision for name, _, value in pairs}
    except ValueError:
        found = {}
    if not found or "" in found:
        raise ConfigError(
            "a target precision is a share as 0.98, or field=share joined by commas as "
            f"category=0.98,color=0.95; got {text!r}"
        )
    return found
