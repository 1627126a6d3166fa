"""How far a long piece of work is, in lines that fit a log as well as a terminal."""

from __future__ import annotations

from collections.abc import Callable

SHARES = 10
"""A line for every tenth of the work."""


class LineProgress:
    """Tell every tenth of the work through a note; calling it is the callback of the packages.

    Parameters
    ----------
    note
        Told each line.
    what
        Named in the line, where the caller gives no name of its own.
    """

    def __init__(self, note: Callable[[str], None], what: str = "") -> None:
        self._note = note
        self._what = what
        self._told: dict[str, int] = {}

    def __call__(self, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` is reached."""
        self.named(self._what, done, total)

    def named(self, what: str, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` of something is reached, once a tenth."""
        tenth = SHARES * done // max(total, 1)
        if tenth > self._told.get(what, 0):
            self._told[what] = tenth
            self._note(f"  {what}: {done} of {total}")
