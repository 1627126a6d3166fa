"""Outside ids (strings) and inside rows (positions), and the one place that maps between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


class IdMap:
    """A frozen bijection between unique ids and the rows 0 … n-1.

    Parameters
    ----------
    ids
        Unique strings; their order gives the rows.

    Raises
    ------
    ValueError
        If an id occurs twice.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = tuple(ids)
        self._rows = {name: row for row, name in enumerate(self._ids)}
        if len(self._rows) != len(self._ids):
            raise ValueError(
                f"ids must be unique; {len(self._ids) - len(self._rows)} of {len(self._ids)} repeat"
            )

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdMap) and self._ids == other._ids

    def __hash__(self) -> int:
        return hash(self._ids)

    @property
    def all(self) -> tuple[str, ...]:
        """Every id, in row order."""
        return self._ids

    def rows(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """Return the row of each id, of shape (n,); -1 for an unknown id."""
        return np.fromiter((self._rows.get(name, -1) for name in ids), dtype=np.int64)

    def ids(self, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """Return the id of each row; a negative row (padding) gives ""."""
        return [self._ids[row] if row >= 0 else "" for row in rows]
