"""Every column name of the public tables, once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final


class Columns:
    """Names of the columns a table may carry."""

    PRODUCT: Final = "product_id"
    TITLE: Final = "title"
    DESCRIPTION: Final = "description"
    CATEGORY: Final = "category"
    BRAND: Final = "brand"
    IMAGE: Final = "image"
    IMAGE_DIGEST: Final = "image_digest"
    SPLIT: Final = "split"

    USER: Final = "user_id"
    EVENT: Final = "event"
    VALUE: Final = "value"
    TIMESTAMP: Final = "timestamp"

    QUERY_ID: Final = "query_id"
    QUERY: Final = "query"
    RELEVANCE: Final = "relevance"

    VECTOR: Final = "vector"
    HAS_IMAGE: Final = "has_image"
    HAS_TEXT: Final = "has_text"

    RANK: Final = "rank"
    SCORE: Final = "score"
    DISTANCE: Final = "distance"
    COSINE: Final = "cosine"
    SOURCE: Final = "source"

    FIELD: Final = "field"
    CONFIDENCE: Final = "confidence"
    DECISION: Final = "decision"
    ALTERNATIVES: Final = "alternatives"

    ROW: Final = "row"
    COLUMN: Final = "column"
    REASON: Final = "reason"


TEXT_COLUMNS: Final = (Columns.TITLE, Columns.DESCRIPTION, Columns.CATEGORY, Columns.BRAND)
"""Product columns that are always present in memory, "" where missing."""

RESERVED: Final = frozenset(
    {
        Columns.PRODUCT,
        *TEXT_COLUMNS,
        Columns.IMAGE,
        Columns.IMAGE_DIGEST,
        Columns.SPLIT,
        "dup_group",
    }
)
"""Product columns that are never attributes."""

_OF_A_LANGUAGE: Final = re.compile(rf"({Columns.TITLE}|{Columns.DESCRIPTION})_(?!id|no)[a-z]{{2}}")


def is_attribute(name: str) -> bool:
    """Tell whether a product column is nobody's by name: something to tag or to filter on."""
    return name not in RESERVED and not is_language_column(name)


def is_language_column(name: str) -> bool:
    """Tell whether a column is the product's text in one more language.

    That is ``title_`` or ``description_`` and the two-letter code of the language, as in
    ``title_zh``. Such a column is read, learned from and searched like ``title``. ``id`` and ``no``
    are no languages here, but numbers: Indonesian and Norwegian (``nb``) need another name.

    >>> is_language_column("title_zh"), is_language_column("title_long")
    (True, False)
    >>> is_language_column("title_id")
    False
    """
    return _OF_A_LANGUAGE.fullmatch(name) is not None


def title_columns(names: Iterable[str]) -> list[str]:
    """Return ``title`` and the titles in other languages, in table order.

    >>> title_columns(["title_zh", "description", "title"])
    ['title', 'title_zh']
    """
    return _in_all_languages(Columns.TITLE, names)


def written_columns(names: Iterable[str]) -> list[str]:
    """Return the columns a seller writes for readers: titles first, then descriptions."""
    names = list(names)
    return title_columns(names) + _in_all_languages(Columns.DESCRIPTION, names)


def _in_all_languages(column: str, names: Iterable[str]) -> list[str]:
    others = [n for n in names if is_language_column(n) and n.startswith(f"{column}_")]
    return [column, *others]


REJECT_COLUMNS: Final = (
    Columns.ROW,
    Columns.PRODUCT,
    Columns.COLUMN,
    Columns.REASON,
    Columns.VALUE,
)

LEVEL_SEPARATOR: Final = " > "
"""Joins the levels of a category path."""

VALUE_SEPARATOR: Final = "|"
"""Joins several values, or several images, in one cell."""
