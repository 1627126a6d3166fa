"""How each language of a catalogue says a value of a field: ``red`` is 红色 where titles say so."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from core_embeddings.columns import LEVEL_SEPARATOR, Columns
from tuwen.neighbour_titles import Language, language_of

COINCIDENCE: Final = 0.5
"""Least Dice coefficient of a word and a value: how often one goes with the other."""
FEWEST: Final = 3
"""Products that must have a value and a word in common."""
_NAMES_ZH: Final[Mapping[str, str]] = {
    "category": "类别",
    "color": "颜色",
    "colour": "颜色",
    "gender": "性别",
    "material": "材质",
    "pattern": "图案",
    "season": "季节",
    "size": "尺寸",
    "style": "风格",
    "usage": "用途",
}


def coinciding_words(words: Sequence[Sequence[str]], values: Sequence[str]) -> dict[str, str]:
    """Return the word that goes with each value, where there is one.

    Parameters
    ----------
    words
        Different words of each product's text in one language.
    values
        Its value, "" for none.

    Returns
    -------
    dict
        By value the word of the highest Dice coefficient, 2 · both / (word + value), ties by word;
        values without one of `COINCIDENCE` at least are left out.
    """
    with_word, with_value = Counter[str](), Counter[str]()
    both: dict[str, Counter[str]] = defaultdict(Counter)
    for own, value in zip(words, values, strict=True):
        with_word.update(own)
        with_value[value] += 1
        both[value].update(own)
    found = {}
    for value in sorted(set(with_value) - {""}):
        dice = {
            word: 2 * count / (with_word[word] + with_value[value])
            for word, count in both[value].items()
            if count >= FEWEST
        }
        best = min(dice, key=lambda word: (-dice[word], word), default="")
        if best and dice[best] >= COINCIDENCE:
            found[value] = best
    return found


def in_words(value: str, language: Language, known: Mapping[str, str]) -> str:
    """Return a value as a language says it, "" where nobody knows.

    The last level of a path stands for it. A value that is written in the language stays.
    """
    last = value.split(LEVEL_SEPARATOR)[-1]
    return last if language_of(last) == language else known.get(value, "")


def sentence(told: Mapping[str, str], language: Language) -> str:
    """Return values by field as a text.

    >>> sentence({"category": "Dress", "color_master": "Red"}, "en")
    'Dress. Color master: Red.'
    >>> sentence({"color": "红色"}, "zh")
    '颜色：红色。'
    """
    if language == "zh":
        return "".join(f"{_NAMES_ZH.get(name, name)}：{value}。" for name, value in told.items())
    kind = [f"{told[Columns.CATEGORY]}."] if Columns.CATEGORY in told else []
    others = [(name, value) for name, value in told.items() if name != Columns.CATEGORY]
    spoken = [f"{name.replace('_', ' ').capitalize()}: {value}." for name, value in others]
    return " ".join([*kind, *spoken])
