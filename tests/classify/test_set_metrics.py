"""Metrics of sets: scikit-learn's, where it has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import accuracy_score, f1_score

from classify.metrics import macro_f1
from classify.set_metrics import (
    cells_macro_f1,
    set_macro_f1,
    set_micro_f1,
    subset_accuracy,
)

PAIRS = hnp.arrays(bool, (2, 7, 4), elements=st.booleans())


@given(PAIRS)
def test_metrics_equal_scikit_learns(pair):
    truth, said = pair
    met = truth.any(axis=0) | said.any(axis=0)
    if not met.any():
        return
    assert subset_accuracy(truth, said) == pytest.approx(accuracy_score(truth, said))
    assert set_micro_f1(truth, said) == pytest.approx(f1_score(truth, said, average="micro"))
    expected = np.mean([f1_score(truth[:, at], said[:, at]) for at in np.flatnonzero(met)])
    assert set_macro_f1(truth, said) == pytest.approx(expected)


def test_nothing_to_measure_is_no_number():
    nothing = np.zeros((0, 3), dtype=bool)
    for metric in (subset_accuracy, set_micro_f1, set_macro_f1):
        assert np.isnan(metric(nothing, nothing))


def test_of_cells_of_one_value_it_is_the_macro_f1_of_labels():
    truth = np.array(["red", "red", "blue", "green"], dtype=object)
    said = np.array(["red", "blue", "blue", "black"], dtype=object)
    assert cells_macro_f1(truth, said) == pytest.approx(macro_f1(truth, said))


def test_cells_of_several_values_are_measured_value_by_value():
    truth = np.array(["a|b", "b"], dtype=object)
    said = np.array(["a", "b|c"], dtype=object)
    assert cells_macro_f1(truth, said) == pytest.approx((1 + 2 / 3 + 0) / 3)
