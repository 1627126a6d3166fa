"""Fields whose cells hold several values, joined by ``|``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.tagger_config import TaggerConfig
from core_embeddings.columns import VALUE_SEPARATOR, Columns

Sets = NDArray[Any]
"""Of shape (n_products,): the values of each product as a frozenset, empty where unknown."""


def value_sets(products: pd.DataFrame, field: str) -> Sets:
    """Return the values of each product.

    Examples
    --------
    >>> [sorted(found) for found in value_sets(pd.DataFrame({"for": ["b|a|a", " ", None]}), "for")]
    [['a', 'b'], [], []]
    """
    column = products[field]
    cells = column.astype(object).where(column.notna(), "").map(str)
    found = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        parts = (part.strip() for part in cell.split(VALUE_SEPARATOR))
        found[row] = frozenset(part for part in parts if part)
    return found


def joined(values: Iterable[str]) -> str:
    """Return a set as one text: sorted, joined by ``|``; of an empty one ""."""
    return VALUE_SEPARATOR.join(sorted(values))


def holds_sets(products: pd.DataFrame, field: str, config: TaggerConfig) -> bool:
    """Tell whether a field is learned as sets.

    It is where the settings name it, or at least ``set_share`` of its known cells, and one, have
    several values. A category is not: of several paths the first is the product's shelf.
    """
    if field == Columns.CATEGORY or field in config.set_fields:
        return field != Columns.CATEGORY
    sizes = np.array([len(found) for found in value_sets(products, field)])
    several = int((sizes > 1).sum())
    return several > 0 and several >= config.set_share * int((sizes > 0).sum())


def value_matrix(sets: Sets, values: Sequence[str]) -> NDArray[np.bool_]:
    """Return whether each product has each of ``values`` (sorted), (n_products, n_values).

    A value that is not among them is left out.
    """
    column = {value: at for at, value in enumerate(values)}
    has = np.zeros((len(sets), len(values)), dtype=np.bool_)
    for row, found in enumerate(sets):
        has[row, [column[value] for value in found if value in column]] = True
    return has
