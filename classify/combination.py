"""Several models, one answer: a weighted sum of log-probabilities, chosen on validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from classify.metrics import accuracy, macro_f1

MIN_ROWS: Final = 20
"""Fewer validation rows than this choose nothing: the parts are averaged."""
PULL: Final = 0.1
"""How strongly a blend is held near the plain mean."""
DISCOUNT: Final = 0.1
"""How much of the frequency of a value may be taken out of a blend."""
FOLDS: Final = 4
TOLERANCE: Final = 0.01
"""A discount that gains in sum may lose so much in accuracy or macro-F1: less is noise."""
SURENESS: Final = 0.5
"""Standard errors by which picture and text together must be better than one of them."""
MARGIN: Final = 0.005
"""A discount has to gain so much in sum."""

Floats = NDArray[Any]


@dataclass(frozen=True)
class Combination:
    """``softmax(Σ_p weights[p] · log P_p - discount · log prior)``.

    A sharpened geometric mean of the parts. Every part leans towards frequent values, and their
    mean leans harder; the discount takes some of that back (Menon et al. 2021, *Long-tail learning
    via logit adjustment*).

    Parameters
    ----------
    weights
        One per part, ≥ 0, not all zero; their sum is 1 / temperature.
    discount
        ≥ 0.
    """

    weights: tuple[float, ...]
    discount: float = 0.0

    @property
    def temperature(self) -> float:
        """Above 1 the parts agree less than they claim, below 1 they support each other."""
        return 1 / sum(self.weights)

    @property
    def shares(self) -> tuple[float, ...]:
        """Part of each model in the answer; sums to 1."""
        return tuple(weight * self.temperature for weight in self.weights)

    def scores(self, parts: Floats, log_prior: Floats) -> Floats:
        """Return the sum before the softmax, of shape (n_rows, n_classes)."""
        return np.tensordot(self.weights, parts, axes=1) - self.discount * log_prior

    def log_probabilities(self, parts: Floats, log_prior: Floats) -> Floats:
        """Combine to log-probabilities of shape (n_rows, n_classes).

        Parameters
        ----------
        parts
            Log-probabilities of shape (n_parts, n_rows, n_classes).
        log_prior
            Log share of each value in training, of shape (n_classes,).
        """
        return log_softmax(self.scores(parts, log_prior), axis=1)


def choose_combination(
    parts: Floats,
    codes: NDArray[np.int64],
    *,
    log_prior: Floats,
    alone: Sequence[Sequence[int]] = (),
) -> Combination:
    """Return the combination that does best on rows the parts were not fitted on.

    A blend of all parts, held near their plain mean. Where ``alone`` names groups of parts, the
    blend of the best group by itself stands unless that of all has the lower cross-entropy by more
    than ``SURENESS`` standard errors of the difference over the rows: more views are heard only
    where they help. Then the blend is taken with ``DISCOUNT`` if that gains more than ``MARGIN`` in
    accuracy + macro-F1, and in neither loses more than ``TOLERANCE``. Each is fitted on some rows
    and measured on others (``FOLDS`` runs of consecutive rows, since neighbours are often variants
    of one product). With fewer than ``MIN_ROWS`` rows the plain mean of all is taken unseen.

    Cross-entropy tells two sets of parts apart with far fewer rows than counts of errors do, but it
    favours frequent values; greedy ensemble selection (Caruana et al. 2004) on the rows of the fit
    follows them too closely.

    Parameters
    ----------
    parts
        Log-probabilities of shape (n_parts, n_rows, n_classes).
    codes
        True class of each row; all ≥ 0.
    log_prior
        Log share of each value in training, of shape (n_classes,).
    alone
        Positions of the parts of one modality, for each of them.
    """
    n_parts = len(parts)
    if len(codes) < MIN_ROWS or parts.shape[2] < 2:
        return Combination((1 / n_parts,) * n_parts)
    groups = [list(group) for group in alone if 0 < len(group) < n_parts]
    singles = [_measured(parts, codes, log_prior, group) for group in groups]
    best = _measured(parts, codes, log_prior, list(range(n_parts)))
    if singles:
        first = min(singles, key=lambda found: float(found.loss.mean()))
        best = best if _surely_lower(best.loss, first.loss) else first
    discount = DISCOUNT if _worth_it(best) else 0.0
    weights = _blend(parts - discount * log_prior, codes, best.members)
    return Combination(tuple(weights.tolist()), discount * float(weights.sum()))


class _Measured(NamedTuple):
    """What a blend does on rows it was not fitted on."""

    members: list[int]
    loss: Floats
    """Negative log-probability of the truth of each row."""
    plain: tuple[float, float]
    """Accuracy and macro-F1."""
    discounted: tuple[float, float]
    """The same with ``DISCOUNT``."""


def _surely_lower(loss: Floats, other: Floats) -> bool:
    gain = other - loss
    return bool(gain.mean() > SURENESS * gain.std() / np.sqrt(len(gain)))


def _worth_it(found: _Measured) -> bool:
    gain = np.subtract(found.discounted, found.plain)
    return bool(gain.sum() > MARGIN and gain.min() >= -TOLERANCE)


def _measured(
    parts: Floats, codes: NDArray[np.int64], log_prior: Floats, members: list[int]
) -> _Measured:
    """Measure the blend of these parts by cross-fitting."""
    folds = np.arange(len(codes)) * FOLDS // len(codes)
    loss = np.empty(len(codes))
    said = np.empty((2, len(codes)), dtype=np.int64)
    for fold in range(FOLDS):
        out = np.flatnonzero(folds == fold)
        weights = _blend(parts[:, folds != fold], codes[folds != fold], members)
        scores = np.tensordot(weights, parts[:, out], axes=1)
        loss[out] = -log_softmax(scores, axis=1)[np.arange(len(out)), codes[out]]
        discounted = scores - DISCOUNT * weights.sum() * log_prior
        said[:, out] = scores.argmax(axis=1), discounted.argmax(axis=1)
    plain, less = ((accuracy(codes, row), macro_f1(codes, row)) for row in said)
    return _Measured(members, loss, plain, less)


def _blend(parts: Floats, codes: NDArray[np.int64], members: list[int]) -> NDArray[np.float64]:
    """Return the weights of all parts; those outside ``members`` get 0."""
    weights = np.zeros(len(parts))
    even = np.full(len(members), 1 / len(members))
    weights[members] = blend_weights(parts[members], codes, towards=even)
    return weights


def blend_weights(
    parts: Floats, codes: NDArray[np.int64], *, towards: Floats | None = None
) -> NDArray[np.float64]:
    """Return the weights ≥ 0 of least cross-entropy: a small convex problem.

    ``towards`` holds them near any multiple of these weights, by ``PULL`` times the squared
    distance: a few hundred rows say little of a dozen models that mostly agree. The multiple itself
    is held near 1 by as much as one row more: where no row is wrong, the sharpest blend would be
    the best, and one wrong row among new ones would cost without end.
    """
    rows = np.arange(len(codes))
    truth = parts[:, rows, codes].mean(axis=1)
    start = np.full(len(parts), 1 / len(parts)) if towards is None else towards
    pull, hold = (0.0, 0.0) if towards is None else (PULL, 1 / len(codes))
    length = float(np.sqrt(start @ start))
    ray = start / length

    def loss(weights: Floats) -> tuple[float, Floats]:
        log_probability = log_softmax(np.tensordot(weights, parts, axes=1), axis=1)
        expected = np.einsum("nk,pnk->p", np.exp(log_probability), parts) / len(codes)
        along = float(weights @ ray)
        away, further = weights - along * ray, along - length
        value = pull * float(away @ away) + hold * further**2
        value -= float(log_probability[rows, codes].mean())
        return value, expected - truth + 2 * pull * away + 2 * hold * further * ray

    bounds = [(0, None)] * len(parts)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return found.x if found.x.sum() > 0 else start
