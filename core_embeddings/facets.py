"""What a shopper could ask for by name: category levels, brand and attribute values, as codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import LEVEL_SEPARATOR, VALUE_SEPARATOR, Columns

LEVEL_PREFIX = f"{Columns.CATEGORY}/"


@dataclass(frozen=True)
class Facet:
    """One way to name products.

    Attributes
    ----------
    name
        ``brand``, an attribute, or ``category/2`` for the second level.
    values
        The distinct values, sorted.
    codes
        int64 of shape (n,): index into ``values``, -1 where missing.
    """

    name: str
    values: tuple[str, ...]
    codes: NDArray[np.int64]


def facets_of(products: pd.DataFrame, fields: Sequence[str]) -> list[Facet]:
    """Return the facets of products: each category level, the brand, and each other field.

    A cell with several values counts by its first; a level's value is the path down to it, worded
    by its last part, so that two leaves of one name in different branches stay apart.
    """
    columns: dict[str, list[str]] = {}
    if Columns.CATEGORY in fields:
        paths = [str(p).split(LEVEL_SEPARATOR) if p else [] for p in products[Columns.CATEGORY]]
        for level in range(max(map(len, paths), default=0)):
            columns[f"{LEVEL_PREFIX}{level + 1}"] = [
                LEVEL_SEPARATOR.join(p[: level + 1]) if len(p) > level else "" for p in paths
            ]
    for name in [*fields, Columns.BRAND]:
        if name != Columns.CATEGORY and name in products:
            columns[name] = [str(v).split(VALUE_SEPARATOR)[0] for v in products[name]]
    facets = [_facet(name, values) for name, values in columns.items()]
    return [facet for facet in facets if len(facet.values) > 1]


def category_levels(facets: Sequence[Facet], count: int) -> NDArray[np.int64]:
    """Return the codes of the category levels of ``count`` products, (count, depth), -1 for none.

    A code stands for the whole path down to its level: two products with one code at a level have
    the same code at every level above.
    """
    levels = [facet.codes for facet in facets if facet.name.startswith(LEVEL_PREFIX)]
    return np.stack(levels, axis=1) if levels else np.zeros((count, 0), dtype=np.int64)


def label_codes(values: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the index of each value in ``classes``, -1 for values not among them."""
    places = {value: place for place, value in enumerate(classes)}
    return np.fromiter((places.get(value, -1) for value in values), np.int64, len(values))


def _facet(name: str, values: Sequence[str]) -> Facet:
    classes = tuple(sorted({value for value in values if value}))
    return Facet(name, classes, label_codes(values, classes))


def spoken(value: str) -> str:
    """Return how a facet value is said: the last level of a path."""
    return value.split(LEVEL_SEPARATOR)[-1]


def spoken_values(labels: Mapping[str, Sequence[str]]) -> list[str]:
    """Return how the values of all fields are said, and the levels above them."""
    said = (value.split(LEVEL_SEPARATOR) for values in labels.values() for value in values)
    return list(dict.fromkeys(level for levels in said for level in reversed(levels)))
