"""Probabilities become tags: a value, how sure, who decides, and what else it may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classify.promise import Rule
from classify.taxonomy import LEAF, Level, levels_of

NEXT: Final = 4
"""How many further values go with a tag that needs no review."""
REVIEWED: Final = -1
"""In place of the level at which a row was decided."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Verdicts(NamedTuple):
    """What is said of each row."""

    value: NDArray[Any]
    """The deepest start of a path that is sure enough; the likeliest value in review."""
    confidence: Floats
    """Probability that it is right."""
    auto: Mask
    """No human is needed."""
    others: list[list[str]]
    """Further values, likeliest first: in review every plausible one (at least the next), of a
    start of a path what may follow, else the next ``NEXT``."""


def judge(
    probabilities: Floats,
    classes: NDArray[Any],
    rule: Rule,
    *,
    examples: NDArray[np.int64],
    min_examples: int = 1,
) -> Verdicts:
    """Decide on rows of one kind.

    Parameters
    ----------
    probabilities
        Of shape (n_rows, n_classes).
    classes
        Sorted values, of shape (n_classes,).
    examples
        Rows each value was learned from; where all that lie in a start of a path have fewer than
        ``min_examples`` together, it is never ``auto``.
    """
    ranked = np.argsort(-probabilities, axis=1, kind="stable")
    rows = np.arange(len(ranked))
    best = ranked[:, 0]
    value, confidence = classes[best].copy(), np.clip(probabilities[rows, best], 0, 1)
    depth = np.full(len(rows), REVIEWED)
    levels = levels_of(classes.tolist())
    for at, level in enumerate(levels):
        said = best_of(level, probabilities, examples)
        sure = rule.threshold(at).decide(said.confidence) & (said.examples >= min_examples)
        now = sure & (depth == REVIEWED)
        value[now], confidence[now], depth[now] = said.name[now], said.confidence[now], at
    others = _others(ranked, probabilities, classes, rule.least, levels, depth)
    return Verdicts(value, confidence, depth != REVIEWED, others)


def judge_by_kind(
    probabilities: Floats,
    classes: NDArray[Any],
    rules: Mapping[str, Rule],
    kinds: NDArray[Any],
    *,
    examples: NDArray[np.int64],
    min_examples: int = 1,
) -> Verdicts:
    """Decide on rows of several kinds, each by its own rule; without one all go to review.

    ``kinds`` is of shape (n_rows,); the rest is as in ``judge``.
    """
    value = np.empty(len(kinds), dtype=object)
    confidence, auto = np.zeros(len(kinds)), np.zeros(len(kinds), dtype=np.bool_)
    others: list[list[str]] = [[] for _ in kinds]
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        said = judge(
            probabilities[rows],
            classes,
            rules.get(kind, Rule()),
            examples=examples,
            min_examples=min_examples,
        )
        value[rows], confidence[rows], auto[rows] = said.value, said.confidence, said.auto
        for row, further in zip(rows.tolist(), said.others, strict=True):
            others[row] = further
    return Verdicts(value, confidence, auto, others)


class Said(NamedTuple):
    """The likeliest of one level for each row."""

    name: NDArray[Any]
    node: NDArray[np.int64]
    confidence: Floats
    examples: NDArray[np.int64]


def best_of(level: Level, probabilities: Floats, examples: NDArray[np.int64]) -> Said:
    """Return the likeliest node of a level for each row, and how many examples it has."""
    sums = level.sums(probabilities)
    node = sums.argmax(axis=1)
    counts = np.bincount(level.of_value, weights=examples, minlength=len(level.names))
    confidence = np.clip(sums[np.arange(len(sums)), node], 0, 1)
    return Said(level.names[node], node, confidence, counts.astype(np.int64)[node])


def _others(
    ranked: NDArray[np.int64],
    probabilities: Floats,
    classes: NDArray[Any],
    least: float,
    levels: Sequence[Level],
    depth: NDArray[np.int64],
) -> list[list[str]]:
    plausible = (probabilities >= least).sum(axis=1)
    found = []
    for row, order in enumerate(ranked):
        if depth[row] == REVIEWED:
            count = max(int(plausible[row]), 2) if np.isfinite(least) else 1 + NEXT
            kept = order[1:count]
        elif depth[row] == LEAF:
            kept = order[1 : 1 + NEXT]
        else:
            level = levels[depth[row]]
            node = level.sums(probabilities[[row]]).argmax()
            inside = order[level.of_value[order] == node]
            follow = inside[
                classes[inside] != level.names[node]
            ]  # a path may end where others go on
            kept = follow[:NEXT] if len(follow) else order[1 : 1 + NEXT]
        found.append(classes[kept].tolist())
    return found
