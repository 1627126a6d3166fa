"""Filters over a products table: ``price < 500 and color in ('Black', 'White')``.

Rules. Text is compared without regard to case and outer spaces. A cell that holds several values
(``Black|White``) fits when any of them does. ``under`` looks at whole levels of a path: ``category
under 'Ladieswear > Dress'`` takes that level and all below. A missing value fits no test and no
negation of one (the three-valued logic of SQL); only ``is missing`` finds it. Quotes inside text
are doubled; a column name with spaces stands in backticks.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import LEVEL_SEPARATOR, VALUE_SEPARATOR
from core_embeddings.config import nearest
from core_embeddings.errors import FilterError
from retrieve.filter_syntax import Both, Either, Missing, Node, Not, Test, parse_tree

Mask: TypeAlias = NDArray[np.bool_]
_Kind: TypeAlias = Literal["number", "text", "other"]

_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Truth(NamedTuple):
    """Where a node is true and where it is false; neither where a value is missing."""

    yes: Mask
    no: Mask


@dataclass(frozen=True)
class Filter:
    """A parsed filter.

    Attributes
    ----------
    text
        What was parsed.
    tree
        Its syntax tree.
    """

    text: str
    tree: Node

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, in order of first use."""
        return tuple(dict.fromkeys(leaf.column for leaf in _leaves(self.tree)))

    def mask(self, products: pd.DataFrame) -> Mask:
        """Return which products fit, a boolean array of shape (len(products),).

        Raises
        ------
        FilterError
            If a column does not exist, or is compared with a value of another type.
        """
        return _evaluate(self.tree, products).yes


def parse_filter(text: str) -> Filter:
    """Parse a filter expression.

    Examples
    --------
    >>> products = pd.DataFrame({"price": [300.0, 700.0], "color": ["Black|White", ""]})
    >>> parse_filter("price < 500 and color = 'black'").mask(products).tolist()
    [True, False]

    Raises
    ------
    FilterError
        If it does not parse; the message names the character and what to write.
    """
    return Filter(text, parse_tree(text))


def _leaves(node: Node) -> Iterator[Test | Missing]:
    if isinstance(node, Test | Missing):
        yield node
    elif isinstance(node, Not):
        yield from _leaves(node.child)
    else:
        for child in node.children:
            yield from _leaves(child)


def _evaluate(node: Node, products: pd.DataFrame) -> _Truth:
    if isinstance(node, Not):
        inner = _evaluate(node.child, products)
        return _Truth(yes=inner.no, no=inner.yes)
    if isinstance(node, Both | Either):
        parts = [_evaluate(child, products) for child in node.children]
        sure, refuted = [part.yes for part in parts], [part.no for part in parts]
        if isinstance(node, Both):
            return _Truth(np.logical_and.reduce(sure), np.logical_or.reduce(refuted))
        return _Truth(np.logical_or.reduce(sure), np.logical_and.reduce(refuted))
    cells = _column(node, products)
    if isinstance(node, Missing):
        missing = _missing(cells)
        return _Truth(missing, ~missing)
    kind = _kind(cells)
    _check(node, kind)
    yes = _numbers(node, cells) if kind == "number" else _texts(node, cells)
    return _Truth(yes, ~yes & ~_missing(cells))


def _column(node: Test | Missing, products: pd.DataFrame) -> pd.Series:
    names = [str(name) for name in products.columns]
    if node.column not in names:
        raise FilterError(
            f"filter, character {node.position}: there is no column {node.column!r}; "
            f"{nearest(node.column, names)}"
        )
    return products.iloc[:, names.index(node.column)]


def _kind(cells: pd.Series) -> _Kind:
    if pd.api.types.is_bool_dtype(cells.dtype):
        return "text"
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return "number"
    plain = pd.api.types.infer_dtype(cells.astype(object), skipna=True)
    return "text" if plain in ("string", "boolean", "empty") else "other"


def _missing(cells: pd.Series) -> Mask:
    empty = cells.astype(object).map(lambda cell: cell == "" or cell == (), na_action="ignore")
    return (cells.isna() | (empty == True)).to_numpy(dtype=bool)  # noqa: E712  NaN stays unequal


def _check(test: Test, kind: _Kind) -> None:
    """Refuse a test whose operator or values do not suit the column; say what to write."""
    column, values = test.column, test.values
    numbers = all(isinstance(value, float) for value in values)
    texts = all(isinstance(value, str) for value in values)
    if kind == "other":
        problem = f"{column} is neither number nor text; only is missing can be asked of it"
    elif kind == "number" and test.operator in ("contains", "under"):
        problem = f"{column} is a number; write {column} = 500 or {column} < 500"
    elif kind == "number" and not numbers:
        problem = f"{column} is a number; write the value without quotes, as in {column} = 500"
    elif kind == "text" and test.operator in ("<", "<=", ">", ">="):
        problem = (
            f"{column} is text, which has no order; write {column} = 'value' or "
            f"{column} contains 'value'"
        )
    elif kind == "text" and not texts:
        problem = f"{column} is text; put the value between quotes, as in {column} = '42'"
    else:
        return
    raise FilterError(f"filter, character {test.position}: {problem}")


def _numbers(test: Test, cells: pd.Series) -> Mask:
    numbers = cells.to_numpy(dtype=np.float64, na_value=np.nan)
    compare = _COMPARE[test.operator]
    fits = [compare(numbers, value) for value in test.values]  # NaN compares false, always
    return np.logical_or.reduce(fits)


def _texts(test: Test, cells: pd.Series) -> Mask:
    fits = _text_predicate(test)
    # Each distinct cell once. Not pd.factorize, which takes "a" and "a\0b" for the same text.
    judge = cache(lambda cell: any(fits(part) for part in _parts(cell)))
    present = zip(cells.astype(object), cells.notna(), strict=True)
    return np.array([there and judge(str(cell)) for cell, there in present], dtype=bool)


def _parts(cell: str) -> list[str]:
    """Return the folded values of a cell, and the whole cell, for titles that hold a bar."""
    folded = _fold(cell)
    parts = [part.strip() for part in folded.split(VALUE_SEPARATOR)]
    return [part for part in dict.fromkeys([folded, *parts]) if part]


def _text_predicate(test: Test) -> Callable[[str], bool]:
    wanted = [_fold(str(value)) for value in test.values]
    if test.operator == "contains":
        return lambda part: any(value in part for value in wanted if value)
    if test.operator == "under":
        prefixes = [_levels(value) for value in wanted]
        return lambda part: any(
            prefix and _levels(part)[: len(prefix)] == prefix for prefix in prefixes
        )
    known = frozenset(wanted)
    return lambda part: part in known


def _levels(path: str) -> list[str]:
    """Return the levels of a path, with or without spaces around the separator."""
    levels = [level.strip() for level in path.split(LEVEL_SEPARATOR.strip())]
    return levels if any(levels) else []


def _fold(text: str) -> str:
    return text.strip().casefold()
