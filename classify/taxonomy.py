"""Paths: what probabilities of the leaves say of every level above them.

The probability of ``Men > Shoes`` is the sum of those of all values in it, so a parent is never
less likely than its child, whatever a model says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.columns import LEVEL_SEPARATOR

Floats = NDArray[np.float64]
LEAF: Final = 0
"""Position of the level of the values themselves; those above follow, the root last."""


class Level(NamedTuple):
    """One level of a taxonomy."""

    names: NDArray[Any]
    """Sorted starts of paths, of shape (n_nodes,)."""
    of_value: NDArray[np.int64]
    """The node each value lies in, of shape (n_values,)."""

    def sums(self, probabilities: Floats) -> Floats:
        """Return the probability of each node, of shape (n_rows, n_nodes)."""
        if np.array_equal(self.of_value, np.arange(len(self.names))):
            return probabilities
        found = np.zeros((len(probabilities), len(self.names)))
        np.add.at(found.T, self.of_value, probabilities.T)
        return found


def levels_of(values: Sequence[str]) -> tuple[Level, ...]:
    """Return the levels of distinct sorted values, the values themselves first, the roots last.

    A path that ends above a level stands for itself there. Values that are no paths have one level.

    Examples
    --------
    >>> for level in levels_of(["Gifts", "Men > Shoes", "Men > Ties"]):
    ...     print(level.names.tolist(), level.of_value.tolist())
    ['Gifts', 'Men > Shoes', 'Men > Ties'] [0, 1, 2]
    ['Gifts', 'Men'] [0, 1, 1]
    """
    depth = max((len(value.split(LEVEL_SEPARATOR)) for value in values), default=1)
    return tuple(_level(values, wanted) for wanted in range(depth, 0, -1))


def cut_path(path: str, depth: int) -> str:
    """Return the first ``depth`` levels of a path.

    >>> cut_path("Men > Shoes > Boots", 2)
    'Men > Shoes'
    """
    return LEVEL_SEPARATOR.join(path.split(LEVEL_SEPARATOR)[:depth])


def lies_in(truth: NDArray[Any], said: NDArray[Any]) -> NDArray[np.bool_]:
    """Return True where a path said is the true one or a start of it, by whole levels.

    Examples
    --------
    >>> truth = np.array(["Men > Shoes", "Men > Shoes", "Men > Shoes"], dtype=object)
    >>> lies_in(truth, np.array(["Men", "Men > Shoes", "Men > Sho"], dtype=object)).tolist()
    [True, True, False]
    """
    pairs = zip(truth.tolist(), said.tolist(), strict=True)
    right = [own == path or own.startswith(path + LEVEL_SEPARATOR) for own, path in pairs]
    return np.array(right, dtype=np.bool_)


def cheapest_values(probabilities: Floats, levels: Sequence[Level]) -> NDArray[np.int64]:
    """Return the value of least expected cost, where an error costs less the closer it is.

    A value costs the share of the levels at which it leaves the true path, so the best has the
    largest sum of its own and its ancestors' probabilities. Ties go to the first.
    """
    shared = sum(level.sums(probabilities)[:, level.of_value] for level in levels)
    best: NDArray[np.int64] = np.argmax(shared, axis=1)
    return best


def hierarchical_f1(truth: NDArray[Any], said: NDArray[Any]) -> float:
    """Return the F1 of ancestors: each path is the set of its starts, itself included.

    ``2 · Σ|T ∩ S| / (Σ|T| + Σ|S|)`` over all rows (micro-averaged). NaN without rows.

    References
    ----------
    Kiritchenko et al. 2006, *Learning and evaluation in the presence of class hierarchies*.
    """
    common, total = 0, 0
    for own, path in zip(truth.tolist(), said.tolist(), strict=True):
        true, tagged = own.split(LEVEL_SEPARATOR), path.split(LEVEL_SEPARATOR)
        agree = [left == right for left, right in zip(true, tagged, strict=False)]
        common += agree.index(False) if False in agree else len(agree)
        total += len(true) + len(tagged)
    return 2 * common / total if total else float("nan")


def _level(values: Sequence[str], depth: int) -> Level:
    starts = np.array([cut_path(value, depth) for value in values], dtype=object)
    names, of_value = np.unique(starts, return_inverse=True)
    return Level(names, of_value.reshape(-1))
