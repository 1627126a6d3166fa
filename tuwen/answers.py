"""A table of answers: what a human says a cell of the catalogue should hold."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from core_embeddings.columns import Columns, is_attribute, written_columns
from core_embeddings.errors import TableError
from tuwen.corrections import Value
from tuwen.loading import Note, TableOptions, settle_rejects, silent

if TYPE_CHECKING:
    import pandas as pd

ANSWER: Final = "answer"
"""Column of a worklist that a human fills in; where a table lacks it, ``value`` is the answer."""
SUGGESTED: Final = "suggested"
READ: Final = (Columns.PRODUCT, Columns.FIELD, ANSWER, Columns.VALUE)


class Answers(NamedTuple):
    """What was read: values by product and field, and the rejects table."""

    cells: dict[tuple[str, str], Value]
    rejects: pd.DataFrame


def read_answers(
    path: str | Path, products: pd.DataFrame, options: TableOptions, *, note: Note = silent
) -> Answers:
    """Read a table of ``product_id``, ``field`` and ``answer`` (or ``value``).

    Answers are cleaned as the catalogue's cells are. Rows of an unknown product or field, without
    an answer, with a text where the field holds numbers, or on a cell that a row above answered go
    to the rejects; the good rows are kept.

    Raises
    ------
    TableError
        If the file cannot be read, lacks a column, or holds no answer that can be used; if any row
        is rejected and the options are strict.
    """
    from core_embeddings.cleaning import clean_column, text_cells
    from core_embeddings.frames import read_raw, rename_columns, require_columns

    raw = read_raw(path)
    frame = rename_columns(raw.frame, options.columns, path=path, wanted=READ)
    # A list of suggestions may hold the value as it is: that is no answer.
    said = ANSWER if ANSWER in frame or SUGGESTED in frame else Columns.VALUE
    require_columns(frame, [Columns.PRODUCT, Columns.FIELD, said], path=path)
    ids, fields = (clean_column(frame, name) for name in (Columns.PRODUCT, Columns.FIELD))
    texts = text_cells(frame[said])
    known, columns_by_name = set(products[Columns.PRODUCT]), correctable(products)
    cells: dict[tuple[str, str], Value] = {}
    for row, product, field, text in zip(raw.rows, ids, fields, texts, strict=True):
        column = columns_by_name.get(field)
        problem = ""
        value: Value = None
        if product not in known:
            problem = "the shop holds no such product"
        elif column is None:
            problem = "the catalogue has no such field to correct"
        elif not text.strip():
            problem = "no answer"
        elif (product, field) in cells:
            problem = "answered by a row above"
        else:
            value = clean_value(text, column)
            problem = "not a value that this field can hold" if value is None else ""
        if problem:
            raw.rejects.add(row, field, problem, value=text, product_id=product)
        else:
            cells[product, field] = value
    rejects = raw.rejects.frame()
    settle_rejects(rejects, options, what=str(path), note=note)
    if not cells:
        raise TableError(
            f"{path} holds no answer that can be used; fill in the column {said}, one value in each"
        )
    return Answers(cells, rejects)


def correctable(products: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the columns that a human may correct, by name: what is said of a product."""
    texts = {Columns.CATEGORY, Columns.BRAND, *written_columns(products.columns)}
    names = [name for name in products.columns if name in texts or is_attribute(name)]
    return {name: products[name] for name in names}


def clean_value(text: str, column: pd.Series) -> Value:
    """Return a value as the column keeps it; None where it cannot."""
    from core_embeddings import cleaning

    name = str(column.name)
    if column.dtype.kind in "fi":
        number = cleaning.parse_number(text)
        if number is None or math.isnan(number):
            return None
        whole = column.dtype.kind == "i"
        return number if not whole else int(number) if number.is_integer() else None
    if name == Columns.CATEGORY:
        return cleaning.clean_category(text) or None
    if is_attribute(name):
        return cleaning.clean_values(text) or None
    long = name.startswith(Columns.DESCRIPTION)
    limit = cleaning.DESCRIPTION_LIMIT if long else cleaning.TITLE_LIMIT
    return cleaning.clean_text(text, limit) or None
