"""The linear twin of the trained vector: pictures and words in one space, found in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_embeddings.canonical_correlation import CanonicalCorrelation, Matrix
from core_embeddings.word_counts import WordCounts

Floats = NDArray[np.float32]

WIDTH = 64
"""Canonical directions kept."""
MAIN = 400
"""Main directions of either side that correlations are looked for in."""
RIDGE = 0.1
FEWEST = 50
"""Products with picture and text that it takes."""


@dataclass(frozen=True)
class LinearTwin:
    """Canonical correlation of frozen picture features and TF-IDF, each direction weighed by it.

    Where a network learns a few thousand pairs by heart, these two linear maps cannot: they know
    less of labels and more of which picture goes with which words.

    Attributes
    ----------
    image_centre, image_map
        Shapes (p,) and (p, d): features to the shared space.
    text_weights, text_shift, text_map
        Weight of each word, (1 + n_words,); shape (d,); shape (1 + n_words, d).

    References
    ----------
    Hotelling, 1936; Gong, Ke, Isard, Lazebnik, "A Multi-View Embedding Space for Modeling Internet
    Images, Tags, and Their Semantics", 2014 (weighed directions, cosine).
    """

    image_centre: Floats
    image_map: Floats
    text_weights: Floats
    text_shift: Floats
    text_map: Floats

    @classmethod
    def fit(
        cls,
        features: Floats,
        token_lists: Sequence[Sequence[str]],
        rows: Mapping[str, int],
        *,
        seed: int = 0,
    ) -> LinearTwin | None:
        """Learn from products that have both.

        Parameters
        ----------
        features
            Frozen picture features of shape (n, p).
        token_lists
            Their texts.
        rows
            Column of each known word (see `WordCounts.of`).
        seed
            Of the random start that the main directions are found from.

        Returns
        -------
        The twin, or None where there are fewer than `FEWEST` products, or where the words they have
        in common, or their features, do not span 2 directions.
        """
        counts = WordCounts.of(token_lists, rows)
        weights = counts.rarity()
        most = min(len(features) - 1, features.shape[1] - 1, int((weights > 0).sum()) - 1)
        if len(features) < FEWEST or most < 2:
            return None
        centre, spread = features.mean(0), features.std(0).clip(1e-3)
        left = _main_directions((features - centre) / spread, min(MAIN, most), seed)
        told = counts.weighed(weights).sparse()
        right = _main_directions(told, min(MAIN, most), seed)
        found = CanonicalCorrelation.fit(
            np.asarray(((features - centre) / spread) @ left, dtype=np.float64),
            np.asarray(told @ right, dtype=np.float64),
            components=min(WIDTH, left.shape[1], right.shape[1]),
            regularisation=RIDGE,
        )
        heard = found.correlations
        return cls(
            centre.astype(np.float32),
            (left @ (found.left * heard) / spread[:, None]).astype(np.float32),
            weights,
            (found.right_mean @ found.right * heard).astype(np.float32),
            (right @ (found.right * heard)).astype(np.float32),
        )

    @property
    def width(self) -> int:
        """Numbers per vector, d."""
        return self.image_map.shape[1]

    def see(self, features: Floats) -> Floats:
        """Return unit vectors of pictures, (n, d)."""
        return unit((features - self.image_centre) @ self.image_map)

    def read(
        self,
        token_lists: Sequence[Sequence[str]],
        rows: Mapping[str, int],
        readings: Mapping[str, Sequence[int]],
    ) -> Floats:
        """Return unit vectors of texts, (n, d); zero rows where no word is known."""
        told = WordCounts.of(token_lists, rows, readings).weighed(self.text_weights)
        return unit(told.times(self.text_map) - self.text_shift) * told.told()[:, None]


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Bring rows to unit length; a zero row stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def _main_directions(rows: Matrix | Floats, count: int, seed: int) -> Matrix:
    """Return the ``count`` directions that rows (n, p) differ most in, of shape (p, count).

    References
    ----------
    Halko, Martinsson, Tropp, "Finding Structure with Randomness", 2011.
    """
    from sklearn.utils.extmath import randomized_svd

    _, _, directions = randomized_svd(rows, count, random_state=seed)
    return np.asarray(directions.T, dtype=np.float64)
