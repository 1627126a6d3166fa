"""Labels that are probably wrong, and what they should be.

Every witness (see ``witnesses``) says how likely each value is for a product without having heard
the product's own label. How much each is to be believed against a label is learned from labels
that were flipped on purpose, so that what is asked for is what is learned: not to predict labels,
but to find wrong ones. Done twice: what the first round doubts teaches nothing in the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from classify.linear_solver import Floats
from classify.out_of_fold import FoldedRidge, to_log_probabilities
from classify.witnesses import (
    Reading,
    Values,
    Votes,
    Witness,
    hear_all,
    other_fields,
    values_of,
)
from core_embeddings.config import nearest
from core_embeddings.errors import ConfigError

DOUBTED: Final = 0.5
"""A label likelier wrong than right in the first round teaches nothing in the second."""
VERDICT: Final = 3.0
"""So much more easily than a single witness the verdict of all of them is believed."""
MIN_KNOWN: Final = 20
"""A field with fewer labels than this is passed over."""
UNTOLD: Final = 0.01
"""Probability that a label is wrong where nothing was learned."""


@dataclass(frozen=True)
class SuspectConfig:
    """How wrong labels are looked for; defaults chosen on the train and val rows of hm and fashion.

    Parameters
    ----------
    folds
        Products are read in so many folds, each by a regression on the others.
    penalty
        Of that regression, see ``ridge_scores``.
    flips, draws
        Share of the trusted labels that is flipped to learn from, and how often.
    shrink
        Penalty of the weights learned from the flips, per row: they stay near equal.
    seed
        Of folds and flips.
    """

    folds: int = 8
    penalty: float = 0.3
    flips: float = 0.1
    draws: int = 3
    shrink: float = 0.07
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2 or self.draws < 1:
            raise ConfigError(
                f"folds must be >= 2 and draws >= 1; got {self.folds} and {self.draws}"
            )
        if not (self.penalty > 0 and self.shrink > 0 and 0 < self.flips < 0.5):
            raise ConfigError(
                "penalty and shrink must be > 0 and flips between 0 and 0.5; "
                f"got {self.penalty!r}, {self.shrink!r} and {self.flips!r}"
            )


class Doubts(NamedTuple):
    """What was found of one field."""

    values: Values
    wrong: NDArray[np.float64]
    """Probability that each product's label is wrong, of shape (n_products,); 0 without a label."""
    suggested: NDArray[np.int64]
    """Likeliest value besides the label, of shape (n_products,)."""
    told: NDArray[np.float64]
    """Log-probabilities of each witness, of shape (n_witnesses, n_products, n_values)."""
    pooled: NDArray[np.float64]
    """Log-probabilities of all of them, of shape (n_products, n_values)."""


class _Heard(NamedTuple):
    told: Floats
    pooled: Floats
    suggested: NDArray[np.int64]
    signs: Floats
    """Of shape (n_products, n_signs): what tells a wrong label from a right one."""


def doubt_labels(
    labels: Mapping[str, NDArray[np.object_]],
    witnesses: Mapping[str, Witness],
    *,
    groups: NDArray[np.int64],
    fields: tuple[str, ...] | None = None,
    config: SuspectConfig | None = None,
) -> dict[str, Doubts]:
    """Return the doubts about every field asked for.

    Parameters
    ----------
    labels
        By field, "" where unknown, each of shape (n_products,). The other fields of a product are
        one more witness.
    witnesses
        By name; none may have learned from these labels.
    groups
        Number of each product's group of duplicates; a group is never split over folds.
    fields
        Those asked for; all by default.

    Raises
    ------
    ConfigError
        If a field asked for is not among ``labels``.
    """
    config = config or SuspectConfig()
    every = {name: values_of(found) for name, found in labels.items()}
    usable = {n: v for n, v in every.items() if len(v.names) > 1 and _known(v) >= MIN_KNOWN}
    asked = tuple(every) if fields is None else fields
    for name in asked:
        if name not in every:
            raise ConfigError(f"there is no field {name!r}; {nearest(name, list(every))}")
    folds = group_folds(groups, count=config.folds, seed=config.seed)
    called = [
        FoldedRidge(w.rows, folds, penalty=config.penalty) if isinstance(w, Reading) else w
        for w in witnesses.values()
    ]
    trusted = dict(usable)
    for name, values in usable.items():
        first = _doubt(name, usable, values, called, folds, config)
        trusted[name] = values.without(first.wrong > DOUBTED)
    return {
        name: _doubt(name, trusted, usable[name], called, folds, config)
        for name in asked
        if name in usable
    }


def group_folds(groups: NDArray[np.int64], *, count: int, seed: int) -> NDArray[np.int64]:
    """Return a fold per row, drawn at random per group."""
    names, group = np.unique(groups, return_inverse=True)
    return np.random.default_rng(seed).integers(0, count, len(names))[group]


def base_rate(scores: Floats, *, learned_at: float) -> float:
    """Return the share of wrong labels at which the mean probability is that share.

    Parameters
    ----------
    scores
        Log-odds that hold where the share is ``learned_at``.

    References
    ----------
    Saerens, Latinne and Decaestecker 2002, *Adjusting the outputs of a classifier to new a priori
    probabilities*.
    """
    rate = learned_at
    for _ in range(200):
        rate = float(np.clip(expit(scores + logit(rate) - logit(learned_at)).mean(), 1e-6, 0.5))
    return rate


def _known(values: Values) -> int:
    return int((values.codes >= 0).sum())


def _doubt(
    field: str,
    trusted: Mapping[str, Values],
    values: Values,
    called: Sequence[FoldedRidge | Votes],
    folds: NDArray[np.int64],
    config: SuspectConfig,
) -> Doubts:
    """Judge all labels of a field, having learned from those trusted."""
    believed = trusted[field]
    teaches = believed.codes >= 0
    beside = FoldedRidge(other_fields(trusted, field).rows, folds, penalty=config.penalty)
    called = [*called, beside]
    heard = _hear(called, believed, values.codes)
    signs, flipped = [], []
    for draw in range(config.draws):
        wrong = flip(believed, share=config.flips, seed=config.seed + draw + 1)
        again = _hear(called, wrong, wrong.codes)
        signs.append(again.signs[teaches])
        flipped.append((wrong.codes != believed.codes)[teaches])
    labelled = values.codes >= 0
    rate_then = float(np.mean(np.concatenate(flipped)))
    if 0 < rate_then < 1:
        scores = _learned(np.vstack(signs), np.concatenate(flipped), heard.signs, config.shrink)
        rate = base_rate(scores[labelled], learned_at=rate_then)
        shifted = expit(scores + logit(rate) - logit(rate_then))
    else:  # of so few labels no flip was another one, and nothing tells which are wrong
        shifted = np.full(len(labelled), UNTOLD)
    return Doubts(
        values, np.where(labelled, shifted, 0.0), heard.suggested, heard.told, heard.pooled
    )


def flip(values: Values, *, share: float, seed: int) -> Values:
    """Return the field with a share of its labels replaced by others, frequent ones more often."""
    rng = np.random.default_rng(seed)
    codes = values.codes.copy()
    hit = np.flatnonzero((codes >= 0) & (rng.random(len(codes)) < share))
    weights = np.exp(values.log_prior / 2)
    codes[hit] = rng.choice(len(weights), size=len(hit), p=weights / weights.sum())
    return Values(values.names, codes)


def _hear(
    called: Sequence[FoldedRidge | Votes], taught: Values, judged: NDArray[np.int64]
) -> _Heard:
    """Hear all witnesses, taught by some labels, about others."""
    told = hear_all(called, taught)
    prior = taught.log_prior
    lifts = told - prior
    pooled = to_log_probabilities(lifts.sum(axis=0), taught.codes, prior)
    each, own = np.arange(len(judged)), np.maximum(judged, 0)
    besides = pooled.copy()
    besides[each, own] = -np.inf
    other = besides.argmax(axis=1)
    # Frequency apart from what is witnessed: a frequent value is no better witnessed for that.
    lifted = [*lifts[:, each, own], *lifts[:, each, other], prior[own], prior[other]]
    signs = [pooled[each, own], pooled[each, other], *lifted]
    return _Heard(told, pooled, other, np.array(signs).T)


def _learned(signs: Floats, flipped: NDArray[Any], judged: Floats, shrink: float) -> Floats:
    """Return log-odds that each judged label is wrong, learned from flipped ones."""
    mean, spread = signs.mean(axis=0), signs.std(axis=0) + 1e-9
    spread[:2] /= VERDICT
    scaled = (signs - mean) / spread
    model = LogisticRegression(C=1 / (shrink * len(signs)), max_iter=500).fit(scaled, flipped)
    # Shrunken weights rank well and are too timid: two more numbers make them probabilities.
    sure = LogisticRegression(C=1e6).fit(model.decision_function(scaled)[:, None], flipped)
    return sure.decision_function(model.decision_function((judged - mean) / spread)[:, None])
