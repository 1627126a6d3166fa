import pandas as pd
import pytest

from core_embeddings.errors import TableError
from core_embeddings.raw_formats import read_csv, read_jsonl


def test_row_numbers_count_data_rows_and_skip_blank_lines():
    raw = read_csv(b"a,b\n\n1,2\n\n3\n4,5\n", "t.csv")
    assert raw.rows.tolist() == [1, 3]
    assert raw.rejects.frame()["row"].tolist() == [2]
    raw = read_jsonl(b'{"a": 1}\n\n{\n{"a": 2}', "t.jsonl")
    assert raw.rows.tolist() == [1, 3]
    assert raw.rejects.frame()["row"].tolist() == [2]


def test_nameless_columns_get_a_name_by_place():
    frame = read_csv(b",a,\n1,2,3\n", "t.csv").frame
    assert frame.columns.tolist() == ["column_1", "a", "column_3"]


def test_the_product_of_a_broken_row_is_named_where_it_can_be():
    rejects = read_csv(b"title,product_id\nx,7,extra\ny\n", "t.csv").rejects.frame()
    assert rejects.product_id.tolist() == ["7", ""]


def test_a_header_of_line_ends_only_is_refused():
    with pytest.raises(TableError, match=r"t\.csv has no header"):
        read_csv(b"\xef\xbb\xbf\n\n", "t.csv")


def test_old_mac_line_ends_are_line_ends():
    assert read_csv(b"a,b\r1,2\r", "t.csv").frame.equals(pd.DataFrame({"a": ["1"], "b": ["2"]}))
