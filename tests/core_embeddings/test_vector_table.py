"""Vector tables: what is written comes back; what is no vector table is refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core_embeddings.errors import ArtefactError, FingerprintError
from core_embeddings.vector_table import (
    VectorTable,
    read_vectors,
    to_arrow,
    write_vector_blocks,
    write_vectors,
)

FLOATS = st.floats(-1, 1, width=32)


def table(vectors, fingerprint="f1"):
    has = np.arange(len(vectors)) % 2 == 0
    return VectorTable([f"p{i}" for i in range(len(vectors))], vectors, has, ~has, fingerprint)


@given(arrays(np.float32, st.tuples(st.integers(0, 4), st.integers(1, 5)), elements=FLOATS))
def test_what_is_written_comes_back(tmp_path_factory, vectors):
    path = tmp_path_factory.mktemp("v") / "v.parquet"
    given_table = table(vectors)
    write_vectors(path, given_table)
    back = read_vectors(path, fingerprint="f1")
    assert back.product_ids == given_table.product_ids and back.fingerprint == "f1"
    assert back.vectors.dtype == np.float32 and np.array_equal(back.vectors, vectors)
    assert back.vectors.shape == vectors.shape
    assert np.array_equal(back.has_image, given_table.has_image)
    assert np.array_equal(back.has_text, given_table.has_text)


def parts_of(whole, size):
    for at in range(0, len(whole.product_ids), size):
        part = slice(at, at + size)
        columns = (column[part] for column in whole[:4])
        yield VectorTable(*columns, whole.fingerprint)


def test_a_table_written_in_parts_is_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr("core_embeddings.vector_table.ROWS_PER_GROUP", 5)
    whole, path = table(np.random.default_rng(0).random((17, 3), np.float32)), tmp_path / "v"
    options = {"embedding_size": 3, "fingerprint": "f1"}
    assert write_vector_blocks(path, parts_of(whole, 2), **options) == 17
    for found, expected in zip(read_vectors(path, fingerprint="f1"), whole, strict=True):
        np.testing.assert_array_equal(found, expected)
    groups = pq.ParquetFile(path).metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [6, 6, 5]


def test_no_rows_still_have_a_width_and_an_embedder(tmp_path):
    options = {"embedding_size": 7, "fingerprint": "f1"}
    assert write_vector_blocks(tmp_path / "v", [], **options) == 0
    assert read_vectors(tmp_path / "v", fingerprint="f1").vectors.shape == (0, 7)


def test_blocks_that_end_in_an_error_leave_the_old_table_and_nothing_beside_it(tmp_path):
    path = tmp_path / "v.parquet"
    write_vectors(path, table(np.eye(2, dtype=np.float32)))
    before = path.read_bytes()

    def torn():
        yield table(np.eye(3, dtype=np.float32))
        assert path.read_bytes() == before  # a reader in between sees the old one
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_vector_blocks(path, torn(), embedding_size=3, fingerprint="f2")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_vector_column_is_a_fixed_size_list_of_float32():
    kind = to_arrow(table(np.eye(3, 4, dtype=np.float32))).schema.field("vector").type
    assert str(kind).startswith("fixed_size_list<") and str(kind).endswith("float>[4]")


@pytest.mark.parametrize("kind", [pa.list_(pa.float32(), 2), pa.list_(pa.float64())])
def test_fixed_and_plain_lists_read_alike(tmp_path, kind):
    vectors = pa.array([[1, 0], [0, 1]], type=kind)
    whole = pa.table({"product_id": ["b", "a"], "vector": vectors})
    path = tmp_path / "v.parquet"
    pq.write_table(whole.replace_schema_metadata({"fingerprint": "fp"}), path)
    found = read_vectors(path)
    assert found.product_ids == ["b", "a"] and found.fingerprint == "fp"
    assert np.array_equal(found.vectors, np.eye(2)) and found.vectors.dtype == np.float32


def test_what_a_file_does_not_say_has_a_stated_default(tmp_path):
    pq.write_table(pa.table({"product_id": [7], "vector": [[1.0]]}), tmp_path / "v.parquet")
    found = read_vectors(tmp_path / "v.parquet")
    assert found.product_ids == ["7"] and found.fingerprint == ""
    assert found.has_image.all() and found.has_text.all()


def test_another_column_can_hold_the_ids(tmp_path):
    pq.write_table(pa.table({"query_id": ["q"], "vector": [[1.0]]}), tmp_path / "q.parquet")
    assert read_vectors(tmp_path / "q.parquet", id_column="query_id").product_ids == ["q"]


@pytest.mark.parametrize(
    "columns",
    [
        {"a": [1]},
        {"product_id": ["a"]},
        {"product_id": ["a"], "vector": [1.0]},
        {"product_id": ["a", "b"], "vector": [[1.0, 2.0], [1.0]]},
        # Together as many numbers as two vectors of two: lengths must be looked at, not sums.
        {"product_id": ["a", "b"], "vector": [[1.0, 2.0, 3.0], [1.0]]},
        {"product_id": ["a", "b"], "vector": [[1.0, 2.0], None]},
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path, columns):
    pq.write_table(pa.table(columns), tmp_path / "v.parquet")
    with pytest.raises(ArtefactError, match=r"columns product_id and vector, .*`tuwen embed`"):
        read_vectors(tmp_path / "v.parquet")


def test_a_file_that_is_not_parquet_is_refused(tmp_path):
    (tmp_path / "v.parquet").write_text("no")
    with pytest.raises(ArtefactError, match=r"v\.parquet must be Parquet"):
        read_vectors(tmp_path / "v.parquet")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"gone\.parquet does not exist; check the path"):
        read_vectors(tmp_path / "gone.parquet")


@pytest.mark.parametrize(("written", "named"), [("f2", "f2"), ("", "unknown")])
def test_vectors_of_another_embedder_are_refused(tmp_path, written, named):
    write_vectors(tmp_path / "v.parquet", table(np.eye(2, dtype=np.float32), written))
    with pytest.raises(FingerprintError, match=f"made with embedder {named}, but .* is f1"):
        read_vectors(tmp_path / "v.parquet", fingerprint="f1")


def test_a_write_that_fails_leaves_the_old_table(tmp_path, monkeypatch):
    path = tmp_path / "v.parquet"
    write_vectors(path, table(np.eye(2, dtype=np.float32)))

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_vectors(path, table(np.eye(3, dtype=np.float32)))
    assert len(read_vectors(path).product_ids) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["v.parquet"]
