"""Queries as people mistype them: one random edit of a letter, repeatable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def slipped(texts: Sequence[str], *, share: float = 1 / 3, seed: int = 0) -> list[str]:
    """Return the texts, a share of them with one random edit in a word of four letters or more."""
    rng = np.random.default_rng(seed)
    found = []
    for text in texts:
        words = text.split()
        long = [i for i, word in enumerate(words) if word.isalpha() and len(word) >= 4]
        if long and rng.random() < share:
            place = int(rng.choice(long))
            words[place] = edited(words[place].lower(), rng)
        found.append(" ".join(words))
    return found


def edited(word: str, rng: np.random.Generator) -> str:
    """Drop, add, change or swap one letter."""
    place, letter = int(rng.integers(len(word) - 1)), chr(97 + int(rng.integers(26)))
    left, one, two, right = word[:place], word[place], word[place + 1], word[place + 2 :]
    edits = (left + two + right, left + letter + one + two + right)
    return [*edits, left + letter + two + right, left + two + one + right][int(rng.integers(4))]
