"""Texts as weighed counts of known words (TF-IDF), as the closed-form models of words read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
LEAST_COMMON = 2
"""Texts a word must be in to count: a word of one text tells nothing of another."""


class WordCounts(NamedTuple):
    """Which of ``width`` words are how often in ``n`` texts: a sparse table, sorted by text.

    A table of scipy costs a single query more than all that is done with it.

    Attributes
    ----------
    texts, words, counts
        Of shape (entries,): row, column and value; no pair stands twice.
    n, width
        Shape of the table.
    """

    texts: NDArray[np.int64]
    words: NDArray[np.int64]
    counts: Floats
    n: int
    width: int

    @classmethod
    def of(
        cls,
        token_lists: Sequence[Sequence[str]],
        rows: Mapping[str, int],
        readings: Mapping[str, Sequence[int]] | None = None,
    ) -> WordCounts:
        """Count the known words of texts.

        Parameters
        ----------
        token_lists
            Tokens per text.
        rows
            Column of each known word, from 1 on; column 0 stays empty, as row 0 of a vocabulary.
        readings
            Columns that each word of another language is shared out to (see `ForeignWords`).
        """
        own, width = readings or {}, 1 + len(rows)
        found: dict[int, float] = {}
        for text, tokens in enumerate(token_lists):
            for token in tokens:
                places = (rows[token],) if token in rows else own.get(token, ())
                for place in places:
                    entry = text * width + place
                    found[entry] = found.get(entry, 0.0) + 1 / len(places)
        entries = np.fromiter(found, np.int64, len(found))
        counts = np.fromiter(found.values(), np.float32, len(found))
        return cls(entries // width, entries % width, counts, len(token_lists), width)

    def rarity(self) -> Floats:
        """Return a weight per word, (width,): the fewer texts, the more; 0 below `LEAST_COMMON`.

        The smoothed inverse document frequency, ln((1 + n) / (1 + n_word)) + 1 (Spärck Jones,
        1972).
        """
        found = np.bincount(self.words, minlength=self.width)
        weights = np.log((1 + self.n) / (1 + found)) + 1
        return np.where(found >= LEAST_COMMON, weights, 0.0).astype(np.float32)

    def weighed(self, weights: Floats) -> WordCounts:
        """Return unit rows of (1 + ln count) · weight; a text without a weighed word is zeros."""
        often = 1 + np.log(np.maximum(self.counts, 1))
        values = np.where(self.counts > 1, often, self.counts) * weights[self.words]
        squares = np.bincount(self.texts, weights=values**2, minlength=self.n)
        lengths = np.sqrt(np.maximum(squares, 1e-18))[self.texts]
        return self._replace(counts=(values / lengths).astype(np.float32))

    def times(self, matrix: Floats) -> Floats:
        """Return this table times a matrix (width, d), of shape (n, d)."""
        result = np.zeros((self.n, matrix.shape[1]), dtype=np.float32)
        if len(self.texts):
            starts = np.flatnonzero(np.diff(self.texts, prepend=-1))
            sums = np.add.reduceat(matrix[self.words] * self.counts[:, None], starts, axis=0)
            result[self.texts[starts]] = sums
        return result

    def told(self) -> NDArray[np.bool_]:
        """Return which texts have a word that counts, bool of shape (n,)."""
        return np.bincount(self.texts, weights=self.counts, minlength=self.n) > 0

    def sparse(self) -> csr_matrix:
        """Return the table as scipy has it."""
        from scipy.sparse import csr_matrix

        return csr_matrix((self.counts, (self.texts, self.words)), shape=(self.n, self.width))
