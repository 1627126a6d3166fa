"""When a tag may be written without a human: a threshold that keeps a promised precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import fftconvolve
from scipy.stats import binom

AUTO = "auto"
REVIEW = "review"
LOOKS: Final = 500
"""At most so many thresholds are tried; further ones would hardly change the chosen one."""
HALVINGS: Final = 16
MANY: Final = 512
"""Chances of so many numbers of errors are convolved by FFT."""

Counts = NDArray[np.int64]


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
    """Return the lowest threshold that keeps a promise about rows not seen.

    The promise: with probability ``assurance`` over the draw of these rows, the precision among all
    rows at or above the threshold is at least the target. Every threshold is a hypothesis, "more
    errors than promised", that few enough errors reject; how few, ``allowed_errors`` says for all
    of them together. Of those rejected the lowest threshold is taken. Where none is, everything
    goes to review (``NEVER``): without an error that takes about ``ln(1 - assurance) / ln(target)``
    rows and somewhat more, since one may look at many thresholds.

    Parameters
    ----------
    confidence, correct
        Of validation rows that taught nothing to what gave the confidence, of shape (n_rows,).
    target_precision
        Promised share of correct tags among ``auto``, 0 … 1.
    assurance
        Probability that the promise is kept, 0.5 … 1.
    min_rows
        Fewest rows that say anything.

    References
    ----------
    Angelopoulos et al. 2021, *Learn then test: calibrating predictive algorithms to achieve risk
    control*; the joint level of nested tests instead of a correction for their number.
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    errors = np.cumsum(~np.asarray(correct, dtype=bool)[order])
    looks, most = allowed_errors(
        len(ordered),
        error=1 - target_precision,
        assurance=assurance,
        min_rows=min_rows,
    )
    last_of_tie = np.append(ordered[1:] != ordered[:-1], True)[looks - 1]
    kept = looks[last_of_tie & (errors[looks - 1] <= most)]
    if kept.size == 0:
        return NEVER
    rows = int(kept[-1])
    return Threshold(float(ordered[rows - 1]), float(1 - errors[rows - 1] / rows), rows)


class Allowance(NamedTuple):
    """How many errors the most confident rows may hold."""

    looks: Counts
    """Numbers of most confident rows, increasing, of shape (n_looks,)."""
    most: Counts
    """Most errors among so many; -1 where even none would be too many."""


@lru_cache(maxsize=512)
def allowed_errors(n_rows: int, *, error: float, assurance: float, min_rows: int) -> Allowance:
    """Return the errors allowed among the most confident rows, whichever number of them is taken.

    Each number of rows is tested at one level, an exact binomial test; the level is the largest at
    which rows that err independently with probability ``error``, whatever their confidence, pass
    *anywhere* with probability at most ``1 - assurance``. The tests are nested, hence so alike that
    this is far larger than a Bonferroni level.
    """
    risk = 1 - assurance
    first = n_rows + 1 if error <= 0 else math.ceil(math.log(risk) / math.log1p(-error))
    first = max(first, min_rows)
    if first > n_rows:
        none = np.empty(0, dtype=np.int64)
        return Allowance(none, none)
    looks = np.unique(np.geomspace(first, n_rows, LOOKS).round().astype(np.int64))
    low, high = risk / n_rows, risk
    most = _most_errors(looks, error, low)
    for _ in range(HALVINGS):
        level = math.sqrt(low * high)
        tried = _most_errors(looks, error, level)
        if chance_to_pass(looks, tried, error=error) <= risk:
            low, most = level, tried
        else:
            high = level
    return Allowance(looks, most)


def chance_to_pass(looks: Counts, most: Counts, *, error: float) -> float:
    """Return how likely rows that err independently have at most ``most`` errors at some look."""
    steps = np.diff(looks, prepend=0)
    highest = int(most.max()) + 1  # who has more errors than that passes nowhere any more
    if highest == 0:
        return 0.0
    of_step = {step: binom.pmf(np.arange(highest), step, error) for step in set(steps.tolist())}
    convolve = fftconvolve if highest > MANY else np.convolve
    chance, passed = np.eye(1, highest)[0], 0.0
    for step, allowed in zip(steps.tolist(), most.tolist(), strict=True):
        chance = convolve(chance, of_step[step])[:highest]
        passed += float(chance[: allowed + 1].sum())
        chance[: allowed + 1] = 0
    return passed


def _most_errors(looks: Counts, error: float, level: float) -> Counts:
    """Return the most errors whose binomial tail is at most ``level``."""
    most = binom.ppf(level, looks, error).astype(np.int64)
    above = binom.cdf(most, looks, error) > level
    return most - above
