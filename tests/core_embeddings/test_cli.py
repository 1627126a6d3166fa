"""``python -m core_embeddings`` from a table to vectors."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core_embeddings.cli import main

SMALL = ["backbone=pixels", "image_size=32", "word_vectors=none", "epochs=1", "rnn_size=8"]
SMALL += ["tower_size=16", "embedding_size=12", "word_size=8"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    titles = [f"{color} {kind} {i}" for i in range(6) for color in ("red", "黑色") for kind in "ab"]
    table = pd.DataFrame({"product_id": [f"{i:03}" for i in range(24)], "name": titles})
    table.to_csv(folder / "table.csv", index=False)
    return folder


def run(arguments):
    """Run and return the exit code."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def test_train_then_encode_writes_one_unit_vector_per_product(files, capsys):
    table, out = files / "table.csv", files / "vectors.parquet"
    settings = [part for item in SMALL for part in ("--set", item)]
    naming = ["--column", "title=name", "--json"]
    assert run(["train", table, "--out", files / "e", *settings, *naming]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert run(["encode", files / "e", table, "--out", out, *naming]) == 0
    assert json.loads(capsys.readouterr().out)["fingerprint"] == trained["fingerprint"]
    found = pq.read_table(out)
    assert found.schema.field("vector").type == pa.list_(pa.float32(), 12)
    assert found.column("product_id").to_pylist() == [f"{i:03}" for i in range(24)]
    lengths = np.linalg.norm(np.stack(found.column("vector").to_numpy()), axis=1)
    assert lengths == pytest.approx(1, abs=1e-6)
    assert not any(found.column("has_image").to_pylist())


def test_failure_exits_1_with_the_reason_on_stderr(files, capsys):
    assert run(["encode", files / "nothing", files / "table.csv", "--out", "v.parquet"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nothing" in captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "e", "table.csv", "--out", "vectors.csv"],
        ["train", "table.csv", "--out", "e", "--column", "title"],
        ["train", "--nonsense"],
    ],
)
def test_wrong_usage_exits_2(arguments, capsys):
    assert run(arguments) == 2
    assert capsys.readouterr().err
