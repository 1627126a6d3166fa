"""Queries: searches by text or image, and the judgements on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.catalogue import add_attributes
from core_embeddings.cleaning import clean_column, map_distinct, optional_cells, parse_number
from core_embeddings.columns import Columns
from core_embeddings.errors import TableError
from core_embeddings.frames import read_raw, rename_columns, require_columns
from core_embeddings.image_cells import (
    MAX_PIXELS,
    CheckedImage,
    ImageFolder,
    image_names,
    images_folder,
)
from core_embeddings.rejects import QUERY_KEPT, ROW_KEPT, TEXT_ONLY, RejectLog

_JUDGED = (Columns.PRODUCT, Columns.RELEVANCE)
_ASKED = (Columns.QUERY_ID, Columns.QUERY, Columns.IMAGE, Columns.USER)


class LoadedQueries(NamedTuple):
    """Distinct ``queries``, their ``judgements`` (maybe none), and the ``rejects``."""

    queries: pd.DataFrame
    judgements: pd.DataFrame
    rejects: pd.DataFrame


def read_queries(
    path: str | Path,
    *,
    images: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    allow_url_images: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> LoadedQueries:
    """Read queries, one row per query or, with judgements, per judged pair.

    What a query asks stands in its first usable row; later rows may repeat it or leave it blank.
    A judged product without a ``relevance`` column has relevance 1.

    Parameters
    ----------
    path
        Parquet, CSV or JSON Lines, plain or gzipped, local or any fsspec URL.
    images
        Folder that image paths are relative to; default the table's own.
    columns
        ``{ours: theirs}``; names that are not a query's are passed over.
    allow_url_images
        Fetch image URLs into the user's cache folder instead of refusing them.
    max_pixels
        Larger images are refused.

    Returns
    -------
    LoadedQueries
        ``queries``: ``query_id``, ``query``, ``image`` (absolute path or ""), ``user_id``, then
        other columns; ``judgements``: ``query_id``, ``product_id``, ``relevance`` (float >= 0).

    Raises
    ------
    TableError
        If the file cannot be read, or lacks rows, ``query_id``, or both ``query`` and ``image``.
    """
    raw = read_raw(path)
    frame = rename_columns(raw.frame, columns, path=path, wanted=(*_ASKED, *_JUDGED))
    require_columns(frame, [Columns.QUERY_ID], path=path)
    if Columns.QUERY not in frame.columns and Columns.IMAGE not in frame.columns:
        raise TableError(
            f"{path} has neither a column 'query' nor 'image'; expected at least one of them; "
            f"found: {', '.join(frame.columns)}; map one with --column query=THEIRS"
        )
    asked = pd.DataFrame({name: clean_column(frame, name) for name in _ASKED}, dtype=object)
    names = [image_names(cell)[:1] for cell in optional_cells(frame, Columns.IMAGE)]
    folder = ImageFolder(
        images_folder(path, images), allow_urls=allow_url_images, max_pixels=max_pixels
    )
    checked = folder.check(name for cell in names for name in cell)
    rejects = raw.rejects
    first = _first_rows(asked, names, checked, raw.rows, rejects)
    chosen = np.array(list(first.values()), dtype=np.int64)
    paths = [checked[names[place][0]].path if names[place] else "" for place in chosen]
    queries = asked.iloc[chosen].reset_index(drop=True).assign(image=pd.Series(paths, dtype=object))
    rest = frame.drop(columns=[name for name in (*_ASKED, *_JUDGED) if name in frame.columns])
    queries = add_attributes(
        queries, rest.iloc[chosen], rows=raw.rows[chosen], rejects=rejects, ids=None
    )
    judgements = _judgements(frame, asked[Columns.QUERY_ID].tolist(), set(first), raw.rows, rejects)
    return LoadedQueries(queries, judgements, rejects.frame())


def _first_rows(
    asked: pd.DataFrame,
    names: list[list[str]],
    checked: Mapping[str, CheckedImage],
    rows: NDArray[np.int64],
    rejects: RejectLog,
) -> dict[str, int]:
    """Return the position of the row that states each query, by its id."""
    first: dict[str, int] = {}
    texts = asked[Columns.QUERY].tolist()
    for place, query_id in enumerate(asked[Columns.QUERY_ID]):
        name = names[place][0] if names[place] else ""
        problem = checked[name].problem if name else ""
        if not query_id:
            rejects.add(rows[place], Columns.QUERY_ID, "missing id", value=texts[place])
        elif query_id in first:
            before = texts[first[query_id]]
            if texts[place] not in ("", before):
                reason = f"another text for the same query; the first one holds{ROW_KEPT}"
                rejects.add(rows[place], Columns.QUERY, reason, value=texts[place])
        elif not texts[place] and (problem or not name):
            reason = f"{problem}; " if problem else ""
            column = Columns.IMAGE if problem else Columns.QUERY
            reason += "neither text nor a readable image"
            rejects.add(rows[place], column, reason, value=name)
        else:
            first[query_id] = place
            if problem:
                reason = problem + QUERY_KEPT + TEXT_ONLY
                rejects.add(rows[place], Columns.IMAGE, reason, value=name)
    return first


def _judgements(
    frame: pd.DataFrame,
    query_ids: list[str],
    known: set[str],
    rows: NDArray[np.int64],
    rejects: RejectLog,
) -> pd.DataFrame:
    products = clean_column(frame, Columns.PRODUCT)
    cells = optional_cells(frame, Columns.RELEVANCE)
    if Columns.RELEVANCE not in frame.columns:
        cells = ["1" if product else "" for product in products]
    pairs: dict[tuple[str, str], float] = {}
    numbers = map_distinct(cells, parse_number)
    for place, pair in enumerate(zip(query_ids, products, strict=True)):
        if pair[0] not in known or not (pair[1] or cells[place].strip()):
            continue
        problem = _judgement_problem(pair[1], numbers[place])
        if not problem and pair in pairs:
            problem = "judged twice; the first judgement was kept"
        if problem:
            column = Columns.RELEVANCE if pair[1] else Columns.PRODUCT
            value = cells[place]
            rejects.add(rows[place], column, problem, value=value, product_id=pair[1])
        else:
            pairs[pair] = float(numbers[place] or 0.0)
    table = {
        Columns.QUERY_ID: pd.Series([query for query, _ in pairs], dtype=object),
        Columns.PRODUCT: pd.Series([product for _, product in pairs], dtype=object),
        Columns.RELEVANCE: pd.Series(list(pairs.values()), dtype=np.float64),
    }
    return pd.DataFrame(table)


def _judgement_problem(product: str, relevance: float | None) -> str:
    if not product:
        return "a relevance without a product"
    if relevance is None:
        return "not a number"
    if np.isnan(relevance):
        return "missing relevance"
    return "negative relevance" if relevance < 0 else ""
