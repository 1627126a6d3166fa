"""Do two sets of products come from one source? Permutation tests whose false alarms are bounded.

Under the hypothesis that nothing changed, which side a group of duplicates stands on is chance. So
a statistic is compared with its values for sides drawn at random, whole groups at a time: variants
of one product resemble each other and count as one. The p-value is (1 + draws at least as extreme)
/ (1 + draws), which is at most α with a probability of at most α, whatever the statistic and the
sizes (Phipson and Smyth 2010).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Mask = NDArray[np.bool_]

POOLED: Final = 0.01
"""Values with a smaller share of both sides together are counted as one."""
HALF: Final = 0.5
"""Added to every count, so that a value that one side lacks costs no infinity."""
TIES: Final = 1e-6
"""Statistics this close, in units of what they are made of, are equal: float32 sums round."""


class Sides(NamedTuple):
    """Which rows are new, as it is and as it is drawn."""

    new: Mask
    """Of shape (n_rows,)."""
    drawn: Mask
    """Of shape (draws, n_rows)."""

    def among(self, rows: Mask) -> Sides:
        """Return the same for some rows."""
        return Sides(self.new[rows], self.drawn[:, rows])


class Difference(NamedTuple):
    """How far apart two sides are."""

    size: float
    """In the unit of the statistic."""
    p_value: float


NOTHING: Final = Difference(0.0, 1.0)
"""What is said where a side is empty."""


def draw_sides(new: Mask, groups: NDArray[np.int64], *, draws: int, seed: int) -> Sides:
    """Draw sides at random, as many groups on each as there are.

    A group with rows on both sides counts once on each.

    Parameters
    ----------
    new
        Which rows are new, of shape (n_rows,).
    groups
        Number of each row's group, of shape (n_rows,).
    """
    _, units = np.unique(2 * groups + new, return_inverse=True)
    count = int(units.max()) + 1 if len(units) else 0
    fresh = np.zeros(count, dtype=np.bool_)
    fresh[units[new]] = True
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.tile(fresh, (draws, 1)), axis=1)
    return Sides(new, shuffled[:, units])


def energy_test(rows: Floats, sides: Sides) -> Difference:
    """Test whether vectors changed; the size is the energy coefficient, 0 (same) to 1.

    ``(2 E|x - y| - E|x - x'| - E|y - y'|) / 2 E|x - y|``, which is zero only for equal
    distributions.

    Parameters
    ----------
    rows
        Of shape (n_rows, dim).

    References
    ----------
    Székely and Rizzo 2013, *Energy statistics*.
    """
    if not _both(sides):
        return NOTHING
    inner = rows.astype(np.float32)
    lengths = np.square(inner).sum(axis=1)
    squares = np.maximum(lengths[:, None] + lengths - 2 * (inner @ inner.T), 0)
    distances = np.sqrt(squares)
    every = np.vstack([sides.new, sides.drawn])
    shares = (_shares(every) - _shares(~every)).astype(np.float32)
    energies = -np.einsum("dn,dn->d", shares, shares @ distances)
    across = float(_shares(sides.new[None])[0] @ distances @ _shares(~sides.new[None])[0])
    size = float(energies[0]) / (2 * across) if across > 0 else 0.0
    return Difference(max(size, 0.0), _p_value(energies, scale=across))


def mean_test(values: Floats, sides: Sides) -> Difference:
    """Test whether a mean changed, either way; the size is new mean - old mean.

    Parameters
    ----------
    values
        Of shape (n_rows,), numbers or truths.
    """
    if not _both(sides):
        return NOTHING
    every = np.vstack([sides.new, sides.drawn])
    apart = (_shares(every) - _shares(~every)) @ values.astype(np.float64)
    scale = float(np.abs(values).max())
    size = float(apart[0]) if abs(apart[0]) > TIES * scale else 0.0
    return Difference(size, _p_value(np.abs(apart), scale=scale))


def stability_test(values: NDArray[np.object_], sides: Sides) -> Difference:
    """Test whether the frequency of values changed; the size is the population stability index.

    ``Σ (new - old) · ln(new / old)`` over values, rare ones taken together. Below .1 is usually
    called stable and above .25 shifted; but few rows or many values reach .25 by chance, which is
    what the p-value is for.
    """
    if not _both(sides):
        return NOTHING
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    rare = counts < POOLED * len(values)
    _, bins = np.unique(np.where(rare, -1, np.arange(len(counts)))[codes], return_inverse=True)
    one_hot = np.eye(int(bins.max()) + 1)[bins]
    every = np.vstack([sides.new, sides.drawn])
    fresh, old = (_smoothed(side.astype(np.float64) @ one_hot) for side in (every, ~every))
    indices = ((fresh - old) * np.log(fresh / old)).sum(axis=1)
    return Difference(float(indices[0]), _p_value(indices, scale=1.0))


def conformal_p_values(scores: Floats, known: Floats) -> NDArray[np.float64]:
    """Return how often a known product is at least as strange as each of these.

    ``(1 + known scores at least as high) / (1 + known)``: for a product like the known ones it is
    below α with a probability of at most α (Vovk et al. 2005).

    Parameters
    ----------
    scores
        Higher is stranger, of shape (n_rows,).
    known
        Of products nothing was learned from, of shape (n_known,).
    """
    ordered = np.sort(known)
    above = len(ordered) - np.searchsorted(ordered, scores, side="left")
    return np.asarray((1 + above) / (1 + len(ordered)))


def holm(p_values: Floats) -> NDArray[np.float64]:
    """Return p-values that hold for a whole family of tests.

    Where nothing changed, any of them is at most α with a probability of at most α.

    References
    ----------
    Holm 1979, *A simple sequentially rejective multiple test procedure*.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(p_values), 0, -1) * np.asarray(p_values, dtype=np.float64)[order]
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _both(sides: Sides) -> bool:
    return bool(sides.new.any()) and not bool(sides.new.all())


def _shares(members: Mask) -> Floats:
    return members / np.maximum(members.sum(axis=1, keepdims=True), 1)


def _smoothed(counts: Floats) -> Floats:
    return (counts + HALF) / (counts + HALF).sum(axis=1, keepdims=True)


def _p_value(statistics: Floats, *, scale: float) -> float:
    """Compare the first statistic with all of them, itself included."""
    return float((statistics >= statistics[0] - TIES * scale).mean())
