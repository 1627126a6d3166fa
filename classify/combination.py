"""Several models, one answer: a weighted sum of log-probabilities, chosen on validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from classify.calibration import fit_temperature
from classify.metrics import accuracy, macro_f1

MIN_ROWS: Final = 20
"""Fewer validation rows than this choose nothing: the parts are averaged."""
MEMBERS: Final = 4
"""Parts in the plain mean."""
PULL: Final = 0.05
"""How strongly a blend is held near that mean."""
DISCOUNT: Final = 0.1
"""How much of the frequency of a value may be taken out of a blend."""
FOLDS: Final = 4
TOLERANCE: Final = 0.01
"""A choice better in sum may lose so much in accuracy or macro-F1: less is noise."""
KINDS: Final = 3
"""Mean, blend, discounted blend."""

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
    """Return the combination that does best on validation rows, changed only for a sure gain.

    The default is the plain mean of the ``MEMBERS`` best parts; a blend held near it, and the same
    with ``DISCOUNT``, take its place where they are better in accuracy + macro-F1, and in neither
    worse by more than ``TOLERANCE``. Each is fitted on some rows and measured on others (``FOLDS``
    runs of consecutive rows, since neighbours are often variants of one product). Where ``alone``
    names groups of parts, the default is what would be chosen from the best of them alone: so more
    views are heard only where they help. The winner gets the temperature of least cross-entropy.
    With fewer than ``MIN_ROWS`` rows the plain mean of all is taken unseen.

    Choosing by cross-entropy alone favours frequent values; choosing on the rows of the fit follows
    them too closely, as greedy ensemble selection (Caruana et al. 2004) does.

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
    every = list(range(n_parts))
    groups = [list(group) for group in alone if 0 < len(group) < n_parts]
    first = [_best(_measured(parts, codes, log_prior, group)) for group in groups]
    default = max(first, key=lambda found: sum(found.quality), default=None)
    measured = _measured(parts, codes, log_prior, every)
    winner = _best(measured if default is None else [default, *measured])
    best = _fitted(parts, codes, winner.members)[winner.kind]
    temperature = fit_temperature(best.scores(parts, log_prior), codes)
    weights = tuple(weight / temperature for weight in best.weights)
    return Combination(weights, best.discount / temperature)


class _Measured(NamedTuple):
    members: list[int]
    kind: int
    quality: tuple[float, float]
    """Accuracy and macro-F1 on rows not fitted on."""


def _best(found: list[_Measured]) -> _Measured:
    default = found[0].quality
    safe = [one for one in found if min(np.subtract(one.quality, default)) >= -TOLERANCE]
    return max(safe, key=lambda one: sum(one.quality))


def _measured(
    parts: Floats, codes: NDArray[np.int64], log_prior: Floats, members: list[int]
) -> list[_Measured]:
    """Measure every kind of combination of these parts by cross-fitting."""
    folds = np.arange(len(codes)) * FOLDS // len(codes)
    predicted = np.empty((KINDS, len(codes)), dtype=np.int64)
    for fold in range(FOLDS):
        out = folds == fold
        for kind, found in enumerate(_fitted(parts[:, ~out], codes[~out], members)):
            predicted[kind, out] = found.scores(parts[:, out], log_prior).argmax(axis=1)
    return [
        _Measured(members, kind, (accuracy(codes, said), macro_f1(codes, said)))
        for kind, said in enumerate(predicted)
    ]


def _fitted(parts: Floats, codes: NDArray[np.int64], members: list[int]) -> list[Combination]:
    """Return mean of the best, blend, and discounted blend; parts outside ``members`` get 0."""
    own = parts[members]
    predicted = own.argmax(axis=2)
    quality = np.array([accuracy(codes, said) + macro_f1(codes, said) for said in predicted])
    best = np.argsort(-quality, kind="stable")[:MEMBERS]
    mean, blend = np.zeros(len(parts)), np.zeros(len(parts))
    mean[np.asarray(members)[best]] = 1 / len(best)
    blend[members] = blend_weights(own, codes, towards=mean[members])
    weights = tuple(blend.tolist())
    return [
        Combination(tuple(mean.tolist())),
        Combination(weights),
        Combination(weights, DISCOUNT * float(blend.sum())),
    ]


def blend_weights(
    parts: Floats, codes: NDArray[np.int64], *, towards: Floats | None = None
) -> NDArray[np.float64]:
    """Return the weights ≥ 0 of least cross-entropy: a small convex problem.

    ``towards`` holds them near any multiple of these weights, by ``PULL`` times the squared
    distance: a few hundred rows say little of a dozen models that mostly agree.
    """
    rows = np.arange(len(codes))
    truth = parts[:, rows, codes].mean(axis=1)
    start = np.full(len(parts), 1 / len(parts)) if towards is None else towards
    pull = 0.0 if towards is None else PULL
    ray = start / np.sqrt(start @ start)

    def loss(weights: Floats) -> tuple[float, Floats]:
        log_probability = log_softmax(np.tensordot(weights, parts, axes=1), axis=1)
        expected = np.einsum("nk,pnk->p", np.exp(log_probability), parts) / len(codes)
        away = weights - (weights @ ray) * ray
        value = pull * float(away @ away) - float(log_probability[rows, codes].mean())
        return value, expected - truth + 2 * pull * away

    bounds = [(0, None)] * len(parts)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return found.x if found.x.sum() > 0 else start
