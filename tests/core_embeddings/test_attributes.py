import numpy as np
import pandas as pd
import pytest

from core_embeddings.attributes import convert_attribute


def converted(*cells, dtype=object):
    return convert_attribute(pd.Series(list(cells), dtype=dtype))


def test_text_numbers_become_numbers_and_whole_ones_stay_whole():
    assert converted("1", "-2", "30").values.tolist() == [1, -2, 30]
    assert converted("1", "-2", "30").values.dtype == np.int64
    assert converted("1", "", "30").values.dtype == np.float64
    assert converted("1.0", "2.5").values.tolist() == [1.0, 2.5]


def test_a_leading_zero_makes_codes_of_all_cells_but_0_and_decimals_are_numbers():
    assert converted("0007", "8").values.tolist() == ["0007", "8"]
    assert converted("0", "0.5", "-0.25").values.tolist() == [0.0, 0.5, -0.25]


def test_the_few_cells_that_are_no_number_are_reported_and_empty():
    values, bad = converted(*["1.5"] * 18, "cheap", "inf", "")
    assert bad == [(18, "cheap"), (19, "inf")]
    assert np.isnan(values[18:]).all()
    assert (values[:18] == 1.5).all()


@pytest.mark.parametrize(("numbers", "is_numeric"), [(9, True), (8, False)])
def test_nine_tenths_of_the_present_cells_decide(numbers, is_numeric):
    values, bad = converted(*["1"] * numbers, "x", *[""] * 50)
    assert (values.dtype == np.float64) == is_numeric
    assert len(bad) == is_numeric


def test_infinite_typed_numbers_are_reported():
    values, bad = converted(1.0, float("-inf"), float("nan"), dtype="float32")
    assert bad == [(1, "-inf")]
    assert np.isnan(values[1:]).all()


def test_integers_that_do_not_fit_are_floats_not_wrapped():
    assert converted(2**64 - 1, 1, dtype="uint64").values.tolist() == [2.0**64, 1.0]
    assert converted(str(2**70), "1").values.tolist() == [2.0**70, 1.0]


def test_text_is_cleaned_and_missing_text_is_empty():
    assert converted("  red ", None, "a | b||").values.tolist() == ["red", "", "a|b"]
    assert converted(True, False).values.tolist() == ["true", "false"]
    assert converted("nan", "").values.tolist() == ["nan", ""]


def test_nullable_integers_become_floats_with_nan():
    values = converted(1, pd.NA, dtype="Int64").values
    assert values.dtype == np.float64
    assert np.isnan(values[1])
