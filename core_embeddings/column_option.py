"""``--column NAME=THEIRS``, as every command line reads it."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def column_mapping(pairs: Sequence[str] | None) -> dict[str, str]:
    """Return ``{ours: theirs}`` of the options given.

    Raises
    ------
    typer.BadParameter
        If one is not NAME=THEIRS.

    Examples
    --------
    >>> column_mapping(["title=name_zh"])
    {'title': 'name_zh'}
    """
    mapping: dict[str, str] = {}
    for item in pairs or ():
        ours, _, theirs = (part.strip() for part in item.partition("="))
        if not (ours and theirs):
            raise typer.BadParameter(
                f"--column takes NAME=THEIRS, such as title=name_zh; got {item!r}"
            )
        mapping[ours] = theirs
    return mapping
