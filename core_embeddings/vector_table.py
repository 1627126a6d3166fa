"""Vectors on disk: Parquet, one list of float32 per id, the fingerprint in the schema."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.artefact import check_fingerprint, new_file
from core_embeddings.columns import Columns
from core_embeddings.errors import ArtefactError

if TYPE_CHECKING:
    import pyarrow as pa

FINGERPRINT: Final = b"fingerprint"
"""Key of the Parquet metadata that names the embedder."""

ROWS_PER_GROUP: Final = 4096
"""Rows that are written together: fewer make a larger file that is slower to read."""


class VectorTable(NamedTuple):
    """Vectors of products, row by row.

    Attributes
    ----------
    product_ids
        One id per row; of queries, where they were read from a table of queries.
    vectors
        float32 of shape (n, embedding_size).
    has_image, has_text
        bool of shape (n,): which modalities the vector was made from; True where the file does not
        say.
    fingerprint
        The embedder that made it; "" where the file does not say.
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
    write_vector_blocks(
        path, [table], embedding_size=table.vectors.shape[1], fingerprint=table.fingerprint
    )


def write_vector_blocks(
    path: Path, blocks: Iterable[VectorTable], *, embedding_size: int, fingerprint: str
) -> int:
    """Write a vector table as its rows come, and return how many came.

    Memory holds `ROWS_PER_GROUP` rows, however many come. The file takes its place when all are
    written: until then, and when the blocks end in an exception, the old one stays.

    Parameters
    ----------
    path
        A Parquet file.
    blocks
        Parts of the table in order, each of the same embedder.
    embedding_size, fingerprint
        Of all rows; a table without rows has them too.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    nothing = np.zeros((0, embedding_size), np.float32)
    none = np.zeros(0, np.bool_)
    schema = to_arrow(VectorTable([], nothing, none, none, fingerprint)).schema
    waiting: list[pa.Table] = []
    count = 0
    with new_file(path) as stream, pq.ParquetWriter(stream, schema) as writer:
        for block in blocks:
            waiting.append(to_arrow(block))
            count += len(block.product_ids)
            if sum(map(len, waiting)) >= ROWS_PER_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    return count


def read_vectors(
    path: Path, *, fingerprint: str | None = None, id_column: str = Columns.PRODUCT
) -> VectorTable:
    """Read a vector table, ours or another's: fixed-size and plain lists of any float both do.

    Parameters
    ----------
    path
        A Parquet file.
    fingerprint
        The embedder it must be of; None accepts any, also a file that names none.
    id_column
        Which column holds the ids.

    Raises
    ------
    ArtefactError
        If the file is missing, is not Parquet, lacks a column, or its vectors differ in length.
    FingerprintError
        If ``fingerprint`` is given and the file does not name it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise ArtefactError(
            f"vector table {path} does not exist; check the path, or make it: tuwen embed for a "
            "file, tuwen fit for a shop"
        )
    try:
        table = pq.read_table(path)
        matrix = _matrix(table.column(Columns.VECTOR).combine_chunks())
        ids = [str(name) for name in table.column(id_column).to_pylist()]
        has_image, has_text = (_mask(table, c) for c in (Columns.HAS_IMAGE, Columns.HAS_TEXT))
    except (pa.ArrowException, OSError, KeyError, ValueError, AttributeError) as error:
        raise ArtefactError(
            f"{path} must be Parquet with the columns {id_column} and vector, all vectors of one "
            f"length; reading it gave: {error}. `tuwen embed` writes such a file"
        ) from None
    found = (table.schema.metadata or {}).get(FINGERPRINT, b"").decode()
    check_fingerprint(found or "unknown", fingerprint, what=str(path))
    return VectorTable(ids, matrix, has_image, has_text, found)


def _matrix(lists: pa.Array) -> NDArray[np.float32]:
    import pyarrow.compute as pc

    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    if lists.null_count or len(set(lengths)) > 1:
        found = sorted({int(n) for n in lengths if n == n})
        raise ValueError(f"{lists.null_count} vectors missing, the others of lengths {found}")
    # Without rows only a fixed-size list still knows its length.
    size = int(lengths[0]) if len(lengths) else getattr(lists.type, "list_size", 1)
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, dtype=np.float32).reshape(len(lists), size)


def _mask(table: pa.Table, name: str) -> NDArray[np.bool_]:
    if name not in table.column_names:
        return np.ones(len(table), dtype=np.bool_)
    return np.asarray(table.column(name).to_numpy(), dtype=np.bool_)
