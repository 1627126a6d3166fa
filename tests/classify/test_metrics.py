"""Metrics by hand arithmetic and against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, top_k_accuracy_score

from classify import metrics

TRUTH = ["a", "a", "a", "b", "c"]
PREDICTED = ["a", "a", "b", "b", "d"]


def test_accuracy_by_hand():
    assert metrics.accuracy(TRUTH, PREDICTED) == 3 / 5


def test_macro_f1_counts_labels_that_are_only_predicted():
    a = 2 * 2 / (3 + 2)  # 2 hits, 3 true, 2 predicted
    b = 2 * 1 / (1 + 2)
    assert metrics.macro_f1(TRUTH, PREDICTED) == pytest.approx((a + b + 0 + 0) / 4)


def test_recall_counts_true_labels_only():
    assert metrics.recall(TRUTH, PREDICTED) == pytest.approx((2 / 3 + 1 + 0) / 3)


@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label")
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_label_metrics_equal_scikit_learns(pairs):
    truth, predicted = map(list, zip(*pairs, strict=True))
    assert metrics.accuracy(truth, predicted) == pytest.approx(accuracy_score(truth, predicted))
    assert metrics.macro_f1(truth, predicted) == pytest.approx(
        f1_score(truth, predicted, average="macro", zero_division=0)
    )
    assert metrics.recall(truth, predicted) == pytest.approx(
        balanced_accuracy_score(truth, predicted)
    )


def test_top5_equals_scikit_learns_and_counts_unknown_values_as_missed():
    rng = np.random.default_rng(0)
    probabilities, codes = rng.dirichlet(np.ones(9), 200), rng.integers(0, 9, 200)
    expected = top_k_accuracy_score(codes, probabilities, k=5)
    assert metrics.top5_accuracy(codes, probabilities) == pytest.approx(expected)
    assert metrics.top5_accuracy(np.array([-1, 0]), np.array([[0.5, 0.5], [0.5, 0.5]])) == 0.5


def test_ece_by_hand_with_two_bins():
    # Bins {.2, .4} and {.6, .8}: |0.5 - 0.3| * 1/2 + |1 - 0.7| * 1/2
    found = metrics.ece([0.8, 0.2, 0.6, 0.4], [1, 0, 1, 1], bins=2)
    assert found == pytest.approx(0.5 * 0.2 + 0.5 * 0.3)


def test_ece_keeps_ties_in_one_bin_whatever_the_order_of_rows():
    confidence, correct = np.full(30, 0.7), np.arange(30) < 21
    assert metrics.ece(confidence, correct) == pytest.approx(0)
    assert metrics.ece(confidence, correct[::-1]) == pytest.approx(0)


def test_ece_of_always_wrong_certainty_is_one():
    assert metrics.ece([1.0] * 20, [False] * 20) == 1.0


@given(
    st.lists(
        st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=1, max_size=60
    )
)
def test_ece_does_not_depend_on_row_order_and_stays_within_0_and_1(rows):
    confidence, correct = zip(*rows, strict=True)
    found = metrics.ece(confidence, correct)
    assert 0 <= found <= 1
    assert metrics.ece(confidence[::-1], correct[::-1]) == pytest.approx(found)


def test_coverage_and_auto_accuracy_by_hand():
    auto, correct = [True, True, False, True], [True, False, False, True]
    assert metrics.coverage(auto) == 0.75
    assert metrics.auto_accuracy(correct, auto) == pytest.approx(2 / 3)
    assert math.isnan(metrics.auto_accuracy([True], [False]))


def test_no_rows_give_nan():
    empty = np.array([])
    for value in (
        metrics.accuracy(empty, empty),
        metrics.macro_f1(empty, empty),
        metrics.recall(empty, empty),
        metrics.ece(empty, empty),
        metrics.coverage(empty),
        metrics.top5_accuracy(np.zeros(0, np.int64), np.zeros((0, 2))),
    ):
        assert math.isnan(value)
