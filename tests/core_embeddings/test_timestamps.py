import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.timestamps import parse_timestamps

NOON = pd.Timestamp("2020-09-20T12:00:00", tz="UTC")


@pytest.mark.parametrize(
    "cell",
    [
        "2020-09-20T12:00:00Z",
        "2020-09-20 12:00:00",
        "2020-09-20T20:00:00+08:00",
        "20200920T120000Z",
        "2020-W38-7T12:00",
        " 2020-09-20T12:00 ",
        "1600603200",
        "1600603200.0",
        1600603200,
        1600603200.0,
        "1.6006032e9",
        pd.Timestamp("2020-09-20 12:00"),
        pd.Timestamp("2020-09-20 05:00", tz="America/Los_Angeles").to_pydatetime(),
    ],
)
def test_one_instant_in_many_spellings(cell):
    instants = parse_timestamps(pd.Series([cell], dtype=object))
    assert instants.values.dtype == "datetime64[ns, UTC]"
    assert instants.values[0] == NOON
    assert not instants.bad.any()


@pytest.mark.parametrize("cell", ["2020-09-20", "20200920", 20200920])
def test_a_date_is_its_first_instant(cell):
    assert parse_timestamps(pd.Series([cell], dtype=object)).values[0] == NOON.floor("D")


@pytest.mark.parametrize(
    "cell",
    ["yesterday", "20/09/2020", "2020-13-01", "2020-02-30", "1600603200000", "inf", "9999-01-01",
     "0001-01-01", "12:00", "\ud800", "1e300"],
)  # fmt: skip
def test_what_is_no_instant_is_bad_and_nat(cell):
    instants = parse_timestamps(pd.Series([cell, "2020-09-20"], dtype=object))
    assert instants.bad.tolist() == [True, False]
    assert instants.values.isna().tolist() == [True, False]


@pytest.mark.parametrize("cell", ["", None, float("nan"), pd.NaT, "null"])
def test_missing_is_nat_and_not_bad(cell):
    instants = parse_timestamps(pd.Series([cell], dtype=object))
    assert instants.values.isna().all()
    assert not instants.bad.any()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_typed_columns_of_any_unit_and_zone_are_taken(unit):
    column = pd.Series(["2020-09-20T12:00:00", None]).astype(f"datetime64[{unit}]")
    for given_column in (column, column.dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai")):
        instants = parse_timestamps(given_column)
        assert instants.values.dtype == "datetime64[ns, UTC]"
        assert instants.values[0] == NOON
        assert instants.values.isna().tolist() == [False, True]
        assert not instants.bad.any()


def test_typed_instants_beyond_nanoseconds_are_bad():
    column = pd.Series(["9999-01-01", "2020-09-20"]).astype("datetime64[s]")
    assert parse_timestamps(column).bad.tolist() == [True, False]


@given(st.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")))
def test_iso_text_and_pandas_agree(moment):
    value = parse_timestamps(pd.Series([moment.isoformat()], dtype=object)).values[0]
    assert value == pd.Timestamp(moment, tz="UTC")
