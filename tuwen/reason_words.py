"""The words of a product, and the product without some of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from classify.lexical_view import HAN_RUN

Tokenize = Callable[[str], Sequence[str]]

_WORD: Final = re.compile(rf"{HAN_RUN.pattern}|[^\W\u3400-\u9fff]+(?:['’.&+-][^\W\u3400-\u9fff]+)*")
_GAPS: Final = re.compile(r"[ \t]{2,}")


class Piece(NamedTuple):
    """A stretch of a text; ``word`` is its lower-case form, "" for what stands between words."""

    text: str
    word: str


def pieces(text: str, tokenize: Tokenize) -> list[Piece]:
    """Cut a text into words and what stands between; joined again they are the text.

    Runs of Chinese are cut by the tokenizer, everything else at spaces and punctuation.

    >>> pieces("Navy top.", str.split)
    [Piece(text='Navy', word='navy'), Piece(text=' ', word=''), Piece(text='top', word='top'), \
Piece(text='.', word='')]
    """
    found, end = [], 0
    for match in _WORD.finditer(text):
        if match.start() > end:
            found.append(Piece(text[end : match.start()], ""))
        found += [Piece(part, part.lower()) for part in _cut(match.group(), tokenize)]
        end = match.end()
    return [*found, Piece(text[end:], "")] if end < len(text) else found


def _cut(run: str, tokenize: Tokenize) -> list[str]:
    if HAN_RUN.fullmatch(run) is None:
        return [run]
    lengths = [len(token) for token in tokenize(run)]
    if sum(lengths) != len(run):  # the tokenizer spelled it another way
        return list(run)
    starts = [sum(lengths[:at]) for at in range(len(lengths))]
    return [run[at : at + size] for at, size in zip(starts, lengths, strict=True)]


def count_words(texts: Mapping[str, str], tokenize: Tokenize) -> Counter[str]:
    """Return how often each word stands in a product's texts, in order of appearance."""
    return Counter(
        piece.word for text in texts.values() for piece in pieces(text, tokenize) if piece.word
    )


def without_words(cut: Sequence[Piece], words: Collection[str]) -> str:
    """Return a text that was cut into pieces without some words, wherever they stand.

    >>> without_words(pieces("Navy Navy top", str.split), {"navy"})
    'top'
    """
    kept = "".join(piece.text for piece in cut if piece.word not in words)
    return _GAPS.sub(" ", kept).strip()
