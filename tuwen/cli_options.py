"""Options that several commands share, and how they become one value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Annotated

import typer

from core_embeddings.column_option import column_mapping
from tuwen.loading import TableOptions
from tuwen.session import Session

ShopArgument = Annotated[Path, typer.Argument(metavar="SHOP", help="A folder made by tuwen fit.")]
ImagesOption = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", help="Folder the image paths start from."),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=THEIRS", help="Our column name = theirs; repeatable."),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit 1 if any row is rejected.")]
RejectsOption = Annotated[
    Path | None,
    typer.Option("--rejects", metavar="OUT", help="Write the rejected rows to this table."),
]
UrlsOption = Annotated[
    bool, typer.Option("--allow-url-images", help="Also fetch images given as URLs.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="OUT", help="Where the result goes.")]
KOption = Annotated[int, typer.Option("-k", min=1, help="Length of each list.")]
QueriesOption = Annotated[
    str | None, typer.Option("--queries", metavar="F", help="Table of searches.")
]
InteractionsOption = Annotated[
    str | None, typer.Option("--interactions", metavar="F", help="Table of what shoppers did.")
]

SWITCHES = "Also: --json, --seed N (default 0), --quiet, --verbose."


def add_commands(app: typer.Typer, *functions: Callable[..., None]) -> None:
    r"""Add functions as commands, each named and explained as it is in Python.

    In a docstring the line ``\b`` stands for the character that keeps an example's lines apart.
    """
    for function in functions:
        text = cleandoc(function.__doc__ or "").replace("\\b", "\b")
        app.command(help=text, epilog=SWITCHES)(function)


def session_of(context: typer.Context) -> Session:
    """Return the switches given before or after the command's name."""
    return context.obj if isinstance(context.obj, Session) else Session()


def table_options(
    images: Path | None,
    column: Sequence[str] | None,
    strict: bool,
    rejects: Path | None,
    allow_url_images: bool = False,
) -> TableOptions:
    """Gather the options about reading tables.

    Raises
    ------
    typer.BadParameter
        If a ``--column`` is not NAME=THEIRS.
    """
    return TableOptions(images, column_mapping(column), strict, rejects, allow_url_images)
