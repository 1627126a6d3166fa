"""How the parts are put on one scale, and how much each one counts: learned, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from core_embeddings.metrics import ideal_dcg_binary, ndcg_at_k
from core_embeddings.topk import topk_of_scores
from recommend.signals import PARTS, Part, Signals

DEFAULT_WARM: Final[dict[Part, float]] = {
    "mf": 1.0,
    "content": 0.25,
    "recent": 0.5,
    "item_item": 1.0,
    "popular": 0.1,
    "trend": 0.1,
}
DEFAULT_COLD: Final[dict[Part, float]] = {"popular": 1.0}

STEPS: Final = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Weights tried for one part while the others stand still."""

CANDIDATES: Final = 200
"""Best products of each part that the search looks at: bounds its memory whatever the catalogue."""

FIT_PARTS: Final[tuple[Part, ...]] = ("mf", "content", "recent")
"""Parts that score a product nobody met by its vector (``mf``: by the factor made from it).

Their plain mean, on which nothing is fitted: few users meet a newcomer in a validation window.
"""

FEW: Final = 5
"""Below so many users a search would fit noise; the defaults stay."""

NEWCOMERS: Final = 50
"""The same for products nobody met: what a head start can bring into a list."""


@dataclass(frozen=True)
class Blend:
    """One weight per part, of at least 0, for users with history and for users without.

    Weights multiply standardised scores; only their ratios matter. ``head_start``, of at least 0,
    times the sum of the weights times how well it fits is added to the score of a product nobody
    met; not for users without history, whom nothing fits better than another.
    """

    warm: dict[Part, float]
    cold: dict[Part, float]
    head_start: float = 0.0

    def of(self, *, warm: bool) -> dict[Part, float]:
        """Return the weights above 0, and content's where a head start counts as content."""
        weights = self.warm if warm else self.cold
        named = {"content"} if warm and self.head_start > 0 else set()
        return {p: weights.get(p, 0.0) for p in PARTS if weights.get(p, 0.0) > 0 or p in named}

    def newcomer_weight(self, *, warm: bool) -> float:
        """Return the weight of ``newcomer_fit``."""
        return self.head_start * sum(self.of(warm=True).values()) if warm else 0.0


DEFAULT_BLEND: Final = Blend(DEFAULT_WARM, DEFAULT_COLD)
"""Used where nothing can be validated: no timestamps, or too few interactions."""


def standardise(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each row with mean 0 and deviation 1, of the same shape; zeros where all are equal."""
    centred = scores - scores.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    spread = centred.std(axis=1, keepdims=True)
    # What is left of a constant row is rounding: it must not be blown up into an opinion.
    some = spread > 1e-6 * (1e-6 + np.abs(scores).max(axis=1, keepdims=True, initial=0))
    return np.divide(centred, spread, out=np.zeros_like(centred), where=some)


def newcomer_fit(
    scores: Mapping[Part, NDArray[np.float32]], new: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return how well each product nobody met fits each user, zero for all others.

    Parameters
    ----------
    scores
        Standardised, of shape (n_users, n) each; those of ``FIT_PARTS`` are used.
    new
        Which products nobody met, of shape (n,) or (n_users, n).

    Returns
    -------
    Of shape (n_users, n), at least 0: the mean of the parts that a vector alone can speak in.
    """
    mean = sum(scores[part] for part in FIT_PARTS) / np.float32(len(FIT_PARTS))
    return np.asarray(np.maximum(mean, 0) * new, dtype=np.float32)


@dataclass(frozen=True)
class Candidates:
    """Standardised scores of the products worth ranking, for users whose next products are known.

    Parameters
    ----------
    parts
        What the first axis of ``scores`` stands for.
    scores
        float32 of shape (n_parts, n_users, n_candidates).
    valid
        Of shape (n_users, n_candidates); False where a product repeats or was met before.
    gains
        Of shape (n_users, n_candidates), 1 where the user met the product in the validation window.
    n_relevant
        Of shape (n_users,): products met in the window, among the candidates or not.
    new
        Of shape (n_users, n_candidates): products nobody met before the window.
    n_new_relevant
        Of shape (n_users,): such products met in the window, among the candidates or not.
    """

    parts: tuple[Part, ...]
    scores: NDArray[np.float32]
    valid: NDArray[np.bool_]
    gains: NDArray[np.float32]
    n_relevant: NDArray[np.int64]
    new: NDArray[np.bool_]
    n_new_relevant: NDArray[np.int64]

    def ndcg(self, weights: ArrayLike, k: int, *, head_start: float = 0.0) -> float:
        """Return the mean ndcg@k of one weighting, in [0, 1]; 0 without users."""
        if not len(self.n_relevant):
            return 0.0
        gains = self._listed(self.gains, weights, k, head_start)
        ideal = ideal_dcg_binary(self.n_relevant, k)
        return float(ndcg_at_k(gains, self.n_relevant, ideal).mean())

    def newcomer_recall(self, weights: ArrayLike, k: int, *, head_start: float = 0.0) -> float:
        """Return the mean recall@k of products nobody met before, 0 where no user met one."""
        some = self.n_new_relevant > 0
        if not some.any():
            return 0.0
        found = self._listed(self.gains * self.new, weights, k, head_start)[some].sum(axis=1)
        return float((found / self.n_new_relevant[some]).mean())

    def _listed(
        self, gains: NDArray[np.float32], weights: ArrayLike, k: int, head_start: float
    ) -> NDArray[np.float32]:
        """Return the gains of the k best candidates of each user, in their order."""
        blended = np.tensordot(np.asarray(weights, dtype=np.float32), self.scores, axes=1)
        if head_start > 0:
            scores = dict(zip(self.parts, self.scores, strict=True))
            blended += np.float32(head_start) * newcomer_fit(scores, self.new)
        blended[~self.valid] = -np.inf
        top = topk_of_scores(blended, min(k, blended.shape[1])).rows
        return np.take_along_axis(gains, np.maximum(top, 0), axis=1) * (top >= 0)


def gather_candidates(
    signals: Signals,
    users: NDArray[np.int64],
    truth: sparse.csr_matrix,
    *,
    parts: tuple[Part, ...],
    block: int = 256,
) -> Candidates:
    """Collect the best products of every part for each user.

    Parameters
    ----------
    signals
        Fitted on what came before the window.
    users
        Rows in ``signals``, of shape (n_users,); -1 for a user without history.
    truth
        Of shape (n_users, n_products): what each met in the window, without what they had met
        before.
    parts
        Which parts to score.
    block
        Users scored at once.
    """
    blocks = [
        _gather_block(signals, users[start : start + block], truth[start : start + block], parts)
        for start in range(0, len(users), block)
    ]
    return Candidates(
        parts=parts,
        scores=np.concatenate([part.scores for part in blocks], axis=1),
        valid=np.concatenate([part.valid for part in blocks]),
        gains=np.concatenate([part.gains for part in blocks]),
        n_relevant=np.concatenate([part.n_relevant for part in blocks]),
        new=np.concatenate([part.new for part in blocks]),
        n_new_relevant=np.concatenate([part.n_new_relevant for part in blocks]),
    )


def _gather_block(
    signals: Signals, users: NDArray[np.int64], truth: sparse.csr_matrix, parts: tuple[Part, ...]
) -> Candidates:
    scores = np.stack([standardise(signals.score(part, users)) for part in parts])
    seen = signals.histories.take(users, decayed=False)
    count = min(CANDIDATES, scores.shape[2])
    best = [topk_of_scores(score, count, exclude=seen).rows for score in scores]
    new = signals.newcomers
    if new.any():
        count = min(NEWCOMERS, int(new.sum()))
        best += [topk_of_scores(score, count, allow=new, exclude=seen).rows for score in scores]
    # Sorted by row, so that ties fall as they will in the lists, and repeats stand side by side.
    rows = np.sort(np.concatenate(best, axis=1), axis=1)
    repeats = np.zeros(rows.shape, dtype=np.bool_)
    repeats[:, 1:] = rows[:, 1:] == rows[:, :-1]
    places = np.maximum(rows, 0)
    met = np.asarray(truth.todense(), dtype=np.float32) > 0
    return Candidates(
        parts=parts,
        scores=np.take_along_axis(scores, places[None], axis=2),
        valid=(rows >= 0) & ~repeats,
        gains=np.take_along_axis(met, places, axis=1).astype(np.float32),
        n_relevant=met.sum(axis=1),
        new=new[places],
        n_new_relevant=met[:, new].sum(axis=1),
    )


@dataclass(frozen=True)
class Search:
    """Weights that won on validation, and what every part reached alone."""

    weights: dict[Part, float]
    ndcg: float
    alone: dict[Part, float]


def search_weights(candidates: Candidates, k: int, *, passes: int = 3) -> Search:
    """Find weights of at least 0 with the best mean ndcg@k, by coordinate ascent.

    It starts from the best single part and only ever takes a step up, so the result is never below
    any part alone on the same users. Of equal weightings the first one found stays: fewer parts,
    lower weights.
    """
    parts = candidates.parts
    single = np.eye(len(parts))
    alone = [candidates.ndcg(row, k) for row in single]
    start = int(np.argmax(alone))
    weights, best = single[start], alone[start]
    for _ in range(passes):
        before = best
        for place in range(len(parts)):
            weights, best = _best_step(candidates, weights, place, best, k)
        if best <= before:
            break
    return Search(
        weights={part: float(w) for part, w in zip(parts, weights, strict=True)},
        ndcg=best,
        alone=dict(zip(parts, alone, strict=True)),
    )


def _best_step(
    candidates: Candidates, weights: NDArray[np.float64], place: int, best: float, k: int
) -> tuple[NDArray[np.float64], float]:
    for step in STEPS:
        trial = weights.copy()
        trial[place] = step
        reached = candidates.ndcg(trial, k) if trial.any() else 0.0
        if reached > best:
            weights, best = trial, reached
    return weights, best
