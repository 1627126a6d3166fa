"""The text of a product, and what stands in for it where a seller wrote none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import (
    LEVEL_SEPARATOR,
    VALUE_SEPARATOR,
    Columns,
    is_attribute,
    is_language_column,
    title_columns,
    written_columns,
)
from core_embeddings.errors import ConfigError
from core_embeddings.missing_parts import TEXT_POLICIES, MissingText
from core_embeddings.text import normalise

DEFAULT_TEXT = "无描述 no description"
"""What mode ``default`` says of a product that nobody described; the article's own words."""


def has_text(products: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which products have a title or a description of their own, of shape (n_products,)."""
    return np.array([bool(text) for text in written_texts(products)], dtype=np.bool_)


def written_texts(products: pd.DataFrame) -> list[str]:
    """Return titles and descriptions of each product, in every language it has them in."""
    columns = [_column(products, name) for name in written_columns(products.columns)]
    return [_joined(row) for row in zip(*columns, strict=True)]


def language_wordings(products: pd.DataFrame) -> list[list[str]]:
    """Return what each language says of each product: its title, and title with description.

    Empty where the table is in one language; a language says nothing of a product that it has no
    text of.
    """
    others = (name for name in products.columns if is_language_column(name))
    endings = sorted({name[name.rindex("_") :] for name in others})
    if not endings:
        return []
    wordings: list[list[str]] = []
    for ending in ["", *endings]:
        titles = _column(products, f"{Columns.TITLE}{ending}")
        described = _column(products, f"{Columns.DESCRIPTION}{ending}")
        wordings += [titles, [_joined(pair) for pair in zip(titles, described, strict=True)]]
    return [list(dict.fromkeys(filter(None, row))) for row in zip(*wordings, strict=True)]


def product_texts(
    products: pd.DataFrame,
    mode: MissingText = "mask",
    *,
    inferred: Sequence[str] | None = None,
    attributes: Sequence[str] | None = None,
) -> list[str]:
    """Return one text per product: titles, brand where no title has it, and descriptions.

    Titles and descriptions are those in every language the table has (see
    `columns.is_language_column`).

    Where title and description are both empty, ``mode`` decides:

    - ``"mask"``: the text is ""; the network knows that it has none and answers with what it
      learned for that.
    - ``"default"``: `DEFAULT_TEXT`, a constant that the network reads like any other text.
    - ``"context"``: category levels, brand and attributes, as words. These words *are* the labels
      that tagging predicts: never evaluate, or train, a tagger on such text.
    - ``"image"``: the words in ``inferred``, which the caller derived from the product's image.

    The text of a product never depends on the other rows.

    Parameters
    ----------
    products
        In-memory products; a text column that is absent counts as empty.
    mode
        What stands in for missing text.
    inferred
        One text per product, for mode ``"image"``; only those of products without text are used.
    attributes
        Text columns for mode ``"context"``, best those of few values; None takes every
        text column that is not reserved.

    Returns
    -------
    list of str
        Of length n_products.

    Raises
    ------
    ConfigError
        If the mode is unknown, or mode ``"image"`` comes without one inferred text per product.
    """
    if mode not in TEXT_POLICIES:
        known = ", ".join(map(repr, TEXT_POLICIES))
        raise ConfigError(f"missing_text must be one of {known}; got {mode!r}")
    substitutes: Sequence[str] = [DEFAULT_TEXT if mode == "default" else ""] * len(products)
    if mode == "context":
        substitutes = _context(products, attributes)
    if mode == "image":
        substitutes = _checked(inferred, len(products))
    own = _own_texts(products)
    return [
        text if present else substitute
        for text, substitute, present in zip(own, substitutes, has_text(products), strict=True)
    ]


def text_attributes(products: pd.DataFrame) -> list[str]:
    """Return the columns that hold text and are not reserved, in table order."""
    return [
        str(name)
        for name in products.columns
        if is_attribute(name) and any(isinstance(value, str) for value in products[name])
    ]


def _own_texts(products: pd.DataFrame) -> list[str]:
    names = written_columns(products.columns)
    titles = len(title_columns(names))
    columns = [_column(products, name) for name in [*names, Columns.BRAND]]
    return [
        _joined([*written[:titles], _unsaid(brand, written[:titles]), *written[titles:]])
        for *written, brand in zip(*columns, strict=True)
    ]


def _unsaid(brand: str, titles: Sequence[str]) -> str:
    return "" if _mentions(" ".join(titles), brand) else brand


def _mentions(title: str, brand: str) -> bool:
    # Chinese has no word borders, so only Latin letters and digits beside the brand forbid a match.
    pattern = rf"(?<![a-z0-9]){re.escape(normalise(brand))}(?![a-z0-9])"
    return re.search(pattern, normalise(title)) is not None


def _context(products: pd.DataFrame, attributes: Sequence[str] | None) -> list[str]:
    chosen = text_attributes(products) if attributes is None else attributes
    columns = [_column(products, name) for name in (Columns.CATEGORY, Columns.BRAND, *chosen)]
    return [_joined(map(_as_words, row)) for row in zip(*columns, strict=True)]


def _as_words(value: str) -> str:
    return value.replace(LEVEL_SEPARATOR, " ").replace(VALUE_SEPARATOR, " ")


def _checked(inferred: Sequence[str] | None, count: int) -> Sequence[str]:
    if inferred is None or len(inferred) != count:
        came = "none" if inferred is None else f"{len(inferred)}"
        raise ConfigError(
            f"missing_text 'image' needs one inferred text for each of {count} products; "
            f"got {came}; infer words from the images first, or choose another policy"
        )
    return inferred


def _column(products: pd.DataFrame, name: str) -> list[str]:
    if name not in products.columns:
        return [""] * len(products)
    return [value.strip() if isinstance(value, str) else "" for value in products[name]]


def _joined(parts: Iterable[str]) -> str:
    return " ".join(part for part in parts if part)
