"""Product vectors from Parquet, for a command line that knows no embedder."""

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
    """ids: one per row; vectors: float32 (n, dim); fingerprint: "" where the file does not say."""

    ids: list[str]
    vectors: NDArray[np.float32]
    fingerprint: str


def read_vectors(path: Path) -> VectorTable:
    """Read the columns ``product_id`` and ``vector`` (fixed-size or plain lists).

    Raises
    ------
    ArtefactError
        If the file cannot be read, lacks a column, or its vectors differ in length.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=[Columns.PRODUCT, Columns.VECTOR])
        lists = table.column(Columns.VECTOR).combine_chunks()
        flat = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        matrix = flat.reshape(len(table), -1) if len(table) else flat.reshape(0, 1)
    except (OSError, pa.ArrowException, KeyError, ValueError, AttributeError) as error:
        raise ArtefactError(
            f"{path} must be Parquet with the columns product_id and vector, all of one length; "
            f"reading it gave: {error}. `tuwen embed` writes such a file"
        ) from None
    ids = [str(name) for name in table.column(Columns.PRODUCT).to_pylist()]
    return VectorTable(ids, matrix, (table.schema.metadata or {}).get(FINGERPRINT, b"").decode())
