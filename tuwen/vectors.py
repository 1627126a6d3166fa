"""Vector tables on disk: Parquet, fixed-size lists of float32, the fingerprint in the schema."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.artefact import check_fingerprint, write_bytes
from core_embeddings.columns import Columns
from core_embeddings.errors import ArtefactError

if TYPE_CHECKING:
    import pyarrow as pa

FINGERPRINT = b"fingerprint"


class VectorTable(NamedTuple):
    """Vectors of products, row by row.

    Attributes
    ----------
    product_ids
        One id per row.
    vectors
        float32 of shape (n, embedding_size).
    has_image, has_text
        bool of shape (n,): which modalities the vector was made from.
    fingerprint
        The embedder that made it.
    """

    product_ids: list[str]
    vectors: NDArray[np.float32]
    has_image: NDArray[np.bool_]
    has_text: NDArray[np.bool_]
    fingerprint: str


def to_arrow(table: VectorTable) -> pa.Table:
    """Return the Arrow form: ``product_id``, ``vector``, ``has_image``, ``has_text``."""
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(table.vectors, dtype=np.float32).ravel())
    size = table.vectors.shape[1]
    columns = {
        Columns.PRODUCT: pa.array(table.product_ids, pa.string()),
        Columns.VECTOR: pa.FixedSizeListArray.from_arrays(flat, size),
        Columns.HAS_IMAGE: pa.array(table.has_image),
        Columns.HAS_TEXT: pa.array(table.has_text),
    }
    return pa.table(columns).replace_schema_metadata({FINGERPRINT: table.fingerprint.encode()})


def write_vectors(path: Path, table: VectorTable) -> None:
    """Write a vector table atomically."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(to_arrow(table), buffer)
    write_bytes(path, buffer.getvalue())


def read_vectors(path: Path, *, fingerprint: str | None = None) -> VectorTable:
    """Read a vector table back.

    Raises
    ------
    ArtefactError
        If the file is missing, or is not a vector table of this suite.
    FingerprintError
        If ``fingerprint`` is given and another embedder made the vectors.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise ArtefactError(f"{path} does not exist; run the fit again to make the vectors")
    try:
        table = pq.read_table(path)
        found = (table.schema.metadata or {})[FINGERPRINT].decode()
        column = table.column(Columns.VECTOR).combine_chunks()
        size = column.type.list_size
    except (pa.ArrowInvalid, KeyError, AttributeError) as error:
        raise ArtefactError(f"{path} is not a vector table written by tuwen ({error})") from None
    check_fingerprint(found, fingerprint, what=str(path))
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    return VectorTable(
        table.column(Columns.PRODUCT).to_pylist(),
        vectors.astype(np.float32, copy=False),
        table.column(Columns.HAS_IMAGE).to_numpy(),
        table.column(Columns.HAS_TEXT).to_numpy(),
        found,
    )
