import csv
import gzip
import json

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import TableError
from core_embeddings.frames import read_frame
from core_embeddings.writing import write_table


def cells(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\x00"])
def test_csv_text_that_a_spreadsheet_would_run_gets_a_quote(tmp_path, start):
    frame = pd.DataFrame({"t": [f"{start}1+1", "safe = +1"], "n": [-1.5, 2.0], "i": [-3, 4]})
    write_table(frame, tmp_path / "t.csv")
    assert cells(tmp_path / "t.csv")[1:] == [
        [f"'{start}1+1".replace("\r", "\n"), "-1.5", "-3"],
        ["safe = +1", "2.0", "4"],
    ]


def test_csv_formulas_in_lists_categories_mixed_columns_and_headers_are_defused(tmp_path):
    frame = pd.DataFrame(
        {
            "=h": [["=a", "b"], np.array(["c", "d"])],
            "c": pd.Categorical(["@x", None]),
            "m": pd.Series([-1, "-1"], dtype=object),
        }
    )
    write_table(frame, tmp_path / "t.csv")
    assert cells(tmp_path / "t.csv") == [
        ["'=h", "c", "m"],
        ["'=a|b", "'@x", "-1"],
        ["c|d", "", "'-1"],
    ]


def test_what_csv_defused_reads_back_as_it_was(tmp_path):
    texts = ["=1+1", "-5 °C", "'=x", "''", "'quoted'", "", "\nlate", "+49"]
    write_table(pd.DataFrame({"@t": texts, "b": "x"}), tmp_path / "t.csv")
    assert read_frame(tmp_path / "t.csv")["@t"].tolist() == texts


def test_parquet_and_json_lines_keep_values_as_they_are(tmp_path):
    frame = pd.DataFrame({"t": ["=1", ""], "x": [1.5, np.nan], "v": [("a",), ()]})
    write_table(frame, tmp_path / "t.parquet")
    back = pd.read_parquet(tmp_path / "t.parquet")
    assert back.t.tolist() == ["=1", ""]
    assert [list(v) for v in back.v] == [["a"], []]
    write_table(frame, tmp_path / "t.jsonl.gz")
    lines = gzip.decompress((tmp_path / "t.jsonl.gz").read_bytes()).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"t": "=1", "x": 1.5, "v": ["a"]},
        {"t": "", "x": None, "v": []},
    ]


def test_parquet_metadata_is_kept_and_refused_elsewhere(tmp_path):
    import pyarrow.parquet as pq

    frame = pd.DataFrame({"a": [1]})
    write_table(frame, tmp_path / "t.parquet", metadata={"fingerprint": "f00"})
    assert pq.read_schema(tmp_path / "t.parquet").metadata[b"fingerprint"] == b"f00"
    assert pd.read_parquet(tmp_path / "t.parquet").equals(frame)
    with pytest.raises(TableError, match="cannot hold metadata"):
        write_table(frame, tmp_path / "t.csv", metadata={"fingerprint": "f00"})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t.xlsx", r"ending '\.xlsx'"),
        ("t.parquet.gz", "cannot write to"),
        ("memory://t.csv", "cannot write to memory"),
    ],
)
def test_other_targets_are_refused(name, message):
    with pytest.raises(TableError, match=message):
        write_table(pd.DataFrame({"a": [1]}), name)


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    write_table(pd.DataFrame({"a": [1]}), tmp_path / "t.parquet")
    before = (tmp_path / "t.parquet").read_bytes()
    with pytest.raises(Exception, match=r"mix|Expected|Could not convert"):
        write_table(pd.DataFrame({"a": ["x", {1, 2}]}), tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
    (tmp_path / "file").write_text("")
    with pytest.raises(TableError, match=r"cannot write .*; choose another place"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "file" / "t.csv")


def test_equal_tables_make_equal_files(tmp_path):
    frame = pd.DataFrame({"a": ["x"] * 5})
    for name in ("t.csv.gz", "t.parquet", "t.jsonl"):
        write_table(frame, tmp_path / f"1{name}")
        write_table(frame, tmp_path / f"2{name}")
        assert (tmp_path / f"1{name}").read_bytes() == (tmp_path / f"2{name}").read_bytes()
