"""Thresholds known by construction."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classify.decisions import NEVER, choose_threshold, wilson_lower_bound

CONFIDENCE = [0.9, 0.8, 0.7, 0.6, 0.5]
CORRECT = [True, True, True, False, False]


def measured(confidence, correct, target, min_rows=1):
    return choose_threshold(
        confidence, correct, target_precision=target, assurance=0.5, min_rows=min_rows
    )


def test_lowest_threshold_that_keeps_the_target_by_hand():
    # Precision at .9, .8, .7, .6, .5: 1, 1, 1, 3/4, 3/5
    assert measured(CONFIDENCE, CORRECT, 1.0).value == 0.7
    assert measured(CONFIDENCE, CORRECT, 0.75).value == 0.6
    assert measured(CONFIDENCE, CORRECT, 0.6).value == 0.5


def test_order_of_rows_is_irrelevant():
    assert measured(CONFIDENCE[::-1], CORRECT[::-1], 0.75) == measured(CONFIDENCE, CORRECT, 0.75)


def test_rows_of_equal_confidence_are_decided_together():
    found = measured([0.9, 0.9, 0.9, 0.1], [True, True, False, False], 0.9)
    assert found == NEVER  # two right rows alone would qualify, the third shares their confidence


def test_no_threshold_good_enough_sends_everything_to_review():
    found = measured([0.9, 0.8], [False, False], 0.5)
    assert math.isinf(found.value)
    assert not found.decide([0.999, 1.0]).any()


def test_too_few_rows_send_everything_to_review():
    assert measured(CONFIDENCE, CORRECT, 0.5, min_rows=6) == NEVER
    assert measured([], [], 0.5) == NEVER


def test_assurance_asks_for_more_evidence():
    few = choose_threshold([0.9] * 10, [True] * 10, target_precision=0.95, assurance=0.9)
    many = choose_threshold([0.9] * 100, [True] * 100, target_precision=0.95, assurance=0.9)
    assert few == NEVER
    assert many.value == 0.9


def test_wilson_bound_solves_its_defining_equation():
    z, share, rows = NormalDist().inv_cdf(0.9), 0.93, 40
    low = float(wilson_lower_bound(np.array([share]), np.array([rows]), assurance=0.9)[0])
    assert (share - low) / math.sqrt(low * (1 - low) / rows) == pytest.approx(z)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=50),
    st.floats(0.1, 1.0),
)
def test_chosen_threshold_keeps_its_promise_and_no_lower_one_does(rows, target):
    confidence = np.array([level / 20 for level, _ in rows])
    correct = np.array([hit for _, hit in rows])
    found = measured(confidence, correct, target)
    keeps = {
        level: correct[confidence >= level].mean() >= target - 1e-12 for level in set(confidence)
    }
    expected = min((level for level, good in keeps.items() if good), default=math.inf)
    assert found.value == expected
