import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import TableError
from core_embeddings.interactions import read_interactions
from core_embeddings.writing import write_table

KNOWN = ["p1", "p2", "0007"]


def read(tmp_path, text, **options):
    (tmp_path / "i.csv").write_text(text)
    return read_interactions(tmp_path / "i.csv", known_products=KNOWN, **options)


def test_bad_rows_are_named_once_by_their_first_problem_and_good_ones_go_on(tmp_path):
    lines = [
        "user_id,product_id,event,value,timestamp",
        "u1,p1,view,1,2020-09-20",
        ",p1,view,1,2020-09-20",
        "u1,,view,1,2020-09-20",
        "u1,p9,view,many,never",
        "u1,p1,view,many,2020-09-20",
        "u1,p1,view,inf,2020-09-20",
        "u1,p1,view,1,never",
        "u1,p1,view,1",
        "u2,0007, CART ,,",
    ]
    rows, rejects = read(tmp_path, "\n".join(lines))
    assert rows.user_id.tolist() == ["u1", "u2"]
    assert rows.product_id.tolist() == ["p1", "0007"]
    assert rows.event.tolist() == ["view", "cart"]
    assert rejects["row"].tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert rejects["column"].tolist() == [
        "user_id", "product_id", "product_id", "value", "value", "timestamp", "",
    ]  # fmt: skip
    assert rejects["value"].tolist()[2:6] == ["p9", "many", "inf", "never"]
    assert rejects.reason[2] == "unknown product"


def test_event_value_and_timestamp_are_optional(tmp_path):
    rows, rejects = read(tmp_path, "user_id,product_id\n1,p1\n1,p1\n")
    assert rejects.empty
    assert rows.event.tolist() == ["purchase", "purchase"]
    assert rows.user_id.tolist() == ["1", "1"]
    assert rows.value.dtype == np.float64
    assert rows.timestamp.dtype == "datetime64[ns, UTC]"
    assert rows.timestamp.isna().all()


def test_every_format_reads_alike_and_extra_columns_are_kept(tmp_path):
    table = pd.DataFrame(
        {
            "user_id": [1, 2],
            "product_id": ["p1", "0007"],
            "value": [4.5, np.nan],
            "timestamp": pd.to_datetime(["2020-09-20T12:00:00.5Z", None]),
            "price": [0.25, 1.5],
            "shop": ["web", ""],
        }
    )
    frames = []
    for name in ("i.parquet", "i.csv", "i.jsonl.gz"):
        write_table(table, tmp_path / name)
        loaded = read_interactions(tmp_path / name, known_products=KNOWN)
        assert loaded.rejects.empty
        frames.append(loaded.rows)
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])
    assert frames[0].user_id.tolist() == ["1", "2"]
    assert frames[0].shop.tolist() == ["web", ""]


def test_a_table_without_users_or_rows_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"no column 'user_id'.*found: user, product_id"):
        read(tmp_path, "user,product_id\nu,p1\n")
    with pytest.raises(TableError, match="no rows"):
        read(tmp_path, "user_id,product_id\n")


def test_a_mapping_meant_for_the_catalogue_is_passed_over(tmp_path):
    mapping = {"title": "name_zh", "user_id": "user"}
    rows = read(tmp_path, "user,product_id\nu,p1\n", columns=mapping).rows
    assert rows.user_id.tolist() == ["u"]


def test_only_bad_rows_give_an_empty_typed_table(tmp_path):
    rows, rejects = read(tmp_path, "user_id,product_id\nu,nope\n")
    assert len(rows) == 0
    assert len(rejects) == 1
    assert rows.timestamp.dtype == "datetime64[ns, UTC]"
