"""Spelling slips: an unknown word is read as the known word it most likely was meant to be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SHORTEST: Final = 4
"""Letters of the shortest word that is corrected: of three, any one is a step from ten others."""
TWO_SLIPS: Final = 8
"""Letters from which on two slips are forgiven."""

_WORD: Final = re.compile(r"[^\W\d_]+")
_UNSPELLED: Final = re.compile(r"[\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]")
"""Scripts whose words are not spelled letter by letter."""
_LETTERS: Final = 64
_FIRST_LETTER: Final = 3.0
"""How many times e more likely a slip behind the first letter is than one of it."""


class Speller:
    """Correct words against the words of a catalogue.

    A plural is read as the singular where only that is known, and the other way round. Other
    slips are a letter left out, added or mistaken, or two neighbours swapped (optimal string
    alignment). Of several known words the one with fewest slips is taken, then the likeliest: by
    frequency, and with the same first letter, which people seldom miss. Known words, numbers, model
    numbers, Chinese, Japanese and Korean words are never changed.

    Parameters
    ----------
    counts
        Known words and how often each occurs.
    genuine
        Tells of other words whether they surely are words: those are no slips of known ones, though
        they may be their plural.

    References
    ----------
    Norvig: How to write a spelling corrector. 2007. Boytsov: Indexing methods for approximate
    dictionary searching. ACM JEA 16, 2011.
    """

    def __init__(
        self, counts: Mapping[str, float], *, genuine: Callable[[str], bool] | None = None
    ) -> None:
        self._genuine = genuine
        self._counts = dict(counts)
        self._words = sorted(word for word in counts if _is_spelled(word))
        self._weights = np.log1p(np.array([counts[word] for word in self._words], dtype=float))
        self._lengths = np.array([len(word) for word in self._words], dtype=np.int16)
        self._bags = np.array([_bag(word) for word in self._words], dtype=np.int8).reshape(
            -1, _LETTERS
        )

    def __call__(self, tokens: Sequence[str]) -> list[str]:
        """Return the tokens, slips corrected."""
        return [self.correct(token) for token in tokens]

    def correct(self, word: str) -> str:
        """Return the known word that was meant, or the word itself."""
        if word in self._counts or len(word) < SHORTEST or not _is_spelled(word):
            return word
        for form in other_number(word):
            if self._counts.get(form, 0) >= 1:
                return form
        if self._genuine is not None and self._genuine(word):
            return word
        for slips in (1, 2) if len(word) >= TWO_SLIPS else (1,):
            found = [
                (self._likelihood(place, word), self._words[place])
                for place in self._candidates(word, slips)
                if slips_between(word, self._words[place]) <= slips
            ]
            if found:
                return max(found)[1]
        return word

    def _candidates(self, word: str, slips: int) -> list[int]:
        """Return the words that may be that close: a slip moves at most two letters of the bag."""
        near = np.abs(self._lengths - len(word)) <= slips
        places = np.flatnonzero(near)
        moved = np.abs(self._bags[places] - _bag(word)).sum(axis=1)
        return places[moved <= 2 * slips].tolist()

    def _likelihood(self, place: int, word: str) -> float:
        return float(self._weights[place]) + _FIRST_LETTER * (self._words[place][0] == word[0])


def other_number(word: str) -> list[str]:
    """Return what may be the singular of an English plural, or the plural of a singular."""
    if word.endswith("s"):
        return [word[:-1], word.removesuffix("es"), word.removesuffix("ies") + "y"]
    return [word + "s", word + "es", word.removesuffix("y") + "ies"]


def slips_between(one: str, other: str) -> int:
    """Return the optimal string alignment distance of two words.

    >>> slips_between("shrit", "shirt"), slips_between("jens", "jeans")
    (1, 1)
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        oldest, before, row = before, row, [i]
        for j, another in enumerate(other, start=1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != another))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == another:
                best = min(best, oldest[j - 2] + 1)
            row.append(best)
    return row[-1]


def _is_spelled(word: str) -> bool:
    return _WORD.fullmatch(word) is not None and _UNSPELLED.search(word) is None


def _bag(word: str) -> NDArray[np.int8]:
    """Count the letters of a word, those that share a bucket together."""
    codes = np.fromiter(map(ord, word), dtype=np.int64, count=len(word)) % _LETTERS
    return np.bincount(codes, minlength=_LETTERS).astype(np.int8)
