"""Tokens to embedding rows: one for each known word, shared n-gram rows for unseen words."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from core_embeddings.errors import ArtefactError, ConfigError
from core_embeddings.text import RULES

PADDING: Final = 0
"""The embedding row that no token has."""

_VERSION: Final = 1
_LONGEST: Final = 24
"""Characters of an unseen word that count: a bound on work, longer than any product word."""


class EncodedBatch(NamedTuple):
    """Texts as embedding rows, in the layout of ``torch.nn.EmbeddingBag(mode="mean")``.

    Attributes
    ----------
    ids
        Embedding rows of all tokens, one after another, int64 of shape (n_ids,).
    token_offsets
        Where each token's rows begin in ``ids``, int64 of shape (n_tokens,); every token has at
        least one.
    lengths
        Tokens per text, int64 of shape (n_texts,); 0 for a text without tokens.
    """

    ids: NDArray[np.int64]
    token_offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """The words a model knows, and hashed n-gram buckets for those it does not.

    Row 0 is padding, rows 1 … n_words are the words, and ``buckets`` rows follow. An unseen word is
    the mean of the rows of its character n-grams, as in FastText, so that it has an answer of its
    own: n-grams of 3 and 4 characters of ``<word>``, or single characters and pairs for a word with
    Han characters, whose parts carry meaning alone. Words left out by ``min_count`` train the
    buckets.

    Parameters
    ----------
    words
        Known words; the first has row 1.
    buckets
        How many rows the n-grams share.
    rare
        Words that were met too seldom to have a row: no spelling slips, all the same.
    rules
        Version of the tokenizer's rules that the words are cut by.

    Raises
    ------
    ConfigError
        If a word repeats, or ``buckets`` < 1.

    References
    ----------
    Bojanowski, Grave, Joulin, Mikolov: Enriching word vectors with subword information. TACL 5,
    2017.
    """

    words: tuple[str, ...]
    buckets: int = 2_000
    rare: tuple[str, ...] = ()
    rules: int = RULES
    _rows: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = {word: row for row, word in enumerate(self.words, start=1)}
        if len(rows) != len(self.words):
            raise ConfigError(
                f"words of a vocabulary must be unique; {len(self.words) - len(rows)} of "
                f"{len(self.words)} repeat"
            )
        if self.buckets < 1:
            raise ConfigError(f"buckets must be at least 1; got {self.buckets}")
        object.__setattr__(self, "_rows", rows)

    @classmethod
    def build(
        cls,
        token_lists: Iterable[Iterable[str]],
        *,
        min_count: int = 2,
        max_words: int = 50_000,
        buckets: int = 2_000,
    ) -> Vocabulary:
        """Collect the most frequent words of training texts, ties in alphabetical order.

        Parameters
        ----------
        token_lists
            Tokens per text.
        min_count
            How often a word must occur to be known, at least 1.
        max_words
            The most words to keep, at least 0.
        buckets
            Rows for the n-grams of unseen words, at least 1.

        Raises
        ------
        ConfigError
            If a setting is out of its range.
        """
        if min_count < 1 or max_words < 0:
            raise ConfigError(
                "min_count must be at least 1 and max_words at least 0; "
                f"got {min_count} and {max_words}"
            )
        counts = Counter(token for tokens in token_lists for token in tokens)
        frequent = [item for item in counts.items() if item[1] >= min_count]
        frequent.sort(key=lambda item: (-item[1], item[0]))
        words = tuple(word for word, _ in frequent[:max_words])
        rare = sorted(word for word, count in counts.items() if count < min_count)
        return cls(words, buckets, tuple(rare[:max_words]))

    @property
    def size(self) -> int:
        """Rows an embedding needs: padding, words, buckets."""
        return 1 + len(self.words) + self.buckets

    def __contains__(self, word: object) -> bool:
        return word in self._rows

    def unseen(self, tokens: Iterable[str]) -> list[str]:
        """Return the distinct tokens without a row of their own, by first appearance."""
        return list(dict.fromkeys(token for token in tokens if token not in self._rows))

    def bucket_rows(self, word: str) -> list[int]:
        """Return the rows of a word's character n-grams, known word or not; never empty."""
        first = 1 + len(self.words)
        grams = (gram.encode("utf-8", "surrogatepass") for gram in _ngrams(word))
        return [first + zlib.crc32(gram) % self.buckets for gram in grams]

    def encode_batch(
        self,
        token_lists: Sequence[Sequence[str]],
        *,
        max_tokens: int | None = None,
        hidden_share: float = 0.0,
        rng: np.random.Generator | None = None,
        readings: Mapping[str, Sequence[int]] | None = None,
    ) -> EncodedBatch:
        """Return texts as embedding rows.

        Parameters
        ----------
        token_lists
            Tokens per text.
        max_tokens
            Tokens kept per text, from the start; None keeps all.
        hidden_share
            Share of known tokens encoded as if unseen, 0 … 1, so that training reaches the buckets
            too; more than 0 needs ``rng``.
        rng
            Source of chance for ``hidden_share``.
        readings
            Rows of unseen words that are better read by those than by their n-grams.

        Raises
        ------
        ConfigError
            If ``max_tokens`` < 1, or ``hidden_share`` is out of its range or lacks ``rng``.
        """
        if max_tokens is not None and max_tokens < 1:
            raise ConfigError(f"max_tokens must be at least 1, or None; got {max_tokens}")
        if not 0 <= hidden_share <= 1 or (hidden_share > 0 and rng is None):
            raise ConfigError(
                f"hidden_share must be in 0 … 1, and needs rng above 0; got {hidden_share}"
            )
        kept = [tokens[:max_tokens] for tokens in token_lists]
        lengths = np.fromiter(map(len, kept), dtype=np.int64, count=len(kept))
        flat = [token for tokens in kept for token in tokens]
        rows = np.array([self._rows.get(token, PADDING) for token in flat], dtype=np.int64)
        if rng is not None and hidden_share > 0:
            rows[rng.random(len(rows)) < hidden_share] = PADDING
        return EncodedBatch(*self._open_unseen(rows, flat, readings or {}), lengths)

    def encode(self, tokens: Sequence[str], *, max_tokens: int | None = None) -> EncodedBatch:
        """Return one text as a batch of one."""
        return self.encode_batch([tokens], max_tokens=max_tokens)

    def _open_unseen(
        self,
        rows: NDArray[np.int64],
        tokens: Sequence[str],
        readings: Mapping[str, Sequence[int]],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Replace each padding row by its token's rows; return rows and token offsets."""
        places = np.flatnonzero(rows == PADDING)
        words = [tokens[place] for place in places.tolist()]
        grams = [readings[word] if word in readings else self.bucket_rows(word) for word in words]
        widths = np.ones(len(rows), dtype=np.int64)
        widths[places] = [len(gram) for gram in grams]
        ids = np.repeat(rows, widths)
        ids[ids == PADDING] = [row for gram in grams for row in gram]
        return ids, np.cumsum(widths) - widths

    def to_dict(self) -> dict[str, Any]:
        """Return the vocabulary as JSON-able values; ``from_dict`` gives it back."""
        saved = {"version": _VERSION, "buckets": self.buckets, "words": list(self.words)}
        # Absent where they say nothing, as in folders from before they were written.
        saved |= {"rare": list(self.rare)} if self.rare else {}
        return saved | ({"rules": self.rules} if self.rules > 1 else {})

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Vocabulary:
        """Rebuild a saved vocabulary.

        Raises
        ------
        ArtefactError
            If the values are of another version or damaged.
        """
        if saved.get("version") != _VERSION:
            raise ArtefactError(
                f"expected a vocabulary of version {_VERSION}; got {saved.get('version')!r}; "
                "fit the shop again with this version of tuwen"
            )
        words, buckets, rare = saved.get("words"), saved.get("buckets"), saved.get("rare", [])
        if not _is_texts(words) or not isinstance(buckets, int) or not _is_texts(rare):
            raise ArtefactError(
                "expected a vocabulary with 'words' (a list of text) and 'buckets' (a number); got"
                f" {sorted(saved)}; the file is damaged, fit the shop again"
            )
        try:
            return cls(tuple(words), buckets, tuple(rare), int(saved.get("rules", 1)))
        except ConfigError as error:
            raise ArtefactError(f"{error}; the file is damaged, fit the shop again") from None


def _is_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _ngrams(word: str) -> list[str]:
    word = word[:_LONGEST]
    if any("\u3400" <= char <= "\u9fff" or char >= "\U00020000" for char in word):
        return [*word, *(word[start : start + 2] for start in range(len(word) - 1))]
    marked = f"<{word}>"
    if len(marked) <= 3:
        return [marked]
    return [
        marked[start : start + size] for size in (3, 4) for start in range(len(marked) - size + 1)
    ]
