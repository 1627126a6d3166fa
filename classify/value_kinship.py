"""Values that are alike in name: what is learned of one is a hint for the other.

``Menswear > Accessories > Belt`` has a handful of products, but all belts and all menswear tell of
it; so does every blue of ``Light Blue``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classify.lexical_view import HAN_RUN
from core_embeddings.columns import LEVEL_SEPARATOR

_WORD: Final = re.compile(r"[^\W_]+")


def kinship(values: Sequence[str]) -> NDArray[np.float64] | None:
    """Return how much weights of two values should resemble each other.

    Every value is described by itself and by what it has in common with others: the start of its
    path, a level of it, a word in a level (of Chinese, a pair of characters). The weights of a
    value are thought of as the sum of the weights of its parts, each with the same penalty; then
    two values are as akin as they have parts in common, and a value to itself one more than it has.

    Returns
    -------
    ndarray of shape (n_values, n_values) or None
        Symmetric, positive definite; ``None`` where no two values have anything in common.

    References
    ----------
    Evgeniou and Pontil 2004, *Regularized multi-task learning*.

    Examples
    --------
    >>> kinship(["Light Blue", "Dark Blue", "Red"])
    array([[2., 1., 0.],
           [1., 2., 0.],
           [0., 0., 1.]])
    """
    parts = [set(_parts(value)) for value in values]
    counts = Counter(part for own in parts for part in own)
    common = sorted(part for part, count in counts.items() if 1 < count < len(values))
    if not common:
        return None
    column = {part: at for at, part in enumerate(common)}
    has = np.zeros((len(values), len(common)))
    for row, own in enumerate(parts):
        has[row, [column[part] for part in own if part in column]] = 1
    return has @ has.T + np.eye(len(values))


def _parts(value: str) -> Iterator[tuple[str, str]]:
    levels = value.split(LEVEL_SEPARATOR)
    for depth in range(1, len(levels)):
        yield "path", LEVEL_SEPARATOR.join(levels[:depth])
    for level in levels:
        yield "level", level
        for word in _WORD.findall(level.lower()):
            yield "word", word
        for run in HAN_RUN.findall(level):
            yield from (("word", first + second) for first, second in pairwise(run))
