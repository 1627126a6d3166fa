"""How much of a vector the closed-form parts are: chosen on products that taught nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_embeddings.balance import TOLERANCE, mean_ndcg
from core_embeddings.closed_form import NONE, Blocks, ClosedForm, Shares
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.network import FusionNetwork
from core_embeddings.text_input import TextInput
from core_embeddings.topk import topk_of_scores
from core_embeddings.training_set import TrainingRows, TrainingSet

Floats = NDArray[np.float32]
Truth = NDArray[np.bool_]
Grid = tuple[Sequence[float], Sequence[float]]
STORED: Final[Grid] = (0.0, 0.1), (0.2,)
ASKED: Final[Grid] = (0.0, 0.25, 0.5), (0.0, 0.25, 0.5, 0.75, 0.9)
ALONE: Final[Grid] = (0.0, 0.1, 0.2, 0.35, 0.5), (0.0, 0.1, 0.2, 0.35)
"""Shares of the twin and of the words that are tried in products, queries, and parts alone.

What words have in products is no question: a query that does not ask for them does not see them.
"""
MOST: Final = 0.9
"""The most that both parts may have together."""
FEWEST: Final = 20
"""Products with picture and text that matching is measured on."""
CUTS: Final = (1, 10)


class _Told(NamedTuple):
    """The network's vectors of some rows, (n, dim), and what the closed-form parts say of them."""

    vectors: Floats
    blocks: Blocks

    def cosines(self, other: _Told) -> NDArray[np.float32]:
        """Return the cosines of all rows with all of another, part by part, (3, n, m)."""
        ours, theirs = (self.vectors, *self.blocks), (other.vectors, *other.blocks)
        return np.stack([one @ two.T for one, two in zip(ours, theirs, strict=True)])


class _Job(NamedTuple):
    """Cosines of queries with products, part by part (3, q, n), and bool (q, n): who answers."""

    cosines: NDArray[np.float32]
    right: Truth

    def ndcg(self, asked: Shares, stored: Shares) -> float:
        """Return the mean ndcg@10 with the shares of queries and products."""
        return mean_ndcg(_mixed(self.cosines, asked, stored), self.right)


class _Choice(NamedTuple):
    """Shares for queries of named words, other words and pictures, and the ndcg of each job."""

    asked: tuple[Shares, ...]
    marks: NDArray[np.float64]


def choose_shares(
    network: FusionNetwork,
    closed: ClosedForm,
    rows: TrainingRows,
    text_input: TextInput,
    config: EmbedderConfig,
    seed: int,
) -> ClosedForm:
    """Return the parts with the shares that serve best, without those that serve nothing.

    Products do four jobs: words that name facets find who has them, words of a text find the texts
    that hold them, a picture finds those of the same facets, and so does a whole product. The score
    is the mean ndcg@10, less the largest amount that a job loses against the network alone; each
    kind of query has the shares that are best for it. Pictures and texts alone do one job: each
    finds its other half among all (recall at 1 and 10, both ways). Of what is within
    `balance.TOLERANCE` of the best the smallest shares are taken, but for words that name nothing:
    validation texts say little of the words that shoppers will bring.

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
    choices = {stored: exam.answered(stored, closed) for stored in _candidates(closed, STORED)}
    bare = exam.answered(NONE, ClosedForm()).marks
    stored = _least(
        {s: float(c.marks.mean() - max(0.0, (bare - c.marks).max())) for s, c in choices.items()}
    )
    matching = {shares: exam.matching(shares) for shares in _candidates(closed, ALONE)}
    alone = stored if exam.matched is None else _least(matching)
    named, other, shown = choices[stored].asked
    return replace(
        closed, stored=stored, alone=alone, named=named, other=other, shown=shown
    ).useful()


def _candidates(closed: ClosedForm, grid: Grid) -> list[Shares]:
    twins = (0.0,) if closed.twin is None else grid[0]
    words = (0.0,) if closed.words is None else grid[1]
    return [Shares(*several) for several in product(twins, words) if sum(several) <= MOST]


def _least(scores: Mapping[Shares, float]) -> Shares:
    enough = max(scores.values()) - TOLERANCE
    return min((shares for shares, score in scores.items() if score >= enough), key=sum)


def _most_words(scores: Mapping[Shares, float]) -> Shares:
    """Return the largest share of words among the best: shoppers know more words than texts do."""
    enough = max(scores.values()) - TOLERANCE
    return max(
        (s for s, score in scores.items() if score >= enough), key=lambda s: (s.words, -s.twin)
    )


@dataclass(frozen=True)
class _Exam:
    """What validation products are asked, as cosines of every part.

    Attributes
    ----------
    queries
        Jobs of named words, other words and pictures.
    alike
        The job of whole products.
    matched
        Pictures (queries) and the texts that are theirs; None where there are too few.
    """

    queries: tuple[_Job, _Job, _Job]
    alike: _Job
    matched: _Job | None

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

        whole, image = told(has_image, has_text), told(has_image, nothing)
        every = np.arange(len(rows))
        jobs = []
        for place, share in enumerate((1.0, 0.0)):
            drawn = TrainingSet(rows, text_input, config, seed, facet_share=share)
            queries, right = drawn.queries(every, np.random.default_rng([seed, place]))
            jobs.append(_Job(asked(queries).cosines(whole), right))
        same = jobs[0].right.copy()
        np.fill_diagonal(same, False)  # a product is no answer to itself
        some, shown = same.any(1), same.any(1) & rows.has_image
        pictures = _Job(image.cosines(whole)[:, shown], same[shown])
        alike = whole.cosines(whole)
        alike[:, every, every] = -1
        matched = _matched(image, told(nothing, has_text), rows)
        return cls((jobs[0], jobs[1], pictures), _Job(alike[:, some], same[some]), matched)

    def answered(self, stored: Shares, closed: ClosedForm) -> _Choice:
        """Return the best shares of each kind of query for products of given shares."""
        grid = _candidates(closed, ASKED)
        tried = [{asked: job.ndcg(asked, stored) for asked in grid} for job in self.queries]
        named, other, shown = tried
        chosen = _least(named), _most_words(other), _least(shown)
        marks = [scores[asked] for scores, asked in zip(tried, chosen, strict=True)]
        return _Choice(chosen, np.array([*marks, self.alike.ndcg(stored, stored)]))

    def matching(self, shares: Shares) -> float:
        """Return the mean recall at 1 and 10 of pictures finding texts and texts pictures."""
        if self.matched is None:
            return 0.0
        scores, right = _mixed(self.matched.cosines, shares, shares), self.matched.right
        tables = (scores, scores.T)
        return float(np.mean([_found(table, right, k) for table in tables for k in CUTS]))


def _matched(image: _Told, text: _Told, rows: TrainingRows) -> _Job | None:
    """Return which pictures and texts belong together; None where there are too few."""
    both = np.flatnonzero(rows.has_image & rows.has_text)
    if len(both) < FEWEST:
        return None
    groups = rows.groups[both]
    pairs = image.cosines(text)[:, both][:, :, both]
    return _Job(pairs, groups[:, None] == groups[None, :])


def _mixed(cosines: NDArray[np.float32], asked: Shares, stored: Shares) -> Floats:
    """Return the cosines of whole vectors: parts weighed by the root of both shares."""
    weights = [((1 - sum(asked)) * (1 - sum(stored))) ** 0.5]
    weights += [(one * other) ** 0.5 for one, other in zip(asked, stored, strict=True)]
    return np.asarray(np.tensordot(np.array(weights, dtype=np.float32), cosines, axes=1))


def _found(scores: Floats, right: Truth, k: int) -> float:
    best = topk_of_scores(scores, min(k, scores.shape[1])).rows
    return float(np.take_along_axis(right, best, axis=1).any(1).mean())
