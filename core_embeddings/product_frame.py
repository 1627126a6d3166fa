"""Products as callers have them (pandas, Arrow, dicts) to the columns an embedder reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pandas as pd

from core_embeddings.columns import TEXT_COLUMNS, VALUE_SEPARATOR, Columns, written_columns
from core_embeddings.images import image_digest

Products: TypeAlias = "pd.DataFrame | Sequence[Mapping[str, Any]] | Any"
"""A DataFrame, a pyarrow Table, or a list of dicts with title, description, brand, image …"""


def as_products(products: Products) -> pd.DataFrame:
    """Return a frame with every text column, ``image`` tuples and their digests.

    Parameters
    ----------
    products
        A frame from `tables.read_catalogue` passes through as it is; in others missing columns
        are added, and ``image`` may be a path, several joined by ``|``, a list, or missing.

    Raises
    ------
    TypeError
        If ``products`` is none of the accepted kinds.
    """
    if not isinstance(products, pd.DataFrame) and hasattr(products, "to_pandas"):
        products = products.to_pandas()
    elif isinstance(products, Sequence) and not isinstance(products, str | bytes):
        products = pd.DataFrame(list(products))
    if not isinstance(products, pd.DataFrame):
        raise TypeError(
            "products must be a pandas DataFrame, an Arrow table or a list of dicts; "
            f"got {type(products).__name__}"
        )
    if Columns.IMAGE_DIGEST in products and set(TEXT_COLUMNS) <= set(products):
        return products
    return _completed(products)


class QueryCells(NamedTuple):
    """Queries as lists, of equal length.

    Attributes
    ----------
    texts
        Words, "" for none.
    images, digests
        Per query the path of its picture and the digest of its bytes; empty for none.
    """

    texts: list[str]
    images: list[tuple[str, ...]]
    digests: list[tuple[str, ...]]

    def blocks(self, size: int) -> list[slice]:
        """Return slices of at most so many queries."""
        return [slice(start, start + size) for start in range(0, len(self.texts), size)]


def query_cells(texts: Sequence[str] | None, images: Sequence[str | Path] | None) -> QueryCells:
    """Return queries as cells: words, pictures, or both row by row ("" for none).

    A frame would cost a single query more than the network does.

    Raises
    ------
    ValueError
        If neither is given, or the two differ in length.
    """
    if texts is None and images is None:
        raise ValueError("encode_queries needs texts, images or both")
    count = len(texts if texts is not None else images or ())
    if texts is not None and images is not None and len(images) != count:
        raise ValueError(f"{count} texts but {len(images)} images; give one of each per query")
    words = ["" if _missing(text) else str(text).strip() for text in texts or [""] * count]
    paths: list[tuple[str, ...]] = [
        () if _missing(path) or not str(path) else (str(path),) for path in images or [""] * count
    ]
    digests = [tuple(image_digest(Path(path)) for path in several) for several in paths]
    return QueryCells(words, paths, digests)


def _completed(products: pd.DataFrame) -> pd.DataFrame:
    frame = products.copy()
    for name in dict.fromkeys((*TEXT_COLUMNS, *written_columns(frame.columns))):
        values = frame[name] if name in frame else [""] * len(frame)
        frame[name] = ["" if _missing(value) else str(value) for value in values]
    images = frame[Columns.IMAGE] if Columns.IMAGE in frame else [""] * len(frame)
    paths = [_paths(value) for value in images]
    frame[Columns.IMAGE] = pd.Series(paths, index=frame.index, dtype=object)
    digests = [tuple(image_digest(Path(path)) for path in several) for several in paths]
    frame[Columns.IMAGE_DIGEST] = pd.Series(digests, index=frame.index, dtype=object)
    return frame


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _paths(value: Any) -> tuple[str, ...]:
    if _missing(value):
        return ()
    if isinstance(value, str | Path):
        return tuple(part.strip() for part in str(value).split(VALUE_SEPARATOR) if part.strip())
    return tuple(str(part) for part in value)
