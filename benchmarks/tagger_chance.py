"""What chance alone does to the numbers of a tagger: calibration error, promises."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from tagger_answers import Answers

from classify import metrics
from classify.decisions import choose_threshold

DRAWS: Final = 200


def honest_ece(sure: NDArray[np.float64]) -> float:
    """Return the ECE of answers that are exactly as often right as they are sure: chance alone."""
    rng = np.random.default_rng(0)
    return float(np.mean([metrics.ece(sure, rng.random(len(sure)) < sure) for _ in range(50)]))


def best_share(sure: NDArray[np.float64], right: NDArray[np.bool_], target: float) -> float:
    """Return the largest share of rows, surest first, that is right as often as the target.

    It looks at the truth: what a threshold could reach that knew the test rows.
    """
    precision = np.cumsum(right[np.argsort(-sure, kind="stable")]) / np.arange(1, len(sure) + 1)
    good = np.flatnonzero(precision >= target)
    return float((good[-1] + 1) / len(sure)) if good.size else 0.0


def broken_promises(
    answers: Answers, test: NDArray[np.float64], target: float
) -> tuple[float, float]:
    """Return how often the promise is broken, and the mean coverage, over drawn calibrations.

    The test rows are the world; as many of their duplicate groups as there are validation rows are
    drawn with replacement to set a threshold, whose precision in that world is then known.
    """
    rng = np.random.default_rng(0)
    sure = test.max(axis=1)
    right = answers.classes[test.argmax(axis=1)] == answers.truth
    _, own = np.unique(answers.groups, return_inverse=True)
    members = [np.flatnonzero(own == group) for group in range(own.max() + 1)]
    count = round(len(members) * len(answers.codes) / len(sure))
    broken, auto = 0, 0.0
    for _ in range(DRAWS):
        picked = rng.integers(0, len(members), count)
        rows = np.concatenate([members[group] for group in picked])
        rule = choose_threshold(sure[rows], right[rows], target_precision=target)
        passed = rule.decide(sure)
        auto += float(passed.mean()) / DRAWS
        broken += bool(passed.any() and right[passed].mean() < target)
    return broken / DRAWS, auto
