"""Thresholds known by construction, and a promise counted out over every way rows can err."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classify.decisions import NEVER, allowed_errors, chance_to_pass, choose_threshold


def falling(n_rows):
    return np.linspace(0.99, 0.5, n_rows)


def chosen(correct, target, assurance=0.9, min_rows=1):
    return choose_threshold(
        falling(len(correct)),
        correct,
        target_precision=target,
        assurance=assurance,
        min_rows=min_rows,
    )


def test_without_an_error_everything_is_auto_once_the_rows_suffice():
    assert chosen([True] * 200, 0.95).rows == 200
    assert chosen([True] * 22, 0.95, assurance=0.5).rows == 22
    assert chosen([True] * 20, 0.95) == NEVER  # .95 ** 20 is .36, far from .1


def test_errors_at_the_low_end_are_left_to_review():
    found = chosen([True] * 150 + [False] * 50, 0.95)
    assert 150 <= found.rows < 160
    assert found.value == falling(200)[found.rows - 1]
    assert found.precision == pytest.approx(150 / found.rows)


def test_no_sample_can_promise_that_nothing_is_wrong():
    assert chosen([True] * 1000, 1.0) == NEVER


def test_no_threshold_good_enough_sends_everything_to_review():
    found = chosen([False] * 50, 0.5)
    assert math.isinf(found.value)
    assert not found.decide([0.999, 1.0]).any()


def test_no_rows_or_fewer_than_asked_for_send_everything_to_review():
    assert chosen([True] * 50, 0.5, min_rows=51) == NEVER
    assert chosen([], 0.5) == NEVER


def test_rows_of_equal_confidence_are_decided_together():
    confidence, correct = [0.9] * 100 + [0.1] * 10, [True] * 90 + [False] * 20
    assert choose_threshold(confidence, correct, target_precision=0.95) == NEVER
    assert choose_threshold(confidence, correct, target_precision=0.8).value == 0.9


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(0.5, 0.9), st.randoms())
def test_order_of_rows_is_irrelevant(correct, target, random):
    order = list(range(len(correct)))
    random.shuffle(order)
    shuffled = choose_threshold(
        falling(len(correct))[order], np.array(correct)[order], target_precision=target
    )
    straight = choose_threshold(falling(len(correct)), correct, target_precision=target)
    assert shuffled == straight


@given(st.lists(st.booleans(), min_size=30, max_size=80), st.floats(0.5, 0.9))
def test_a_stricter_promise_never_decides_more(correct, target):
    assert chosen(correct, target).rows >= chosen(correct, target + 0.05).rows
    assert chosen(correct, target).rows >= chosen(correct, target, assurance=0.97).rows


@pytest.mark.parametrize("error", [0.2, 0.4])
def test_chance_to_pass_is_that_counted_out_over_every_way_to_err(error):
    looks, most = np.array([3, 4, 6, 9]), np.array([-1, 0, 1, 2])
    counted = 0.0
    for errs in product((0, 1), repeat=9):
        errors = np.cumsum(errs)[looks - 1]
        counted += (errors <= most).any() * error ** sum(errs) * (1 - error) ** (9 - sum(errs))
    assert chance_to_pass(looks, most, error=error) == pytest.approx(counted)


@given(st.integers(1, 400), st.sampled_from([0.02, 0.05, 0.2, 0.5]), st.floats(0.5, 0.99))
def test_rows_that_err_too_often_pass_no_more_often_than_promised(n_rows, error, assurance):
    looks, most = allowed_errors(n_rows, error=error, assurance=assurance, min_rows=1)
    assert (np.diff(looks) > 0).all()
    assert (most < np.maximum(error * looks, 1)).all()
    if len(looks):
        assert chance_to_pass(looks, most, error=error) <= 1 - assurance + 1e-12


@pytest.mark.parametrize("precision", [0.80, 0.90])
def test_the_promise_is_kept_in_all_but_the_admitted_share_of_draws(precision):
    """Confidence that is honest and spread out; the true precision above a cut is then known."""
    rng = np.random.default_rng(0)
    population = np.sort(rng.beta(4, 1, 20_000))[::-1]
    true_precision = np.cumsum(population) / np.arange(1, 20_001)
    broken, auto = 0, []
    for _ in range(300):
        confidence = rng.choice(population, 300)
        correct = rng.random(300) < confidence
        found = choose_threshold(confidence, correct, target_precision=precision)
        count = int((population >= found.value).sum())
        auto.append(count / len(population))
        broken += count > 0 and true_precision[count - 1] < precision
    assert broken / 300 <= 0.1
    assert np.mean(auto) > 0.1  # and not by sending everything to review


def test_no_sample_proves_that_nothing_is_ever_wrong():
    assert chosen([True] * 5000, 1.0) is NEVER
