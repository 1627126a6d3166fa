import pandas as pd
import pytest

from core_embeddings.columns import REJECT_COLUMNS
from core_embeddings.rejects import PRODUCT_KEPT, ROW_KEPT, VALUE_LIMIT, RejectLog, is_warning


def test_rejects_come_ordered_by_row_and_in_order_of_finding_within_one():
    log = RejectLog()
    for row, reason in ((3, "c"), (1, "a"), (3, "d")):
        log.add(row, "title", reason)
    assert log.frame()[["row", "reason"]].values.tolist() == [[1, "a"], [3, "c"], [3, "d"]]
    assert len(log) == 3


@pytest.mark.parametrize("rows", [0, 1])
def test_the_columns_and_types_do_not_depend_on_the_number_of_rejects(rows):
    log = RejectLog()
    for row in range(rows):
        log.add(row, "title", "reason")
    frame = log.frame()
    assert tuple(frame.columns) == REJECT_COLUMNS
    assert frame["row"].dtype == "int64"
    assert is_warning(frame).tolist() == [False] * rows


def test_a_value_is_cut_and_made_safe_to_store():
    log = RejectLog()
    log.add(1, "title", "reason", value="x" * 1_000, product_id="\ud800")
    only = log.frame().iloc[0]
    assert len(only["value"]) == VALUE_LIMIT
    assert only.product_id.encode("utf-8") == b"?"


def test_a_kept_row_is_a_warning():
    log = RejectLog()
    for reason in ("gone", f"bad{ROW_KEPT}", f"bad{PRODUCT_KEPT} as text only"):
        log.add(1, "image", reason)
    assert is_warning(log.frame()).tolist() == [False, True, True]
    assert isinstance(is_warning(log.frame()), pd.Series)
