"""Tables as commands read them: what was set aside is counted, written, refused when strict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core_embeddings.errors import TableError

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.tables import Loaded

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
    settle_all([(what, rejects)], options, note=note)


def settle_all(
    found: Sequence[tuple[str, pd.DataFrame]], options: TableOptions, *, note: Note = silent
) -> None:
    """Settle the rejects of several tables, each with its name; one file gets them all.

    Raises
    ------
    TableError
        Of the first table with any, if ``options.strict`` is set.
    """
    import pandas as pd

    from core_embeddings.tables import write_table

    if options.rejects is not None and found:
        every = pd.concat([rejects for _, rejects in found], ignore_index=True)
        write_table(every, options.rejects)
    for what, rejects in found:
        _tell(rejects, options, what=what, note=note)


def _tell(rejects: pd.DataFrame, options: TableOptions, *, what: str, note: Note) -> None:
    if rejects.empty:
        return
    problems = Counter(rejects["reason"])
    if options.strict:
        raise strict_error(problems, options, what=what)
    note(f"{what}: {len(rejects)} rejected or repaired: {_kinds(problems, options)}")


def strict_error(problems: Mapping[str, int], options: TableOptions, *, what: str) -> TableError:
    """Return what ``--strict`` says of rejected rows, given the count of each reason."""
    return TableError(
        f"{what}: --strict allows no rejected rows, but {sum(problems.values())} came: "
        f"{_kinds(problems, options)}. Repair them, or run without --strict"
    )


def _kinds(problems: Mapping[str, int], options: TableOptions) -> str:
    """Name the three most frequent reasons, most frequent first, and the file that has all."""
    most = Counter(problems).most_common(3)
    where = f" (all in {options.rejects})" if options.rejects else ""
    return "; ".join(f"{count} x {reason}" for reason, count in most) + where


def read_products(path: Path | str, options: TableOptions) -> Loaded:
    """Read a catalogue as the options say; its rejects are yet to be settled."""
    from core_embeddings.feature_cache import feature_cache_folder
    from core_embeddings.tables import read_catalogue

    return read_catalogue(
        path,
        images=options.images,
        columns=options.columns,
        allow_url_images=options.allow_url_images,
        max_pixels=options.max_pixels,
        cache_folder=feature_cache_folder(),
    )


def load_products(path: Path | str, options: TableOptions, *, note: Note = silent) -> pd.DataFrame:
    """Read a catalogue, sorted by ``product_id``; rejected rows are settled."""
    loaded = read_products(path, options)
    settle_rejects(loaded.rejects, options, what=str(path), note=note)
    return usable_products(loaded.rows, path)


def usable_products(products: pd.DataFrame, path: Path | str) -> pd.DataFrame:
    """Return the products of a catalogue sorted by ``product_id``.

    Raises
    ------
    TableError
        If there are none.
    """
    if products.empty:
        raise TableError(f"{path} holds no usable product; run: tuwen check {path}")
    return products.sort_values("product_id", ignore_index=True)
