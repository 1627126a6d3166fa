"""How much of a stored vector is words: chosen on validation, so that no part alone does better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.metrics import ideal_dcg_binary, ndcg_at_k
from core_embeddings.network import FusionNetwork
from core_embeddings.text_input import TextInput
from core_embeddings.topk import topk_of_scores
from core_embeddings.training_set import TrainingRows, TrainingSet

RESIDUALS: Final = (0.0, 0.5, 1.0, 2.0)
LEANS: Final = (0.0, 0.4, 0.8, 1.6, -0.4, -0.8, -1.6)
K: Final = 10
TOLERANCE: Final = 0.003
"""Scores this near are equal: of them the least change is taken."""
ROUNDS: Final = 2
"""Pseudo-queries drawn per product."""


class Balance(NamedTuple):
    """What is set after training; see `EmbedderConfig`."""

    text_residual: float
    text_lean: float


def choose_balance(
    network: FusionNetwork,
    rows: TrainingRows,
    text_input: TextInput,
    config: EmbedderConfig,
    seed: int,
) -> Balance:
    """Set and return the balance whose stored vectors do three jobs best.

    While it trains, a fusion can know the pictures of its few thousand products by heart, and so
    trusts pictures more than they deserve elsewhere (Wang, Tran, Feiszli, "What Makes Training
    Multi-Modal Classification Networks Hard?", 2020). Products that did not train tell how much.

    The jobs: words that name facets (category, colour, brand ...) find the products that have
    them; a product's picture finds the others that have them; the training heads name the labels.
    A balance's score is the mean of the three, less the largest amount by which one part alone
    beats it: the words' vector asked in words, the picture's asked in pictures, the better of them
    at a field. Queries of title words would favour the words' vector by construction; they serve
    only where there are no facets.

    Parameters
    ----------
    network
        Trained, in eval mode.
    rows
        Validation products.
    config
        A ``text_residual`` or ``text_lean`` that is not None is kept as it is.
    """
    with torch.inference_mode():
        exam = _Exam.of(network, rows, text_input, config, seed)
        nothing = torch.zeros_like(exam.has_image)
        read = exam.marks(network.fuse(exam.image, exam.text, nothing, exam.has_text))
        seen = exam.marks(network.fuse(exam.image, exam.text, exam.has_image, nothing))
        parts = np.concatenate([read[:1], seen[1:2], np.maximum(read, seen)[2:]])
        scores = {balance: exam.score(balance, parts) for balance in _candidates(network, config)}
    enough = max(scores.values()) - TOLERANCE
    best = min((b for b, score in scores.items() if score >= enough), key=_change)
    network.text_residual, network.text_lean = best
    return best


def _change(balance: Balance) -> float:
    return balance.text_residual + abs(balance.text_lean)


def _candidates(network: FusionNetwork, config: EmbedderConfig) -> list[Balance]:
    residuals = RESIDUALS if config.text_residual is None else (config.text_residual,)
    leans = LEANS if config.text_lean is None else (config.text_lean,)
    if config.text_lean is None and not network.leans:
        leans = (0.0,)
    return [Balance(residual, lean) for residual, lean in product(residuals, leans)]


class _Round(NamedTuple):
    """Queries, as unit vectors of shape (q, dim), and bool (q, n) of what answers each."""

    words: NDArray[np.float32]
    right: NDArray[np.bool_]
    pictures: NDArray[np.float32]
    alike: NDArray[np.bool_]


@dataclass(frozen=True)
class _Exam:
    """Validation products as the towers see them, and what they are asked."""

    network: FusionNetwork
    image: Tensor
    text: Tensor
    has_image: Tensor
    has_text: Tensor
    labels: Tensor
    rounds: Sequence[_Round]

    @classmethod
    def of(
        cls,
        network: FusionNetwork,
        rows: TrainingRows,
        text_input: TextInput,
        config: EmbedderConfig,
        seed: int,
    ) -> _Exam:
        """Draw the questions; products stand in one order in all of them."""
        image = network.see(rows.images)
        text = network.read(text_input.batch(rows.tokens))
        has_image, has_text = torch.from_numpy(rows.has_image), torch.from_numpy(rows.has_text)
        nothing = torch.zeros_like(has_image)
        pictures = network.fuse(image, text, has_image, nothing).numpy()
        whole = replace(config, batch_size=max(2, len(rows)), word_dropout=0.0)
        drawn = TrainingSet(rows, text_input, whole, seed, facet_share=1.0)
        rounds = []
        for number in range(ROUNDS):
            batch = next(iter(drawn.batches(number)))
            back = torch.argsort(batch.rows)  # a batch is shuffled
            asked = (batch.queries.lengths > 0) & (batch.has_image | batch.has_text)
            words = network.read(batch.queries)
            queries = network.fuse(torch.zeros_like(words), words, torch.zeros_like(asked), asked)
            right = batch.positives[:, back]
            alike = right[back].numpy().copy()
            np.fill_diagonal(alike, False)  # a product is no answer to its own picture
            shown = alike.any(1) & rows.has_image
            rounds.append(
                _Round(queries[asked].numpy(), right[asked].numpy(), pictures[shown], alike[shown])
            )
        labels = torch.from_numpy(rows.labels)
        return cls(network, image, text, has_image, has_text, labels, rounds)

    def marks(self, vectors: Tensor) -> NDArray[np.float64]:
        """Return ndcg@10 asked in words, ndcg@10 asked in pictures, and accuracy per field."""
        stored = vectors.numpy()
        words = np.mean([mean_ndcg(r.words @ stored.T, r.right) for r in self.rounds])
        pictures = np.mean([mean_ndcg(r.pictures @ stored.T, r.alike) for r in self.rounds])
        named = []
        for field, logits in enumerate(self.network.label_logits(vectors)):
            known = self.labels[:, field] >= 0
            right = (logits.argmax(1) == self.labels[:, field])[known]
            named.append(float(right.float().mean()) if len(right) else 0.0)
        return np.array([words, pictures, *named])

    def score(self, balance: Balance, parts: NDArray[np.float64]) -> float:
        """Return the mean of the jobs, less how far the worst mark is below that of a part."""
        self.network.text_residual, self.network.text_lean = balance
        marks = self.marks(self.network.embed(self.image, self.text, self.has_image, self.has_text))
        jobs = [marks[0], marks[1], *([marks[2:].mean()] if len(marks) > 2 else [])]
        return float(np.mean(jobs) - max(0.0, (parts - marks).max()))


def mean_ndcg(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Return the mean ndcg@10 of ranking n products by scores of shape (queries, n); 0 for none."""
    if not len(scores):
        return 0.0
    k = min(K, scores.shape[1])
    gains = np.take_along_axis(right, topk_of_scores(scores, k).rows, axis=1).astype(np.float64)
    relevant = right.sum(1)
    return float(np.mean(ndcg_at_k(gains, relevant, ideal_dcg_binary(relevant, k))))
