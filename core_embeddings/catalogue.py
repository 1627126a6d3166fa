"""The catalogue: a raw table to clean products with readable images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.attributes import convert_attribute
from core_embeddings.cleaning import (
    ATTRIBUTE_LIMIT,
    DESCRIPTION_LIMIT,
    TITLE_LIMIT,
    clean_category,
    clean_text,
    map_distinct,
    optional_cells,
)
from core_embeddings.columns import LEVEL_SEPARATOR, TEXT_COLUMNS, Columns, written_columns
from core_embeddings.frames import read_raw, rename_columns, require_columns
from core_embeddings.image_cells import (
    MAX_PIXELS,
    CheckedImage,
    ImageFolder,
    Progress,
    image_names,
    images_folder,
)
from core_embeddings.known_images import KnownImages
from core_embeddings.rejects import OTHER_IMAGES, PRODUCT_KEPT, ROW_KEPT, TEXT_ONLY, RejectLog

NOTHING_TO_GO_BY = "neither text nor a readable image"
_SHARED = frozenset({Columns.PRODUCT, Columns.IMAGE})
_ELSEWHERE = frozenset(
    {
        *(Columns.USER, Columns.EVENT, Columns.VALUE, Columns.TIMESTAMP),
        *(Columns.QUERY_ID, Columns.QUERY, Columns.RELEVANCE),
    }
)
"""Columns of interactions and queries: one mapping serves all tables of a command."""


class Loaded(NamedTuple):
    """A table read: its good ``rows``, and the ``rejects`` (rows left out, and repaired cells)."""

    rows: pd.DataFrame
    rejects: pd.DataFrame


def read_catalogue(
    path: str | Path,
    *,
    images: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    allow_url_images: bool = False,
    max_pixels: int = MAX_PIXELS,
    cache_folder: Path | None = None,
    progress: Progress | None = None,
) -> Loaded:
    """Read products; bad rows go to ``rejects``, good rows go on.

    A product needs an id and something to go by: a title, a description or a brand, or a readable
    image. (A category alone does not tell it from its neighbours.) Of several usable rows with one
    id the first wins. ``title_zh``, ``description_en`` and so on (a two-letter code) are the
    product's text in another language, cleaned and read like ``title`` and ``description``.

    Parameters
    ----------
    path
        Parquet, CSV or JSON Lines, plain or gzipped, local or any fsspec URL.
    images
        Folder that image paths are relative to; default the table's own.
    columns
        ``{ours: theirs}``, for tables with other column names.
    allow_url_images
        Fetch image URLs into the user's cache folder instead of refusing them.
    max_pixels
        Larger images are refused.
    cache_folder
        Where images that decoded once are remembered by digest; None decodes every image.
    progress
        Called with (images checked, images in all).

    Returns
    -------
    Loaded
        ``rows``: ``product_id``, ``title``, ``description``, ``category``, ``brand``, ``image``
        (tuple of absolute paths), ``image_digest`` (tuple of hex digests), texts in other
        languages ("" when missing), then attributes as numbers or text, and ``split`` if given.

    Raises
    ------
    TableError
        If the file cannot be read, has no rows or no ``product_id``, or ``columns`` names an
        unknown column.
    """
    raw = read_raw(path)
    frame = rename_columns(raw.frame, own_mapping(columns, raw.frame), path=path)
    require_columns(frame, [Columns.PRODUCT], path=path)
    folder = ImageFolder(
        images_folder(path, images),
        allow_urls=allow_url_images,
        max_pixels=max_pixels,
        known=KnownImages(cache_folder),
    )
    products = _clean_columns(frame)
    names = _named_images(frame)
    checked = folder.check((name for cell in names for name in cell), progress=progress)
    rejects = raw.rejects
    kept = _choose(products, raw.rows, names, checked, rejects)
    chosen = products.iloc[kept].reset_index(drop=True)
    good = [[checked[name] for name in names[place] if not checked[name].problem] for place in kept]
    chosen[Columns.IMAGE] = _tuples([[one.path for one in images] for images in good])
    chosen[Columns.IMAGE_DIGEST] = _tuples([[one.digest for one in images] for images in good])
    rest = frame.drop(columns=[name for name in chosen.columns if name in frame.columns])
    attributes = add_attributes(
        chosen, rest.iloc[kept], rows=raw.rows[kept], rejects=rejects, ids=Columns.PRODUCT
    )
    return Loaded(attributes, rejects.frame())


def own_mapping(columns: Mapping[str, str] | None, frame: pd.DataFrame) -> dict[str, str]:
    """Return the part of a mapping that is meant for a catalogue, not for the other tables.

    >>> own_mapping({"user_id": "uid", "title": "name"}, pd.DataFrame({"name": ["a"]}))
    {'title': 'name'}
    """
    there = set(frame.columns)
    return {
        ours: theirs
        for ours, theirs in (columns or {}).items()
        if ours not in _ELSEWHERE and (theirs in there or ours not in _SHARED & there)
    }


def add_attributes(
    table: pd.DataFrame,
    rest: pd.DataFrame,
    *,
    rows: NDArray[np.int64],
    rejects: RejectLog,
    ids: str | None,
) -> pd.DataFrame:
    """Return ``table`` with the columns of ``rest`` converted and appended; bad cells are noted.

    Parameters
    ----------
    table, rest
        Frames with the same n rows.
    rows
        Data row of each, of shape (n,).
    rejects
        Where repaired cells are noted.
    ids
        Column of ``table`` to name in the rejects, if any.
    """
    columns = {name: table[name] for name in table.columns}
    for name in rest.columns:
        values, bad = convert_attribute(rest[name].reset_index(drop=True))
        columns[name] = values
        for place, cell in bad:
            product = "" if ids is None else table[ids].iloc[place]
            reason = f"not a number{ROW_KEPT} without it"
            rejects.add(rows[place], name, reason, value=cell, product_id=product)
    return pd.DataFrame(columns)


def _clean_columns(frame: pd.DataFrame) -> pd.DataFrame:
    cleaned: dict[str, pd.Series] = {}
    limits = {Columns.DESCRIPTION: DESCRIPTION_LIMIT, Columns.BRAND: ATTRIBUTE_LIMIT}
    written = written_columns(map(str, frame.columns))
    for name in dict.fromkeys((Columns.PRODUCT, *TEXT_COLUMNS, *written)):
        is_path = name == Columns.CATEGORY
        cells = optional_cells(frame, name, joiner=LEVEL_SEPARATOR if is_path else " ")
        clean = partial(clean_text, limit=limits.get(name.split("_")[0], TITLE_LIMIT))
        values = map_distinct(cells, clean_category if is_path else clean)
        cleaned[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(cleaned)


def _named_images(frame: pd.DataFrame) -> list[list[str]]:
    if Columns.IMAGE not in frame.columns:
        return [[] for _ in range(len(frame))]
    return [image_names(cell) for cell in frame[Columns.IMAGE].astype(object)]


def _choose(
    products: pd.DataFrame,
    rows: NDArray[np.int64],
    names: list[list[str]],
    checked: Mapping[str, CheckedImage],
    rejects: RejectLog,
) -> NDArray[np.int64]:
    """Return the positions of the products to keep; note why others, or some images, are not."""
    kept: list[int] = []
    seen: set[str] = set()
    written = (products[name] for name in (*written_columns(products.columns), Columns.BRAND))
    texts = reduce(add, written)
    for place, (product, text) in enumerate(zip(products[Columns.PRODUCT], texts, strict=True)):
        row = rows[place]
        bad = [name for name in names[place] if checked[name].problem]
        some_image = len(bad) < len(names[place])
        if not product:
            rejects.add(row, Columns.PRODUCT, "missing id", value=text)
            continue
        if product in seen:
            rejects.add(
                row,
                Columns.PRODUCT,
                "duplicate id; the first row with it was kept",
                value=product,
                product_id=product,
            )
            continue
        if text or some_image:
            kept.append(place)
            seen.add(product)
        elif not bad:
            rejects.add(row, Columns.TITLE, NOTHING_TO_GO_BY, product_id=product)
        outcome = _outcome(bool(text), some_image)
        for name in bad:
            reason = checked[name].problem + outcome
            rejects.add(row, Columns.IMAGE, reason, value=name, product_id=product)
    return np.asarray(kept, dtype=np.int64)


def _tuples(values: list[list[str]]) -> pd.Series:
    return pd.Series([tuple(several) for several in values], dtype=object)


def _outcome(has_text: bool, has_image: bool) -> str:
    if has_image:
        return PRODUCT_KEPT + OTHER_IMAGES
    return PRODUCT_KEPT + TEXT_ONLY if has_text else f"; {NOTHING_TO_GO_BY}"
