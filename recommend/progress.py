"""Steps of several fits counted as one progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (steps done, steps)."""


class Steps:
    """Counts steps up to a known total.

    Parameters
    ----------
    report
        Told of every step; None tells nobody.
    total
        Steps of all fits together.
    """

    def __init__(self, report: Progress | None, total: int) -> None:
        self._report, self._total, self._done = report, total, 0

    def step(self, *_: int) -> None:
        """Count one step, whatever the fit at work says of itself."""
        self._done += 1
        if self._report is not None:
            self._report(self._done, self._total)
