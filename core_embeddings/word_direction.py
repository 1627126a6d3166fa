"""What words mean before any product is seen: the mean pretrained vector, and a picture's guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.linear_twin import unit
from core_embeddings.word_counts import WordCounts

Floats = NDArray[np.float32]

WIDTH = 128
"""Main directions kept of the pretrained vectors."""
FEWEST = 50
"""Products with a text that it takes."""


@dataclass(frozen=True)
class WordDirection:
    """Mean of centred pretrained word vectors, rare words counting more; guessed from pictures.

    A network that learned from a thousand texts has forgotten most of what the vectors of words it
    began with mean; this part of a vector has not.

    Attributes
    ----------
    word_map
        What each known word adds, (1 + n_words, d).
    basis
        Centred pretrained vectors, of unit length, to the shared space, (size, d).
    unseen
        Weight of a word that no training text has, of shape (1,).
    image_centre, image_map, image_shift
        Shapes (p,), (p, d) and (d,): frozen features to the guess; p = 0 where nothing is guessed.

    References
    ----------
    Arora, Liang, Ma, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", 2017; Frome et
    al., "DeViSE: A Deep Visual-Semantic Embedding Model", 2013 (the guess).
    """

    word_map: Floats
    basis: Floats
    unseen: Floats
    image_centre: Floats
    image_map: Floats
    image_shift: Floats

    @classmethod
    def fit(
        cls,
        features: Floats,
        seen: NDArray[np.bool_],
        token_lists: Sequence[Sequence[str]],
        rows: Mapping[str, int],
        known: Floats,
    ) -> WordDirection | None:
        """Learn what texts differ in, and what of it pictures tell.

        Parameters
        ----------
        features
            Frozen picture features of shape (n, p); p = 0 for none.
        seen
            bool of shape (n,): which products have a picture.
        token_lists
            Their texts.
        rows
            Place of each known word in ``known``.
        known
            Pretrained vectors of the known words, centred, unit rows, (1 + n_words, size).

        Returns
        -------
        The model, or None where fewer than `FEWEST` products have a word with a vector.
        """
        counts = WordCounts.of(token_lists, rows)
        weights = counts.rarity()
        unseen = float(weights.max(initial=1.0))
        weights = np.where(weights > 0, weights, unseen)
        weighed = known * weights[:, None]
        texts = unit(counts.times(weighed))
        told = texts.any(1)
        if told.sum() < FEWEST:
            return None
        basis = _main_directions(texts[told])
        return cls(
            np.asarray(weighed @ basis, dtype=np.float32),
            basis,
            np.array([unseen], dtype=np.float32),
            *_regression(features[told & seen], unit(texts @ basis)[told & seen]),
        )

    @property
    def width(self) -> int:
        """Numbers per vector, d."""
        return self.basis.shape[1]

    def read(
        self,
        token_lists: Sequence[Sequence[str]],
        rows: Mapping[str, int],
        others: Mapping[str, Floats],
    ) -> Floats:
        """Return unit vectors of texts, (n, d); zero rows where no word has a vector.

        Parameters
        ----------
        token_lists
            Tokens per text.
        rows
            Place of each known word.
        others
            Pretrained vectors of the other words, centred, of unit length.
        """
        sums = WordCounts.of(token_lists, rows).times(self.word_map)
        for text, tokens in enumerate(token_lists):
            new = [others[token] for token in tokens if token in others]
            if new:
                sums[text] += self.unseen * (np.sum(new, axis=0) @ self.basis)
        return unit(sums)

    def see(self, features: Floats) -> Floats:
        """Return unit vectors guessed from pictures, (n, d); zero rows where it cannot guess."""
        if not self.image_map.size:
            return np.zeros((len(features), self.width), dtype=np.float32)
        return unit((features - self.image_centre) @ self.image_map + self.image_shift)


def _main_directions(texts: Floats) -> Floats:
    """Return the directions that texts (n, size) differ most in, of shape (size, d)."""
    centred = texts - texts.mean(0)
    values, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    order = np.argsort(-values, kind="stable")[: min(WIDTH, texts.shape[1])]
    return np.asarray(vectors[:, order], dtype=np.float32)


class _Regression(NamedTuple):
    """Centre (p,), map (p, d) and shift (d,) of a guess."""

    centre: Floats
    map: Floats
    shift: Floats


def _regression(features: Floats, targets: Floats) -> _Regression:
    """Return a ridge regression on standardised features, the penalty being n."""
    width = targets.shape[1]
    if len(features) < FEWEST or not features.shape[1]:
        nothing = np.zeros((0, width), dtype=np.float32)
        return _Regression(nothing[:, 0], nothing, np.zeros(width, dtype=np.float32))
    centre, spread = features.mean(0), features.std(0).clip(1e-3)
    rows = ((features - centre) / spread).astype(np.float64)
    inner = rows.T @ rows + len(rows) * np.eye(rows.shape[1])
    shift = targets.mean(0)
    found = np.linalg.solve(inner, rows.T @ (targets - shift)) / spread[:, None]
    return _Regression(centre, found.astype(np.float32), shift)
