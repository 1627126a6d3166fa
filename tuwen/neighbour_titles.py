"""A title made of the words that likely neighbours' titles have in common.

Each neighbour votes for the words of its title. What only one of them says is its own affair: brand
names, names of lines, numbers and sizes are never taken over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from classify.lexical_view import HAN_RUN
from tuwen.reason_words import Tokenize, pieces

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
"""Chinese is what has a Chinese character in it; ``en`` stands for everything else."""


class Title(NamedTuple):
    """A catalogue title, and the words of it that others may have: by lower-case form, in order."""

    text: str
    words: dict[str, str]


class Vote(NamedTuple):
    """A word of the new title, and the share of the votes for it."""

    word: str
    support: float


def language_of(text: str) -> Language:
    """Return ``zh`` for a text with a Chinese character, ``en`` for any other.

    >>> language_of("红色 dress"), language_of("Red dress")
    ('zh', 'en')
    """
    return "zh" if HAN_RUN.search(text) else "en"


def title_words(text: str, brand: str, tokenize: Tokenize) -> Title:
    """Return the words of a title that another product may have: no brand, nothing with digits.

    >>> title_words("Nike Men Air 90 Shoes", "Nike", str.split).words
    {'men': 'Men', 'air': 'Air', 'shoes': 'Shoes'}
    """
    own = {piece.word for piece in pieces(brand, tokenize)}
    kept = (
        piece
        for piece in pieces(text, tokenize)
        if piece.word and piece.word not in own and not any(sign.isdigit() for sign in piece.word)
    )
    return Title(text, {piece.word: piece.text for piece in kept})


def voted_title(titles: Sequence[Title], weights: Sequence[float], *, support: float) -> list[Vote]:
    """Return the words with enough votes, in the order the titles have them.

    A word must stand in two different titles: one that stands in one alone is a name.

    Parameters
    ----------
    titles, weights
        One per neighbour; weights are >= 0 and are brought to a sum of 1.
    support
        Least share of the votes, above 0.
    """
    total = sum(weights)
    if not total > 0:
        return []
    votes, place = defaultdict[str, float](float), defaultdict[str, float](float)
    spelled: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for title, weight in zip(titles, weights, strict=True):
        for at, (word, text) in enumerate(title.words.items()):
            votes[word] += weight / total
            place[word] += weight / total * (at + 1) / len(title.words)
            spelled[word][text] += weight
    texts = {title.text: title.words for title in titles}
    different = Counter(word for words in texts.values() for word in words)
    kept = [word for word in votes if votes[word] >= support and different[word] > 1]
    kept.sort(key=lambda word: (place[word] / votes[word], -votes[word], word))
    return [Vote(_usual(spelled[word]), min(1.0, votes[word])) for word in kept]


def _usual(spellings: Mapping[str, float]) -> str:
    return min(spellings, key=lambda text: (-spellings[text], text))


def joined(words: Iterable[str]) -> str:
    """Return words as one text: a space between them, but not between two Chinese ones.

    >>> joined(["New", "红色", "大衣"])
    'New 红色大衣'
    """
    return "".join(_spaced(list(words)))


def _spaced(words: list[str]) -> Iterator[str]:
    for before, word in zip(["", *words], words, strict=False):
        chinese = language_of(before[-1:]) == language_of(word[:1]) == "zh"
        yield word if not before or chinese else f" {word}"
