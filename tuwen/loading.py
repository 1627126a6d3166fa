"""Tables as commands read them: what was set aside is counted, written, refused when strict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core_embeddings.errors import TableError

if TYPE_CHECKING:
    import pandas as pd

Note = Callable[[str], None]


@dataclass(frozen=True)
class TableOptions:
    """How a table is read.

    Parameters
    ----------
    images
        Folder that image paths start from; None for the table's own.
    columns
        Our column names to theirs.
    strict
        Any rejected row is an error.
    rejects
        Where the rejected rows are written.
    allow_url_images
        Fetch images given as URLs.
    max_pixels
        Larger pictures are rejected.
    """

    images: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    rejects: Path | None = None
    allow_url_images: bool = False
    max_pixels: int = 64_000_000


def silent(text: str) -> None:
    """Say nothing."""


def settle_rejects(
    rejects: pd.DataFrame, options: TableOptions, *, what: str, note: Note = silent
) -> None:
    """Count, keep and, when strict, refuse the rejected rows of one table.

    Raises
    ------
    TableError
        If there are any and ``options.strict`` is set.
    """
    from core_embeddings.tables import write_table

    if options.rejects is not None:
        write_table(rejects, options.rejects)
    if rejects.empty:
        return
    counts = rejects["reason"].value_counts()
    kinds = "; ".join(f"{count} x {reason}" for reason, count in counts.head(3).items())
    where = f" (all in {options.rejects})" if options.rejects else ""
    if options.strict:
        raise TableError(
            f"{what}: --strict allows no rejected rows, but {len(rejects)} came: {kinds}{where}. "
            "Repair them, or run without --strict"
        )
    note(f"{what}: {len(rejects)} rejected or repaired: {kinds}{where}")


def load_products(path: Path | str, options: TableOptions, *, note: Note = silent) -> pd.DataFrame:
    """Read a catalogue, sorted by ``product_id``; rejected rows are settled."""
    from core_embeddings.tables import read_catalogue

    loaded = read_catalogue(
        path,
        images=options.images,
        columns=options.columns,
        allow_url_images=options.allow_url_images,
        max_pixels=options.max_pixels,
    )
    settle_rejects(loaded.rejects, options, what=str(path), note=note)
    if loaded.rows.empty:
        raise TableError(f"{path} holds no usable product; run: tuwen check {path}")
    return loaded.rows.sort_values("product_id", ignore_index=True)
