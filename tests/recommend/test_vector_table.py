import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core_embeddings.errors import ArtefactError
from recommend.vector_table import read_vectors


@pytest.mark.parametrize("kind", [pa.list_(pa.float32(), 2), pa.list_(pa.float64())])
def test_fixed_and_plain_lists_read_alike(tmp_path, kind):
    vectors = pa.array([[1, 0], [0, 1]], type=kind)
    table = pa.table({"product_id": ["b", "a"], "vector": vectors})
    path = tmp_path / "v.parquet"
    pq.write_table(table.replace_schema_metadata({"fingerprint": "fp"}), path)
    found = read_vectors(path)
    assert found.ids == ["b", "a"] and found.fingerprint == "fp"
    assert np.array_equal(found.vectors, np.eye(2)) and found.vectors.dtype == np.float32


def test_a_file_that_does_not_name_its_embedder_gives_none(tmp_path):
    pq.write_table(pa.table({"product_id": [7], "vector": [[1.0]]}), tmp_path / "v.parquet")
    found = read_vectors(tmp_path / "v.parquet")
    assert found.ids == ["7"] and found.fingerprint == ""


@pytest.mark.parametrize(
    "columns",
    [
        {"product_id": ["a"]},
        {"product_id": ["a", "b"], "vector": [[1.0, 2.0], [1.0]]},
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path, columns):
    pq.write_table(pa.table(columns), tmp_path / "v.parquet")
    with pytest.raises(ArtefactError, match="columns product_id and vector"):
        read_vectors(tmp_path / "v.parquet")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"gone\.parquet"):
        read_vectors(tmp_path / "gone.parquet")
