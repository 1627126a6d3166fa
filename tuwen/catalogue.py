"""The catalogue as a shop keeps it: Parquet, sorted by id, tuples of images as lists."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from core_embeddings.artefact import write_bytes
from core_embeddings.columns import Columns, written_columns
from core_embeddings.errors import ArtefactError

if TYPE_CHECKING:
    import pandas as pd

LISTS = (Columns.IMAGE, Columns.IMAGE_DIGEST)


def write_stored(products: pd.DataFrame, path: Path) -> None:
    """Write products atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(products, preserve_index=False)
    for name in LISTS:
        column = pa.array([list(cell) for cell in products[name]], pa.list_(pa.string()))
        table = table.set_column(table.schema.get_field_index(name), name, column)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    write_bytes(path, buffer.getvalue())


def read_stored(path: Path) -> pd.DataFrame:
    """Read products back as they were.

    Raises
    ------
    ArtefactError
        If the file is missing.
    """
    import pandas as pd

    if not path.is_file():
        raise ArtefactError(f"{path} does not exist; run the fit again")
    products = pd.read_parquet(path)
    for name in LISTS:
        products[name] = [tuple(cell) for cell in products[name]]
    return products


def stacked(held: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return products of two tables under each other.

    A text in a language that only one of them has is "" in the other, as everywhere.
    """
    import pandas as pd

    both = pd.concat([held, new], ignore_index=True)
    written = written_columns(both.columns)
    return both.assign(**{name: both[name].fillna("") for name in written})
