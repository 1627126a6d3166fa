"""How much of a vector the closed-form parts are: chosen on products that taught nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_embeddings.balance import TOLERANCE, mean_ndcg
from core_embeddings.closed_form import Blocks, ClosedForm, Shares
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.network import FusionNetwork
from core_embeddings.text_input import TextInput
from core_embeddings.topk import topk_of_scores
from core_embeddings.training_set import TrainingRows, TrainingSet

Floats = NDArray[np.float32]
TWIN: Final = (0.0, 0.1, 0.2, 0.35, 0.5)
WORDS: Final = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8)
MOST: Final = 0.8
"""The most that both parts may have together."""
FEWEST: Final = 20
"""Products with picture and text that matching is measured on."""
CUTS: Final = (1, 10)
KINDS: Final = (1.0, 0.0)
"""Share of queries that name facets, a round each; the others take words of the text."""


class _Told(NamedTuple):
    """The network's vectors of some rows, (n, dim), and what the closed-form parts say of them."""

    vectors: Floats
    blocks: Blocks


class _Round(NamedTuple):
    """Queries in words and bool (queries, n) of what answers each."""

    queries: _Told
    right: NDArray[np.bool_]


def choose_shares(
    network: FusionNetwork,
    closed: ClosedForm,
    rows: TrainingRows,
    text_input: TextInput,
    config: EmbedderConfig,
    seed: int,
) -> ClosedForm:
    """Return the parts with the shares that serve best, without those that serve nothing.

    Whole vectors do three jobs: words that name facets find who has them, words of a text find
    the texts that hold them, a picture finds those of the same facets; the score is the mean
    ndcg@10, less the largest amount that a job loses against the network alone. Vectors of
    pictures and texts alone do one: each finds its own other half among all (recall at 1 and 10,
    both ways). Of shares within `balance.TOLERANCE` of the best the smallest are taken.

    Parameters
    ----------
    network
        Trained and balanced, in eval mode.
    closed
        Fitted on the train rows.
    rows
        Validation products, none of which the network or the parts learned from.
    """
    with torch.inference_mode():
        exam = _Exam.of(network, closed, rows, text_input, config, seed)
        wholes = {shares: exam.jobs(shares) for shares in _candidates(closed)}
        bare = wholes[Shares()]
        scores = {
            s: float(jobs.mean() - max(0.0, (bare - jobs).max())) for s, jobs in wholes.items()
        }
        whole = _least(scores)
        alone = whole if exam.pairs < FEWEST else _least(_scored(exam.matching, closed))
    return replace(closed, whole=whole, alone=alone).useful()


def _candidates(closed: ClosedForm) -> list[Shares]:
    twins = (0.0,) if closed.twin is None else TWIN
    words = (0.0,) if closed.words is None else WORDS
    return [Shares(*several) for several in product(twins, words) if sum(several) <= MOST]


def _scored(score: Callable[[Shares], float], closed: ClosedForm) -> dict[Shares, float]:
    return {shares: score(shares) for shares in _candidates(closed)}


def _least(scores: Mapping[Shares, float]) -> Shares:
    enough = max(scores.values()) - TOLERANCE
    return min((shares for shares, score in scores.items() if score >= enough), key=sum)


@dataclass(frozen=True)
class _Exam:
    """Validation products as everything sees them, and what they are asked."""

    closed: ClosedForm
    whole: _Told
    image: _Told
    text: _Told
    rounds: Sequence[_Round]
    shown: NDArray[np.bool_]
    alike: NDArray[np.bool_]
    both: NDArray[np.int64]
    groups: NDArray[np.int64]

    @property
    def pairs(self) -> int:
        """Products with picture and text."""
        return len(self.both)

    @classmethod
    def of(
        cls,
        network: FusionNetwork,
        closed: ClosedForm,
        rows: TrainingRows,
        text_input: TextInput,
        config: EmbedderConfig,
        seed: int,
    ) -> _Exam:
        """Draw the questions."""
        seen, read = network.see(rows.images), network.read(text_input.batch(rows.tokens))
        has_image, has_text = torch.from_numpy(rows.has_image), torch.from_numpy(rows.has_text)
        nothing = torch.zeros_like(has_image)

        def told(sees: Tensor, reads: Tensor) -> _Told:
            shown = (rows.images.numpy(), rows.tokens, sees.numpy(), reads.numpy())
            own = network.embed(seen, read, sees, reads).numpy()
            return _Told(own, closed.blocks(*shown, text_input))

        def asked(queries: Sequence[Sequence[str]]) -> _Told:
            reads = torch.tensor([len(tokens) > 0 for tokens in queries])
            words, sees = network.read(text_input.batch(queries)), torch.zeros_like(reads)
            own = network.embed(torch.zeros_like(words), words, sees, reads).numpy()
            blocks = closed.blocks(None, queries, sees.numpy(), reads.numpy(), text_input)
            return _Told(own, blocks)

        every = np.arange(len(rows))
        drawn = [
            TrainingSet(rows, text_input, config, seed, facet_share=share).queries(
                every, np.random.default_rng([seed, place])
            )
            for place, share in enumerate(KINDS)
        ]
        alike = drawn[0][1].copy()
        np.fill_diagonal(alike, False)  # a product is no answer to its own picture
        both = np.flatnonzero(rows.has_image & rows.has_text)
        return cls(
            closed,
            told(has_image, has_text),
            told(has_image, nothing),
            told(nothing, has_text),
            [_Round(asked(queries), right) for queries, right in drawn],
            alike.any(1) & rows.has_image,
            alike,
            both,
            rows.groups[both],
        )

    def jobs(self, shares: Shares) -> NDArray[np.float64]:
        """Return ndcg@10 of words that name facets, of words of texts, and of pictures."""
        stored = self._joined(self.whole, shares).T
        found = [
            mean_ndcg(self._joined(asked, shares) @ stored, right) for asked, right in self.rounds
        ]
        seen = self._joined(self.image, shares)[self.shown]
        return np.array([*found, mean_ndcg(seen @ stored, self.alike[self.shown])])

    def matching(self, shares: Shares) -> float:
        """Return the mean recall at 1 and 10 of pictures finding texts and texts pictures."""
        seen, read = (self._joined(part, shares)[self.both] for part in (self.image, self.text))
        scores = seen @ read.T
        same = self.groups[:, None] == self.groups[None, :]
        tables = (scores, scores.T)
        return float(np.mean([_found(table, same, k) for table in tables for k in CUTS]))

    def _joined(self, told: _Told, shares: Shares) -> Floats:
        return self.closed.join(told.vectors, told.blocks, shares)


def _found(scores: Floats, same: NDArray[np.bool_], k: int) -> float:
    best = topk_of_scores(scores, min(k, scores.shape[1])).rows
    return float(np.take_along_axis(same, best, axis=1).any(1).mean())
