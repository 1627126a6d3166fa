"""Several models' log-odds of every value become one set per product, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

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
    """Log-odds of a value: ``Σ_p weights[p] · log-odds_p``; of a whole set: see ``sureness``.

    Parameters
    ----------
    weights
        One per part, ≥ 0, not all zero.
    slope, offset
        The log-odds that a set is right are ``slope · l + offset``, where l are those that would
        hold if the values of a product knew nothing of each other.
    """

    weights: tuple[float, ...]
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
        """Return the likeliest set of each row: what is likelier than not, or else the likeliest.

        Parameters
        ----------
        scores
            Log-odds of shape (n_rows, n_values).
        """
        has = likeliest_sets(scores)
        return ChosenSets(has, expit(self.slope * sureness(scores, has) + self.offset))


def likeliest_sets(scores: Floats) -> Has:
    """Return the values whose log-odds are above 0, or the first of the highest where none is."""
    has = scores > 0
    has[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return has


def sureness(scores: Floats, has: Has) -> Floats:
    """Return the log-odds that all values of a row are told right, were they independent."""
    whole = log_expit(np.where(has, scores, -scores)).sum(axis=1)
    share = np.clip(np.exp(whole), FLOOR, 1 - FLOOR)
    return np.log(share) - np.log1p(-share)


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
    chosen = likeliest_sets(scores)
    right = (chosen == has).all(axis=1)
    slope, offset = _platt(sureness(scores, chosen), right)
    return SetBlend(blend.weights, slope, offset)


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
