"""Lines of CSV to records, so that one broken row costs one row."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Record(NamedTuple):
    """The cells of one record, and what is wrong with it ("" where nothing is)."""

    cells: list[str]
    problem: str


def csv_records(lines: list[str]) -> Iterator[Record]:
    """Cut lines into records; after a broken one, go on with the very next line.

    A quote that is never closed would otherwise swallow every good row up to the next quote, or all
    of them.
    """
    start, width = 0, 0
    while start < len(lines):
        with _long_cells():
            for record, following in _until_broken(lines, start, width):
                start = following
                width = width or len(record.cells)
                if record.cells:
                    yield record


def _until_broken(lines: list[str], start: int, width: int) -> Iterator[tuple[Record, int]]:
    # By index: islice would walk over all lines before the start, at every restart.
    reader = csv.reader((lines[place] for place in range(start, len(lines))), strict=True)
    begun = start
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = lines[begun].rstrip("\r\n")
            yield Record(line.split(","), f"not a CSV row: {error}"), begun + 1
            return
        ended = start + reader.line_num
        width = width or len(cells)
        if cells and len(cells) != width and ended > begun + 1:
            line = lines[begun].rstrip("\r\n")
            yield Record(line.split(","), "not a CSV row: a quote is left open"), begun + 1
            return
        yield Record(cells, ""), ended
        begun = ended


@contextmanager
def _long_cells() -> Iterator[None]:
    # The csv module caps a cell at 128 KiB for the whole process; a long description must not end
    # the file.
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
