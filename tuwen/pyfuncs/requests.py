"""Rows as a client sends them, made into what the suite reads: clean text, checked pictures."""

from __future__ import annotations

import base64
import binascii
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from core_embeddings.artefact import digest_bytes
from core_embeddings.cleaning import (
    ATTRIBUTE_LIMIT,
    DESCRIPTION_LIMIT,
    TITLE_LIMIT,
    clean_category,
    clean_text,
    clean_values,
    optional_cells,
)
from core_embeddings.columns import LEVEL_SEPARATOR, VALUE_SEPARATOR, Columns
from core_embeddings.errors import ImageError
from core_embeddings.images import check_image

logger = logging.getLogger(__name__)

TEXT_LIMITS = {
    Columns.TITLE: TITLE_LIMIT,
    Columns.DESCRIPTION: DESCRIPTION_LIMIT,
    Columns.BRAND: ATTRIBUTE_LIMIT,
}
HISTORY = "history"
LONGEST_PATH = 1_024
"""Of what is tried as a path; longer text can only be base64."""


@contextmanager
def read_products(frame: pd.DataFrame, attributes: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Give products in the in-memory layout, one per row and in the rows' order.

    A picture is a path on the serving machine or base64 (with or without a ``data:`` prefix),
    several joined by ``|``. One that cannot be used is left out, with a warning, as the command
    line does. Pictures sent along lie in a temporary folder until the block ends.

    Parameters
    ----------
    frame
        Any of ``product_id``, ``title``, ``description``, ``category``, ``brand``, ``image``.
    attributes
        Further text columns to read.
    """
    columns = {
        name: [clean_text(cell, limit) for cell in optional_cells(frame, name, joiner=" ")]
        for name, limit in TEXT_LIMITS.items()
    }
    paths = optional_cells(frame, Columns.CATEGORY, joiner=LEVEL_SEPARATOR)
    columns[Columns.CATEGORY] = [clean_category(cell) for cell in paths]
    for name in attributes:
        columns[name] = [clean_values(cell) for cell in optional_cells(frame, name)]
    ids = optional_cells(frame, Columns.PRODUCT)
    columns[Columns.PRODUCT] = [name or str(row) for row, name in enumerate(ids)]
    products = pd.DataFrame(columns)
    with tempfile.TemporaryDirectory() as folder:
        cells = optional_cells(frame, Columns.IMAGE)
        good = [_usable(cell, Path(folder)) for cell in cells]
        products[Columns.IMAGE] = pd.Series(
            [tuple(p for p, _ in row) for row in good], dtype=object
        )
        products[Columns.IMAGE_DIGEST] = pd.Series(
            [tuple(digest for _, digest in row) for row in good], dtype=object
        )
        yield products


def read_histories(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return each user's products, in the order sent.

    Parameters
    ----------
    frame
        ``user_id`` and maybe ``history``, product ids joined by ``|``, the latest last; several
        rows of one user are one history. Rows without a user are passed over.
    """
    users, cells = optional_cells(frame, Columns.USER), optional_cells(frame, HISTORY)
    histories: dict[str, list[str]] = {}
    for user, cell in zip(map(str.strip, users), cells, strict=True):
        if user:
            parts = (part.strip() for part in cell.split(VALUE_SEPARATOR))
            histories.setdefault(user, []).extend(filter(None, parts))
    return histories


@contextmanager
def read_queries(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Give queries: ``query_id``, ``query`` and ``image`` (a path or "").

    Raises
    ------
    ImageError
        If a picture cannot be used: unlike a product, a query has no use without it.
    ValueError
        If a row has neither words nor a picture.
    """
    ids = optional_cells(frame, Columns.QUERY_ID)
    texts = [clean_text(t, TITLE_LIMIT) for t in optional_cells(frame, Columns.QUERY, joiner=" ")]
    cells = optional_cells(frame, Columns.IMAGE)
    for row, (text, cell) in enumerate(zip(texts, cells, strict=True)):
        if not text and not cell.strip():
            raise ValueError(f"row {row} has neither a query nor an image; give at least one")
    with tempfile.TemporaryDirectory() as folder:
        images = [
            str(_picture(cell.strip(), Path(folder))) if cell.strip() else "" for cell in cells
        ]
        for image in filter(None, images):
            check_image(Path(image))
        names = [name or str(row) for row, name in enumerate(ids)]
        yield pd.DataFrame(
            {Columns.QUERY_ID: names, Columns.QUERY: texts, Columns.IMAGE: images}, dtype=object
        )


def _usable(cell: str, folder: Path) -> list[tuple[str, str]]:
    """Return the path and digest of each picture of a cell that can be used."""
    found = []
    for part in filter(None, (part.strip() for part in cell.split(VALUE_SEPARATOR))):
        try:
            path = _picture(part, folder)
            found.append((str(path), check_image(path)))
        except ImageError as error:
            logger.warning("a picture is left out: %s", error)
    return found


def _picture(part: str, folder: Path) -> Path:
    """Return the file of a picture given as a path or as base64.

    Raises
    ------
    ImageError
        If it is neither.
    """
    if len(part) <= LONGEST_PATH and not part.startswith("data:") and Path(part).is_file():
        return Path(part)
    try:
        payload = base64.b64decode(part.split(",", 1)[-1], validate=True)
    except (binascii.Error, ValueError):
        raise ImageError("an image must be a file on the serving machine, or base64") from None
    path = folder / digest_bytes(payload)
    path.write_bytes(payload)
    return path
