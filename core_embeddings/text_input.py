"""From text to the tensors a text tower reads: tokens, rows, pretrained vectors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_embeddings.foreign_words import ForeignWords
from core_embeddings.spelling import Speller
from core_embeddings.text import Tokenizer
from core_embeddings.text_tower import TextBatch
from core_embeddings.vocabulary import Vocabulary
from core_embeddings.word_vectors import WordVectors

MOST = 1e4
"""Count of the most frequent word, and of those that name values: people search by them."""

LONGEST = 256
"""Tokens of a text that are counted where they are only counted."""

_FIRST_RARE, _RARE = 0x3400, 6_000  # CJK extension A: real characters, in no product text


class TextInput:
    """Tokenizer, vocabulary and pretrained word vectors together.

    Parameters
    ----------
    tokenizer, vocabulary
        How text becomes embedding rows.
    priors
        Pretrained vectors of the vocabulary's words, float32 of shape (1 + n_words, prior_size)
        with a zero row for padding; None for none.
    word_vectors
        Where an unseen word's vector comes from; without it such a word has its n-grams alone.
    max_tokens
        Tokens kept per text.
    named
        Words that name values of fields: what a word of another language is likely to mean.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        vocabulary: Vocabulary,
        *,
        priors: NDArray[np.float32] | None,
        word_vectors: WordVectors | None,
        max_tokens: int,
        named: Collection[str] = (),
    ) -> None:
        self.named = frozenset(tokenizer(" , ".join(named)))
        self.tokenizer = tokenizer
        self.vocabulary = vocabulary
        self.priors = priors
        self.max_tokens = max_tokens
        self._word_vectors = word_vectors
        self._remembered: dict[str, NDArray[np.float32]] = {}
        self.rows = {word: row for row, word in enumerate(vocabulary.words, start=1)}

    @property
    def prior_size(self) -> int:
        """Width of the pretrained vectors, 0 for none."""
        return 0 if self.priors is None else self.priors.shape[1]

    @property
    def word_vectors_name(self) -> str | None:
        """What `load_word_vectors` needs to find the pretrained vectors again."""
        return None if self._word_vectors is None else self._word_vectors.name

    def remember(self, tokens: Iterable[str]) -> None:
        """Look up the vectors of unseen words once and for all.

        An encoder's answer for a word depends, in its last bits, on the words it is asked together
        with. Training that is cut and continued meets its unseen words in another order; with all
        of them asked at the start it ends in the same weights.
        """
        unseen = sorted(set(self.vocabulary.unseen(tokens)))
        if unseen and self._word_vectors is not None:
            vectors = self._word_vectors.vectors(unseen)
            self._remembered.update(zip(unseen, vectors, strict=True))

    def spelled(self, texts: Sequence[str]) -> list[str]:
        """Return what was meant by texts that people typed: slips in unknown words corrected."""
        lists = self.tokens(texts)  # what stands behind them is not read
        if self._word_vectors is not None:
            self._word_vectors.expect(self.vocabulary.unseen(chain.from_iterable(lists)))
        return [self._spelled(*pair) for pair in zip(texts, lists, strict=True)]

    def _spelled(self, text: str, tokens: list[str]) -> str:
        meant = self._speller(tokens)
        return text if meant == tokens else " ".join(meant)

    @cached_property
    def _speller(self) -> Speller:
        # Words stand by frequency, and the count of a word goes down as its rank goes up (Zipf).
        common = {word: MOST / rank for rank, word in enumerate(self.vocabulary.words, start=1)}
        common |= dict.fromkeys(self.named & common.keys(), MOST)
        genuine = None if self._word_vectors is None else self._word_vectors.knows
        return Speller(dict.fromkeys(self.vocabulary.rare, 0.0) | common, genuine=genuine)

    @cached_property
    def foreign_words(self) -> ForeignWords | None:
        """How words of another language are read, or None where they stay what they are."""
        if self.priors is None or self._word_vectors is None or not self.vocabulary.words:
            return None
        words, priors = self.vocabulary.words, self.priors[1:]
        return ForeignWords(words, priors, self._word_vectors, named=self.named)

    def tokens(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each text, cut to ``max_tokens``."""
        return self.tokenizer.many(texts, limit=self.max_tokens)

    def long_tokens(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each text, cut to `LONGEST`: for what has no RNN to wait for."""
        return self.tokenizer.many(texts, limit=max(LONGEST, self.max_tokens))

    def batch(
        self,
        token_lists: Sequence[Sequence[str]],
        *,
        hidden_share: float = 0.0,
        foreign_share: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> TextBatch:
        """Return tensors for token lists, some words disguised while training.

        Parameters
        ----------
        token_lists
            Tokens per text.
        hidden_share
            Share of the known words that pass as unseen and are read by their n-grams.
        foreign_share
            Share of all words that keep their pretrained vector and lose everything else, as a
            word of another language does. Nothing where there are no pretrained vectors.
        rng
            Source of chance for both.
        """
        spelled = token_lists
        if rng is not None and foreign_share > 0 and self.priors is not None:
            spelled = [_disguised(tokens, foreign_share, rng) for tokens in token_lists]
        flat = [token for tokens in token_lists for token in tokens[: self.max_tokens]]
        readings = self.readings(flat) if rng is None else {}
        encoded = self.vocabulary.encode_batch(
            spelled,
            max_tokens=self.max_tokens,
            hidden_share=hidden_share,
            rng=rng,
            readings=readings,
        )
        return TextBatch(
            torch.from_numpy(encoded.ids),
            torch.from_numpy(encoded.token_offsets),
            torch.from_numpy(encoded.lengths),
            self._token_priors(flat, readings),
        )

    def readings(self, tokens: Sequence[str]) -> dict[str, list[int]]:
        """Return the rows that stand in for words of another language."""
        unseen = self.vocabulary.unseen(tokens)
        if not unseen or self.foreign_words is None:
            return {}
        foreign = [word for word in unseen if self.foreign_words.is_foreign(word)]
        if not foreign:
            return {}
        vectors = self._vectors(foreign)
        found = self.foreign_words.readings(foreign, np.stack([vectors[word] for word in foreign]))
        return {word: (places + 1).tolist() for word, places in found.items()}

    def meanings(self, tokens: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Return unit vectors of unseen words, their language taken away; none without vectors."""
        unseen = self.vocabulary.unseen(tokens)
        if not unseen or self.foreign_words is None:
            return {}
        vectors = self._vectors(unseen)
        told = self.foreign_words.centred(unseen, np.stack([vectors[word] for word in unseen]))
        return dict(zip(unseen, told, strict=True))

    def mean_priors(self, token_lists: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """Return the mean pretrained vector of each text, (n, prior_size), zeros for none."""
        result = np.zeros((len(token_lists), self.prior_size), dtype=np.float32)
        for row, tokens in enumerate(token_lists):
            priors = self._token_priors(list(tokens[: self.max_tokens]))
            if priors is not None and len(priors):
                result[row] = priors.mean(0).numpy()
        return result

    def _token_priors(
        self, tokens: Sequence[str], readings: Mapping[str, Sequence[int]] | None = None
    ) -> Tensor | None:
        if self.priors is None:
            return None
        rows = np.fromiter((self.rows.get(token, 0) for token in tokens), np.int64, len(tokens))
        priors = self.priors[rows]
        unseen = self.vocabulary.unseen(tokens)
        if unseen and self._word_vectors is not None:
            vectors = self._vectors(unseen)
            for word, places in (readings or {}).items():
                vectors[word] = self.priors[places].mean(axis=0)
            for row in np.flatnonzero(rows == 0).tolist():
                priors[row] = vectors[tokens[row]]
        return torch.from_numpy(priors)

    def _vectors(self, words: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        found = {word: self._remembered[word] for word in words if word in self._remembered}
        new = [word for word in words if word not in found]
        if new and self._word_vectors is not None:
            found.update(zip(new, self._word_vectors.vectors(new), strict=True))
        return found


def _disguised(tokens: Sequence[str], share: float, rng: np.random.Generator) -> Sequence[str]:
    """Replace a share of the tokens by words nobody writes: two rare Han characters each."""
    chosen = np.flatnonzero(rng.random(len(tokens)) < share)
    if not len(chosen):
        return tokens
    spelled = list(tokens)
    for place, (one, two) in zip(
        chosen.tolist(), rng.integers(_RARE, size=(len(chosen), 2)).tolist(), strict=True
    ):
        spelled[place] = chr(_FIRST_RARE + one) + chr(_FIRST_RARE + two)
    return spelled


def build_text_input(
    texts: Sequence[str],
    tokenizer: Tokenizer,
    *,
    names: Sequence[str] = (),
    named: Collection[str] = (),
    word_vectors: WordVectors | None,
    min_count: int,
    max_words: int,
    buckets: int,
    max_tokens: int,
) -> TextInput:
    """Build the vocabulary of training texts and look its words up in the pretrained vectors.

    Words of ``names`` (categories, attribute values) are always known: people search by them even
    where no title has them. ``named`` are those among them that are values of fields.
    """
    tokens = [*tokenizer.many(texts), *tokenizer.many(names) * min_count]
    vocabulary = Vocabulary.build(
        tokens,
        min_count=min_count,
        max_words=max_words,
        buckets=buckets,
    )
    priors = None
    if word_vectors is not None:
        known = word_vectors.vectors(list(vocabulary.words))
        padding = np.zeros((1, word_vectors.size), dtype=np.float32)
        # float16 is what is saved; training sees the same numbers as every later load.
        priors = np.vstack([padding, known]).astype(np.float16).astype(np.float32)
    text_input = TextInput(
        tokenizer,
        vocabulary,
        priors=priors,
        word_vectors=word_vectors,
        max_tokens=max_tokens,
        named=named,
    )
    text_input.remember(token for several in tokens for token in several)
    return text_input
