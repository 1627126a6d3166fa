"""Every column name of the public tables, once."""

from __future__ import annotations

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
