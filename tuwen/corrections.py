"""What people said of products: a log in the shop to which every correction adds a version.

One JSON file per version, never changed but by ``tuwen remove``. ``shop.json`` names the newest
version that counts, so that a version that was cut while it was written is none.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from core_embeddings.artefact import digest_json, read_json, write_json
from core_embeddings.cleaning import cell_text, parse_number
from core_embeddings.columns import Columns
from core_embeddings.errors import ArtefactError
from core_embeddings.vector_table import VectorTable, read_vectors, write_vectors
from tuwen.renewing import chosen

if TYPE_CHECKING:
    import pandas as pd

FOLDER: Final = "corrections"
Value = str | int | float | None
"""Of a cell; None stands for a number that is missing."""
Cells = Mapping[tuple[str, str], Value]
"""Values by product and field."""


class Answer(NamedTuple):
    """What one cell is, and what it was."""

    product_id: str
    field: str
    value: Value
    previous: Value


@dataclass(frozen=True)
class Version:
    """One entry of the log.

    Parameters
    ----------
    number
        From 1.
    time
        When, in UTC, ISO 8601.
    taggers
        Name of the taggers folder that was in use before it.
    answers
        The cells that were said.
    refitted
        Fields whose heads it fitted again, or put back.
    undoes
        Number of the version that this one takes back; 0 for none.
    """

    number: int
    time: str
    taggers: str
    answers: tuple[Answer, ...]
    refitted: tuple[str, ...] = ()
    undoes: int = 0

    def cells(self) -> dict[tuple[str, str], Value]:
        """Return what it says, by product and field."""
        return {(one.product_id, one.field): one.value for one in self.answers}


@dataclass(frozen=True)
class VersionRow:
    """A version in a list: how many cells it speaks of, of how many products, in which fields."""

    version: int
    time: str
    answers: int
    products: int
    fields: str
    state: str
    """``stands``, ``taken back``, or ``takes back N``."""


class Corrections:
    """The log of one shop.

    Parameters
    ----------
    root
        The shop's folder.
    newest
        The last version that counts.
    """

    def __init__(self, root: Path, newest: int) -> None:
        self.folder = root / FOLDER
        self.newest = newest

    def versions(self) -> list[Version]:
        """Return every version, oldest first."""
        return [self._read(number) for number in range(1, self.newest + 1)]

    def standing(self) -> list[Version]:
        """Return the versions that were not taken back, oldest first."""
        every = self.versions()
        gone = {version.undoes for version in every}
        return [v for v in every if not v.undoes and v.number not in gone]

    def history(self) -> list[VersionRow]:
        """Return the versions as a table, oldest first."""
        every = self.versions()
        gone = {version.undoes for version in every}
        rows = []
        for one in every:
            stands = "taken back" if one.number in gone else "stands"
            fields = sorted({answer.field for answer in one.answers})
            row = VersionRow(
                version=one.number,
                time=one.time,
                answers=len(one.answers),
                products=len({answer.product_id for answer in one.answers}),
                fields=", ".join(fields),
                state=f"takes back {one.undoes}" if one.undoes else stands,
            )
            rows.append(row)
        return rows

    def final(self) -> dict[tuple[str, str], Value]:
        """Return the last word on every cell that people spoke of."""
        words: dict[tuple[str, str], Value] = {}
        for version in self.standing():
            words |= version.cells()
        return words

    def digest(self) -> str:
        """Return a digest of `final`; "" where nothing was said."""
        words = sorted((*cell, value) for cell, value in self.final().items())
        return digest_json(words) if words else ""

    def write(self, version: Version, vectors: VectorTable | None = None) -> None:
        """Write a version; it counts once ``shop.json`` names it.

        Parameters
        ----------
        version
            Numbered one above the newest.
        vectors
            Of products that it embeds anew, as they were before.
        """
        self._path(version.number, "vectors.parquet").unlink(missing_ok=True)  # of a cut version
        if vectors is not None and vectors.product_ids:
            write_vectors(self._path(version.number, "vectors.parquet"), vectors)
        self._write(version)

    def rebase(self, products: pd.DataFrame) -> None:
        """Let an undo give back what products say that took the place of corrected ones.

        Parameters
        ----------
        products
            As their table says, without the corrections.
        """
        rows, seen = products.set_index(Columns.PRODUCT), set()
        for version in self.standing():
            answers = []
            for one in version.answers:
                if one.product_id in rows.index and (one.product_id, one.field) not in seen:
                    said_now = _plain(rows.at[one.product_id, one.field])
                    answers.append(one._replace(previous=said_now))
                else:
                    answers.append(one)
                seen.add((one.product_id, one.field))
            if tuple(answers) != version.answers:
                self._write(replace(version, answers=tuple(answers)))

    def vectors_before(self, number: int) -> VectorTable | None:
        """Return the vectors that a version replaced; None where it replaced none."""
        path = self._path(number, "vectors.parquet")
        return read_vectors(path) if path.exists() else None

    def forget_vectors(self, product_ids: Collection[str]) -> None:
        """Drop kept vectors of products that were replaced: they are of other texts or pictures."""
        gone = set(product_ids)
        for path in self.folder.glob("*.vectors.parquet"):
            table = read_vectors(path)
            keep = np.flatnonzero([name not in gone for name in table.product_ids])
            if len(keep) < len(table.product_ids):
                write_vectors(path, chosen(table, keep))

    def forget(self, product_ids: Collection[str]) -> None:
        """Take products out of every version, files of cut versions included."""
        for path in self.folder.glob(".*"):  # half-written ones
            path.unlink()
        self.forget_vectors(product_ids)
        gone = set(product_ids)
        for path in self.folder.glob("*.json"):
            content = read_json(path)
            left = [one for one in content["answers"] if one[0] not in gone]
            if len(left) < len(content["answers"]):
                write_json(path, {**content, "answers": left})

    def _path(self, number: int, ending: str) -> Path:
        return self.folder / f"{number:04d}.{ending}"

    def _write(self, version: Version) -> None:
        content = {**vars(version), "answers": [list(one) for one in version.answers]}
        write_json(self._path(version.number, "json"), content)

    def _read(self, number: int) -> Version:
        path = self._path(number, "json")
        content = read_json(path)
        try:
            answers = tuple(Answer(*one) for one in content.pop("answers"))
            refitted = tuple(content.pop("refitted"))
            return Version(**content, answers=answers, refitted=refitted)
        except (KeyError, TypeError, AttributeError) as error:
            raise ArtefactError(
                f"{path} is damaged ({error}); restore it from a copy of the shop"
            ) from None


def said(products: pd.DataFrame, cells: Cells) -> pd.DataFrame:
    """Return products with these cells; those of products or columns that are not there are passed.

    Columns keep their type, whatever it was when a value was said: a text that is no number is
    passed where a column holds numbers now.
    """
    names = {name: place for place, name in enumerate(products[Columns.PRODUCT])}
    frame = products.copy()
    by_field: dict[str, list[tuple[int, Value]]] = {}
    for (product, field), value in cells.items():
        if product in names and field in frame:
            by_field.setdefault(field, []).append((names[product], value))
    for field, changes in by_field.items():
        column = frame[field].to_numpy(copy=True)
        if column.dtype.kind in "fi":
            numbers = [(place, _number(value)) for place, value in changes]
            parsed = [(place, value) for place, value in numbers if value is not None]
            if any(isinstance(value, float) and not value.is_integer() for _, value in parsed):
                column = column.astype(np.float64)
            for place, number in parsed:
                column[place] = number
        else:
            for place, value in changes:
                column[place] = cell_text(value)
        frame[field] = column
    return frame


def _number(value: Value) -> float | int | None:
    if value is None:
        return math.nan
    return parse_number(value) if isinstance(value, str) else value


def cells_of(products: pd.DataFrame, wanted: Iterable[tuple[str, str]]) -> list[Value]:
    """Return what stands in cells of the catalogue now, as the log keeps it."""
    rows = products.set_index(Columns.PRODUCT)
    return [_plain(rows.at[product, field]) for product, field in wanted]


def _plain(value: Any) -> Value:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
