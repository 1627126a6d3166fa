"""Training rows, and how a batch is drawn: augmented text, pseudo-queries, hidden parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_embeddings.co_purchase import CoPurchases
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.facets import Facet, category_levels, spoken
from core_embeddings.text_input import TextInput
from core_embeddings.text_tower import TextBatch

ONE_LANGUAGE = 0.7
"""Share of texts and pseudo-queries in one language where products have several."""
QUERY_WORDS = 4
"""The most words, or facets, a pseudo-query names."""


class Partners(NamedTuple):
    """One product each that m products of a batch were bought with.

    Attributes
    ----------
    places
        int64 of shape (m,): whose partners these are, as places in the batch.
    images, has_image, has_text, texts
        The partners, as in `TrainingBatch`.
    no_negative
        bool of shape (m, m): partner j is no wrong answer for product i.
    """

    places: Tensor
    images: Tensor
    has_image: Tensor
    has_text: Tensor
    texts: TextBatch
    no_negative: Tensor


class TrainingBatch(NamedTuple):
    """One batch of products.

    Attributes
    ----------
    rows
        int64 of shape (n,): which training rows these are.
    images
        Frozen features (n, width) or pixels (n, side, side, 3).
    has_image, has_text
        bool of shape (n,): what the product has.
    keep_image, keep_text
        bool of shape (n,): what modality dropout leaves of it.
    texts
        The product's text, augmented.
    labels
        int64 of shape (n, fields), -1 where unknown.
    groups
        int64 of shape (n,): products of one group are no negatives of each other.
    queries
        A pseudo-query per product.
    positives
        bool of shape (n, n): which products of the batch answer which query.
    epoch
        Counted from 0: some losses wait.
    levels
        int64 of shape (n, depth): code of the category path down to each level, -1 for none.
    partners
        What some of the products were bought with; None where nothing is known of that.
    """

    rows: Tensor
    images: Tensor
    has_image: Tensor
    has_text: Tensor
    keep_image: Tensor
    keep_text: Tensor
    texts: TextBatch
    labels: Tensor
    groups: Tensor
    queries: TextBatch
    positives: Tensor
    epoch: int
    levels: Tensor
    partners: Partners | None


@dataclass(frozen=True)
class TrainingRows:
    """Everything about the training products, row by row.

    Attributes
    ----------
    images
        Frozen features or pixels of shape (n, …).
    has_image, has_text
        bool of shape (n,).
    tokens, title_tokens
        Tokens of the whole text and of the title alone.
    labels
        int64 of shape (n, fields).
    groups
        Duplicate group per row, int64 of shape (n,).
    facets
        What pseudo-queries are made of; codes of shape (n,).
    together
        Which rows people buy together, or None.
    wordings
        Tokens of a row's `missing_text.language_wordings`; empty where there is one language.
    """

    images: Tensor
    has_image: NDArray[np.bool_]
    has_text: NDArray[np.bool_]
    tokens: Sequence[Sequence[str]]
    title_tokens: Sequence[Sequence[str]]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    facets: Sequence[Facet]
    together: CoPurchases | None = None
    wordings: Sequence[Sequence[Sequence[str]]] = ()

    def __len__(self) -> int:
        return len(self.has_image)


class TrainingSet:
    """Batches that depend on the seed, the epoch and their place in it alone.

    Parameters
    ----------
    rows
        The training products.
    text_input
        Tokens to tensors.
    config
        Batch size and augmentation.
    seed
        Source of chance.
    facet_share
        Share of the pseudo-queries that name facets; the others take words of the title.
    """

    def __init__(
        self,
        rows: TrainingRows,
        text_input: TextInput,
        config: EmbedderConfig,
        seed: int,
        *,
        facet_share: float = 0.5,
    ) -> None:
        self.rows = rows
        self.text_input = text_input
        self.config = config
        self.seed = seed
        self.facet_share = facet_share
        self._facet_tokens = [
            text_input.tokenizer.many(map(spoken, facet.values)) for facet in rows.facets
        ]
        self._words = [frozenset(tokens) for tokens in rows.tokens]
        self._levels = category_levels(rows.facets, len(rows))

    @property
    def steps(self) -> int:
        """Batches per epoch; a last batch of one row is left out, it has no negatives."""
        full, rest = divmod(len(self.rows), self.config.batch_size)
        return max(1, full + (rest > 1))

    def batches(self, epoch: int, first: int = 0) -> Iterator[TrainingBatch]:
        """Draw the batches of an epoch, from its ``first`` on; none before it is drawn."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.rows))
        for step in range(first, self.steps):
            # Counted from 1, because a seed sequence that ends in 0 is the one without it.
            rng = np.random.default_rng([self.seed, epoch, step + 1])
            chosen = order[step * self.config.batch_size : (step + 1) * self.config.batch_size]
            yield self._batch(chosen, rng, epoch)

    def _batch(
        self, chosen: NDArray[np.int64], rng: np.random.Generator, epoch: int
    ) -> TrainingBatch:
        rows, config = self.rows, self.config
        has_image, has_text = rows.has_image[chosen], rows.has_text[chosen]
        keep_image, keep_text = _hide(has_image, has_text, config.modality_dropout, rng)
        texts = [self._augment(row, rng) for row in chosen]
        queries, positives = self.queries(chosen, rng)
        hidden = config.word_dropout
        drawn = torch.from_numpy(chosen)
        return TrainingBatch(
            drawn,
            rows.images[drawn],
            torch.from_numpy(has_image),
            torch.from_numpy(has_text),
            torch.from_numpy(keep_image),
            torch.from_numpy(keep_text),
            self.text_input.batch(texts, hidden_share=hidden, rng=rng),
            torch.from_numpy(rows.labels[chosen]),
            torch.from_numpy(rows.groups[chosen]),
            self.text_input.batch(
                queries, hidden_share=hidden, foreign_share=config.foreign_words, rng=rng
            ),
            torch.from_numpy(positives),
            epoch,
            torch.from_numpy(self._levels[chosen]),
            self._partners(chosen, rng),
        )

    def _partners(self, chosen: NDArray[np.int64], rng: np.random.Generator) -> Partners | None:
        rows, together = self.rows, self.rows.together
        if together is None:
            return None
        drawn = together.draw(chosen, rng)
        places = np.flatnonzero(drawn >= 0)
        asked, found = chosen[places], drawn[places]
        same = rows.groups[asked][:, None] == rows.groups[found][None, :]
        texts = [self._augment(row, rng) for row in found]
        picked = torch.from_numpy(found)
        return Partners(
            torch.from_numpy(places),
            rows.images[picked],
            torch.from_numpy(rows.has_image[found]),
            torch.from_numpy(rows.has_text[found]),
            self.text_input.batch(texts, hidden_share=self.config.word_dropout, rng=rng),
            torch.from_numpy(same | together.together(asked, found)),
        )

    def _augment(self, row: int, rng: np.random.Generator) -> Sequence[str]:
        """Take the title, or one language, alone half of the time; drop some words, never all."""
        share = self.config.word_dropout
        title = self._wording(row, rng)
        tokens = title if title and share > 0 and rng.random() < 0.5 else self.rows.tokens[row]
        if share == 0 or len(tokens) < 2:
            return tokens
        kept = [token for token in tokens if rng.random() >= share]
        return kept or tokens

    def _wording(self, row: int, rng: np.random.Generator) -> Sequence[str]:
        """Return the title, or what one of several languages says, or two of them together."""
        wordings = self.rows.wordings[row] if self.rows.wordings else ()
        if not wordings:
            return self.rows.title_tokens[row]
        drawn = [wordings[place] for place in rng.integers(len(wordings), size=2).tolist()]
        return drawn[0] if rng.random() < ONE_LANGUAGE else [*drawn[0], *drawn[1]]

    def queries(
        self, chosen: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[list[list[str]], NDArray[np.bool_]]:
        """Draw a pseudo-query per row, and bool (n, n): which of the rows answer it."""
        queries, positives = list[list[str]](), np.eye(len(chosen), dtype=np.bool_)
        for place, row in enumerate(chosen):
            if self.rows.facets and rng.random() < self.facet_share:
                query, hits = self._facet_query(row, chosen, rng)
            else:
                query, hits = self._word_query(row, chosen, rng)
            queries.append(query)
            positives[place] |= hits
        return queries, positives

    def _facet_query(
        self, row: int, chosen: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[list[str], NDArray[np.bool_]]:
        known = [i for i, facet in enumerate(self.rows.facets) if facet.codes[row] >= 0]
        count = min(len(known), int(rng.integers(1, QUERY_WORDS)))
        picked: list[int] = rng.choice(known, size=count, replace=False).tolist() if known else []
        hits = np.ones(len(chosen), dtype=np.bool_)
        query: list[str] = []
        for i in picked:
            codes = self.rows.facets[i].codes
            hits &= codes[chosen] == codes[row]
            query += self._facet_tokens[i][codes[row]]
        return query, hits

    def _word_query(
        self, row: int, chosen: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[list[str], NDArray[np.bool_]]:
        tokens = self._wording(row, rng) or self.rows.tokens[row]
        count = min(len(tokens), int(rng.integers(1, QUERY_WORDS + 1)))
        places = rng.choice(len(tokens), size=count, replace=False).tolist() if count else []
        query = [tokens[place] for place in sorted(places)]
        words = set(query)
        hits = np.array([words <= self._words[other] for other in chosen])
        return query, hits


def _hide(
    has_image: NDArray[np.bool_],
    has_text: NDArray[np.bool_],
    share: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Hide one modality of ``share`` of the products that have both."""
    draw = rng.random(len(has_image))
    both = has_image & has_text
    return has_image & ~(both & (draw < share / 2)), has_text & ~(both & (draw > 1 - share / 2))
