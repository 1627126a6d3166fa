"""Several models' log-odds of every value become one set per product, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

from classify.combination import MIN_ROWS, PULL, SURENESS

FLOOR: Final = 1e-6
"""A confidence is at least this far from 0 and 1 before its odds are taken."""

Floats = NDArray[Any]
Has = NDArray[np.bool_]


class ChosenSets(NamedTuple):
    """What is said of each row."""

    has: Has
    """Of shape (n_rows, n_values); every row has one value at least."""
    confidence: Floats
    """Probability that the whole set is right, of shape (n_rows,)."""


@dataclass(frozen=True)
class SetBlend:
    """Log-odds of a value: ``Σ_p weights[p] · log-odds_p``; chance of a whole set: see below.

    Were the values of a product independent, the chance of a set would be the product over values.
    They are not: of many fields every product has just two values, say. So that product is taken
    times ``exp(sizes[number of values])``, and the sum over all sets made 1 again.

    Parameters
    ----------
    weights
        One per part, ≥ 0, not all zero.
    sizes
        Log of how much more often products have so many values, from none to all, than independent
        values would; empty where nothing is known of it.
    slope, offset
        Log-odds that a set is right: ``slope · l + offset``, where l are those of its chance.
    """

    weights: tuple[float, ...]
    sizes: tuple[float, ...] = ()
    slope: float = 1.0
    offset: float = 0.0

    @property
    def shares(self) -> tuple[float, ...]:
        """Part of each model in the answer; sums to 1."""
        return tuple(weight / sum(self.weights) for weight in self.weights)

    def scores(self, parts: Floats) -> Floats:
        """Return log-odds (n_rows, n_values) of parts of shape (n_parts, n_rows, n_values)."""
        return np.tensordot(self.weights, parts, axes=1)

    def choose(self, scores: Floats) -> ChosenSets:
        """Return the likeliest set of each row, of one value at least.

        Parameters
        ----------
        scores
            Log-odds of shape (n_rows, n_values).
        """
        has, chance = _likeliest(scores, np.array(self.sizes or (0.0,) * (scores.shape[1] + 1)))
        return ChosenSets(has, expit(self.slope * logit(chance) + self.offset))


def likeliest_sets(scores: Floats) -> Has:
    """Return the values whose log-odds are above 0, or the first of the highest where none is."""
    has = scores > 0
    has[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return has


def size_chances(scores: Floats) -> Floats:
    """Return how likely each row has 0, 1, … values, were they independent.

    Of shape (n_rows, n_values + 1), for log-odds ``scores`` of shape (n_rows, n_values).
    """
    chances = np.zeros((len(scores), scores.shape[1] + 1))
    chances[:, 0] = 1
    for yes in expit(scores).T[:, :, None]:
        chances[:, 1:] = chances[:, 1:] * (1 - yes) + chances[:, :-1] * yes
        chances[:, :1] *= 1 - yes
    return chances


def _likeliest(scores: Floats, sizes: Floats) -> ChosenSets:
    """Return the likeliest sets and their chances, within ``FLOOR`` of 0 and 1."""
    order = np.argsort(-scores, axis=1, kind="stable")
    gains = np.take_along_axis(scores, order, axis=1).cumsum(axis=1) + sizes[1:]
    count = 1 + gains.argmax(axis=1)
    has = np.zeros(scores.shape, dtype=np.bool_)
    np.put_along_axis(has, order, np.arange(scores.shape[1]) < count[:, None], axis=1)
    whole = gains.max(axis=1) + log_expit(-scores).sum(axis=1)
    chance = np.exp(whole) / (size_chances(scores) @ np.exp(sizes))
    return ChosenSets(has, np.clip(chance, FLOOR, 1 - FLOOR))


def choose_set_blend(parts: Floats, has: Has, *, alone: Sequence[Sequence[int]] = ()) -> SetBlend:
    """Return the blend of least cross-entropy on rows the parts were not fitted on.

    As in ``choose_combination`` the weights are held near their plain mean, and where ``alone``
    names groups of parts (those of one modality) the best group by itself stands unless all
    together are surely better. With fewer than ``MIN_ROWS`` rows the plain mean is taken.

    Parameters
    ----------
    parts
        Log-odds of shape (n_parts, n_rows, n_values).
    has
        What is true, of shape (n_rows, n_values).
    alone
        Positions of the parts of one modality, for each of them.
    """
    if has.shape[0] < MIN_ROWS:
        return SetBlend((1 / len(parts),) * len(parts))
    everyone = list(range(len(parts)))
    best = _fitted(parts, has, everyone)
    groups = [_fitted(parts, has, list(g)) for g in alone if 0 < len(g) < len(parts)]
    if groups:
        first = min(groups, key=lambda found: float(found.loss.mean()))
        gain = first.loss - best.loss
        sure = gain.mean() > SURENESS * gain.std() / np.sqrt(len(gain))
        best = best if sure else first
    blend = SetBlend(tuple(best.weights.tolist()))
    scores = blend.scores(parts)
    expected = size_chances(scores).sum(axis=0)
    counts = np.bincount(has.sum(axis=1), minlength=len(expected))
    sizes = np.log(
        (counts + 1) / (expected + 1)
    )  # one row each: what both hardly have moves little
    chosen = _likeliest(scores, sizes)
    slope, offset = _platt(logit(chosen.confidence), (chosen.has == has).all(axis=1))
    return SetBlend(blend.weights, tuple(sizes.tolist()), slope, offset)


class _Fitted(NamedTuple):
    weights: Floats
    loss: Floats
    """Of each row, summed over the values."""


def _fitted(parts: Floats, has: Has, members: list[int]) -> _Fitted:
    sign = np.where(has, 1.0, -1.0)
    mean = np.full(len(members), 1 / len(members))
    ray = mean / np.sqrt(mean @ mean)
    own = parts[members]

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = sign * np.tensordot(weights, own, axes=1)
        slope = -sign * expit(-margin) / len(has)
        away = weights - (weights @ ray) * ray
        value = PULL * float(away @ away) - float(log_expit(margin).sum()) / len(has)
        return value, np.einsum("nk,pnk->p", slope, own) + 2 * PULL * away

    found = minimize(loss, mean, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(members))
    weights = np.zeros(len(parts))
    weights[members] = found.x if found.x.sum() > 0 else mean
    margin = sign * np.tensordot(weights, parts, axes=1)
    return _Fitted(weights, -log_expit(margin).sum(axis=1))


def _platt(x: Floats, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope ≥ 0 and offset of ``P(right) = expit(slope · x + offset)``.

    Targets as in Platt 1999, *Probabilistic outputs for support vector machines*: short of 0 and 1
    by what so few rows can tell, so that no confidence is certain.
    """
    yes, no = int(right.sum()), int((~right).sum())
    target = np.where(right, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(theta: Floats) -> tuple[float, Floats]:
        z = theta[0] * x + theta[1]
        value = -float((target * log_expit(z) + (1 - target) * log_expit(-z)).sum())
        slope = expit(z) - target
        return value, np.array([float(slope @ x), float(slope.sum())])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=[(0, None), (None, None)])
    return float(found.x[0]), float(found.x[1])
