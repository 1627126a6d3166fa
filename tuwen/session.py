"""What a command says: results to stdout (text, or one JSON object), everything else to stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PLAIN_WIDTH = 140
"""Columns of a table that goes to a file or a pipe."""


@dataclass(frozen=True)
class Session:
    """The switches every command has.

    Parameters
    ----------
    json
        Print exactly one JSON object instead of text.
    seed
        Makes a run repeatable.
    quiet
        No progress and no notes; errors still appear.
    """

    json: bool = False
    seed: int = 0
    quiet: bool = False

    def note(self, text: str) -> None:
        """Say something on stderr, unless quiet."""
        if not self.quiet:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def result(self, payload: Mapping[str, Any], text: str) -> None:
        """Print the answer: ``payload`` as JSON when asked for, else ``text``."""
        sys.stdout.write((to_json(payload) if self.json else text.rstrip("\n")) + "\n")
        sys.stdout.flush()

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show on stderr that work goes on: a spinner on a terminal, one line elsewhere."""
        if self.quiet:
            yield
            return
        if not sys.stderr.isatty():
            self.note(f"{what} ...")
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status(f"{what} ..."):
            yield


def to_json(payload: Mapping[str, Any]) -> str:
    """Return strict JSON: NaN and infinities become null, numpy values plain ones."""
    return json.dumps(_plain(payload), ensure_ascii=False, allow_nan=False)


def records(frame: Any) -> list[dict[str, Any]]:
    """Return a DataFrame's rows as plain dicts."""
    return [dict(row) for row in frame.to_dict(orient="records")]


def grid(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Return rows as an aligned text table; long cells are cut to fit the terminal."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names = list(columns or (rows[0] if rows else ()))
    table = Table(box=None, pad_edge=False, header_style="")
    for name in names:
        numeric = any(isinstance(row.get(name), int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="ellipsis")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(name)), overflow="ellipsis") for name in names))
    width = Console().width if sys.stdout.isatty() else PLAIN_WIDTH
    console = Console(file=StringIO(), width=width, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(table, no_wrap=True)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1000 else f"{value:.1f}"
    return " ".join(str(value).split())


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
