import gzip

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import TableError
from core_embeddings.frames import (
    read_frame,
    read_raw,
    rename_columns,
    require_columns,
    table_suffix,
)


@pytest.mark.parametrize(
    ("name", "payload", "message"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\n \n", "is empty"),
        ("t.jsonl", b"", "is empty"),
        ("t.parquet", b"", "is empty"),
        ("t.parquet", b"PAR1 nonsense", "not a readable Parquet file"),
        ("t.csv.gz", b"\x1f\x8b broken", "damaged gzip"),
        ("t.csv.gz", gzip.compress(b"product_id\n1\n" * 99)[:-12], "damaged gzip"),
        ("t.csv", "product_id\n1".encode("utf-16"), "not UTF-8"),
        ("t.csv", "product_id,名称\n1,x".encode("gbk"), "not UTF-8.*CSV UTF-8"),
        ("t.csv", b"a,b,a\n1,2,3\n", "two columns named 'a'"),
        ("t.xlsx", b"x", r"ending '\.xlsx'; expected \.parquet, \.csv, \.jsonl"),
        ("t", b"x", "ending 'none'"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_name(tmp_path, name, payload, message):
    (tmp_path / name).write_bytes(payload)
    with pytest.raises(TableError, match=message) as caught:
        read_frame(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_missing_files_folders_and_unknown_protocols_are_refused(tmp_path):
    with pytest.raises(TableError, match=r"does not exist"):
        read_frame(tmp_path / "t.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match=r"is a folder|cannot be read"):
        read_frame(tmp_path / "folder.csv")
    with pytest.raises(TableError, match=r"cannot be read.*nosuch"):
        read_frame("nosuch://host/t.csv")


@pytest.mark.parametrize("content", ["product_id,title\n", "product_id,title"])
def test_a_header_alone_is_refused(tmp_path, content):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(TableError, match="no rows that can be read"):
        require_columns(read_frame(tmp_path / "t.csv"), ["product_id"], path="t.csv")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("produkt_id,title", "found: produkt_id, title;.*did you mean 'produkt_id'"),
        ("product_id;title", "separated by ';': save it with commas"),
        ("product_id\ttitle", "separated by .*: save it with commas"),
    ],
)
def test_a_missing_column_is_named_with_what_was_found(tmp_path, header, message):
    (tmp_path / "t.csv").write_text(f"{header}\n1,2\n")
    with pytest.raises(TableError, match=f"no column 'product_id'.*{message}"):
        require_columns(read_frame(tmp_path / "t.csv"), ["product_id"], path="t.csv")


def test_csv_cells_stay_text_and_a_bom_is_no_part_of_the_header(tmp_path):
    (tmp_path / "t.csv").write_bytes(b'\xef\xbb\xbfproduct_id,n\r\n0007,"1\r\n2"\r\n\r\n8,\r\n')
    frame = read_frame(tmp_path / "t.csv")
    assert frame.to_dict("list") == {"product_id": ["0007", "8"], "n": ["1\r\n2", ""]}


def test_ragged_and_broken_csv_rows_cost_only_themselves(tmp_path):
    lines = [
        "product_id,title,size",
        "1,good,S",
        "2,too,many,cells",
        "3,too few",
        '4,"left open,M',
        "5,good,M",
        '6,"closed"late,M',
        "7,good,L",
        '8,"two\nlines",L',
        '9,"open until the end,L',
        "10,good,XL",
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    raw = read_raw(tmp_path / "t.csv")
    assert raw.frame.product_id.tolist() == ["1", "5", "7", "8", "10"]
    assert raw.rows.tolist() == [1, 5, 7, 8, 10]
    rejects = raw.rejects.frame()
    assert rejects["row"].tolist() == [2, 3, 4, 6, 9]
    assert rejects.product_id.tolist() == ["2", "3", "4", "6", "9"]
    assert rejects.reason[0] == "4 cells where the header has 3"
    assert rejects.reason[2:].str.startswith("not a CSV row").all()


def test_bytes_that_are_not_utf8_are_replaced_with_a_warning(tmp_path):
    (tmp_path / "t.csv").write_bytes(
        b"product_id,title\n1,caf\xe9\n2,caf\xc3\xa9\n3,\xef\xbf\xbd\n"
    )
    (tmp_path / "t.jsonl").write_bytes(b'{"product_id": 1, "title": "caf\xe9"}\n{"product_id": 2}')
    for name in ("t.csv", "t.jsonl"):
        rejects = read_raw(tmp_path / name).rejects.frame()
        assert rejects["row"].tolist() == [1]
        assert rejects.reason.str.endswith("replaced; row kept").all()


def test_a_cell_longer_than_the_csv_module_allows_is_read(tmp_path):
    import csv

    before = csv.field_size_limit()
    (tmp_path / "t.csv").write_text(f"product_id,title\n1,{'x' * 300_000}\n")
    assert len(read_frame(tmp_path / "t.csv").title[0]) == 300_000
    assert csv.field_size_limit() == before


def test_json_lines_keep_long_integers_and_take_rows_with_other_keys(tmp_path):
    (tmp_path / "t.jsonl").write_text(
        '\ufeff{"product_id": 9007199254740993}\n\n{"product_id": 2, "b": [1]}\r\n',
        encoding="utf-8",
    )
    frame = read_frame(tmp_path / "t.jsonl")
    assert frame.product_id.tolist() == [9007199254740993, 2]
    assert frame.b.tolist() == [None, [1]]


def test_too_many_json_keys_are_refused_before_they_fill_the_memory(tmp_path):
    lines = "\n".join(f'{{"k{number}": 1}}' for number in range(2_001))
    (tmp_path / "t.jsonl").write_text(lines)
    with pytest.raises(TableError, match="2001 different keys; expected at most 2000"):
        read_frame(tmp_path / "t.jsonl")


def test_a_named_parquet_index_is_a_column_and_holes_keep_integers_whole(tmp_path):
    table = pd.DataFrame({"n": [2**60 + 1, None]}, dtype="Int64")
    table.index = pd.Index(["a", "b"], name="product_id")
    table.to_parquet(tmp_path / "t.parquet")
    frame = read_frame(tmp_path / "t.parquet")
    assert frame.product_id.tolist() == ["a", "b"]
    assert int(frame.n[0]) == 2**60 + 1


def test_a_url_of_any_fsspec_protocol_is_read():
    import fsspec

    with fsspec.open("memory://frames/t.csv.gz", "wb") as stream:
        stream.write(gzip.compress(b"product_id\n1\n"))
    assert read_frame("memory://frames/t.csv.gz").product_id.tolist() == ["1"]
    assert table_suffix("https://host/t.csv.gz?key=a.b") == ".csv"


def test_a_shared_mapping_passes_over_what_another_table_needs():
    frame = pd.DataFrame({"product_id": ["1"], "user": ["u"]})
    mapping = {"title": "name_zh", "product_id": "sku", "user_id": "user"}
    wanted = ("product_id", "user_id")
    renamed = rename_columns(frame, mapping, path="t.csv", wanted=wanted)
    assert renamed.to_dict("list") == {"product_id": ["1"], "user_id": ["u"]}
    with pytest.raises(TableError, match=r"no column 'usr' to use as 'user_id'.*'user'"):
        rename_columns(frame, {"user_id": "usr"}, path="t.csv", wanted=wanted)


def test_columns_can_swap_names_and_one_can_serve_twice():
    frame = pd.DataFrame({"a": [1], "b": [2]})
    swapped = rename_columns(frame, {"a": "b", "b": "a"}, path="t")
    assert swapped.to_dict("list") == {"a": [2], "b": [1]}
    twice = rename_columns(frame, {"x": "a", "y": "a"}, path="t")
    assert twice.to_dict("list") == {"b": [2], "x": [1], "y": [1]}
    assert np.array_equal(rename_columns(frame, None, path="t").to_numpy(), frame.to_numpy())
