"""Read vectors from Parquet: an id column and a list column, the fingerprint in the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.errors import ArtefactError

FINGERPRINT: Final = b"fingerprint"
"""Key of the Parquet metadata that names the embedder."""


class VectorTable(NamedTuple):
    """Vectors by id.

    Attributes
    ----------
    ids
        One per row.
    vectors
        float32 of shape (n, dim).
    fingerprint
        The embedder that made them; None where the file does not say.
    """

    ids: list[str]
    vectors: NDArray[np.float32]
    fingerprint: str | None


def read_vectors(path: Path, *, id_column: str = Columns.PRODUCT) -> VectorTable:
    """Read the columns ``id_column`` and ``vector``; fixed-size and plain lists both do.

    Raises
    ------
    ArtefactError
        If the file is missing, is not Parquet, lacks a column, or its vectors differ in length.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise ArtefactError(f"vector table {path} does not exist; check the path")
    try:
        table = pq.read_table(path, columns=[id_column, Columns.VECTOR])
        lists = table.column(Columns.VECTOR).combine_chunks()
        flat = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        matrix = flat.reshape(len(table), -1) if len(table) else flat.reshape(0, 1)
        ids = [str(name) for name in table.column(id_column).to_pylist()]
    except (pa.ArrowException, KeyError, ValueError, AttributeError) as error:
        raise ArtefactError(
            f"{path} must be Parquet with the columns {id_column} and vector, "
            f"all vectors of one length; reading it gave: {error}"
        ) from None
    found = (table.schema.metadata or {}).get(FINGERPRINT)
    return VectorTable(ids, matrix, found.decode() if found else None)
