"""Permutation tests: right by plain loops, silent where nothing changed, loud where it did."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuwen.two_samples import (
    NOTHING,
    Sides,
    conformal_p_values,
    draw_sides,
    energy_test,
    holm,
    mean_test,
    stability_test,
)


def sides_of(new, *, groups=None, draws=199, seed=0):
    new = np.asarray(new, dtype=bool)
    groups = np.arange(len(new)) if groups is None else groups
    return draw_sides(new, groups, draws=draws, seed=seed)


def mean_distance(left, right):
    return np.mean([[np.linalg.norm(a - b) for b in right] for a in left])


def test_the_energy_coefficient_is_that_of_plain_loops():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(14, 3))
    new = np.arange(14) < 5
    x, y = rows[new], rows[~new]
    across = 2 * mean_distance(x, y)
    expected = (across - mean_distance(x, x) - mean_distance(y, y)) / across
    assert energy_test(rows, sides_of(new)).size == pytest.approx(expected, abs=1e-5)


def test_the_stability_index_is_the_textbook_one():
    values = np.array(["a"] * 30 + ["b"] * 70 + ["a"] * 50 + ["b"] * 50, dtype=object)
    new = np.arange(200) >= 100
    old, fresh = np.array([30.5, 70.5]) / 101, np.array([50.5, 50.5]) / 101
    expected = ((fresh - old) * np.log(fresh / old)).sum()
    assert stability_test(values, sides_of(new)).size == pytest.approx(expected)


def test_rare_values_are_counted_as_one():
    rng = np.random.default_rng(1)
    values = np.array(["common"] * 900 + [f"rare {at}" for at in range(100)], dtype=object)
    new = rng.random(1000) < 0.5
    assert stability_test(values, sides_of(new)).size < 0.05


def test_the_mean_difference_is_signed_and_its_p_value_counts_both_ways():
    values = np.array([0.0, 0, 0, 0, 1, 1, 1, 1])
    found = mean_test(values, sides_of(values == 1, draws=9999))
    assert found.size == 1
    # Of the 70 ways to choose 4 of 8, two are as extreme.
    assert found.p_value == pytest.approx(2 / 70, abs=0.006)
    assert mean_test(values, sides_of(values == 0)).size == -1


@pytest.mark.parametrize("test", [energy_test, mean_test, stability_test])
def test_where_nothing_changed_alarms_are_as_rare_as_promised(test):
    """300 trials at 10 %: 30 expected; 48 or more have a chance below one in a thousand."""
    alarms = 0
    for trial in range(300):
        rng = np.random.default_rng(trial)
        rows = rng.normal(size=(40, 2))
        values = {
            energy_test: rows,
            mean_test: rows[:, 0],
            stability_test: np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, 40)],
        }[test]
        alarms += test(values, sides_of(np.arange(40) < 15, seed=trial)).p_value <= 0.1
    assert alarms < 48


def test_variants_of_one_product_are_no_evidence():
    """Ten groups of ten equal rows: by rows they always look shifted, by groups they do not."""
    by_row, by_group = 0, 0
    for trial in range(100):
        rng = np.random.default_rng(trial)
        groups = np.repeat(np.arange(20), 10)
        values, new = rng.normal(size=20)[groups], groups < 10
        by_row += mean_test(values, sides_of(new, seed=trial)).p_value <= 0.05
        by_group += mean_test(values, sides_of(new, groups=groups, seed=trial)).p_value <= 0.05
    assert by_row > 30
    assert by_group <= 13  # 5 expected; more than 13 have a chance below one in a thousand


@pytest.mark.parametrize("test", [energy_test, mean_test, stability_test])
def test_a_shift_is_found(test):
    rng = np.random.default_rng(3)
    new = np.arange(200) < 80
    rows = rng.normal(size=(200, 2)) + new[:, None]
    values = {
        energy_test: rows,
        mean_test: rows[:, 0],
        stability_test: np.where(rows[:, 0] > 0.5, "a", "b").astype(object),
    }[test]
    assert test(values, sides_of(new)).p_value == 1 / 200


def test_a_wider_spread_with_the_same_mean_is_found_in_vectors():
    rng = np.random.default_rng(4)
    new = np.arange(400) < 200
    rows = rng.normal(size=(400, 2)) * np.where(new, 3, 1)[:, None]
    assert energy_test(rows, sides_of(new)).p_value <= 0.01


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40))
def test_drawn_sides_keep_groups_whole_and_the_number_of_groups(rows):
    groups, new = np.array([g for g, _ in rows]), np.array([n for _, n in rows])
    sides = draw_sides(new, groups, draws=20, seed=0)
    units = 2 * groups + new
    for drawn in sides.drawn:
        assert all(len(set(drawn[units == unit])) == 1 for unit in set(units))
        assert len(set(units[drawn])) == len(set(units[new]))


def test_an_empty_side_is_no_difference():
    sides = Sides(np.zeros(3, dtype=bool), np.zeros((5, 3), dtype=bool))
    assert mean_test(np.arange(3.0), sides) == NOTHING
    assert energy_test(np.eye(3), sides) == NOTHING


def test_conformal_p_values_count_known_ones_as_strange():
    known = np.array([1.0, 2, 3, 4])
    found = conformal_p_values(np.array([0.0, 2, 3.5, 9]), known)
    np.testing.assert_allclose(found, [5 / 5, 4 / 5, 2 / 5, 1 / 5])


def test_conformal_p_values_of_like_products_are_at_most_alpha_that_often():
    rng = np.random.default_rng(5)
    below = [
        (conformal_p_values(rng.normal(size=50), rng.normal(size=99)) <= 0.1).mean()
        for _ in range(200)
    ]
    assert np.mean(below) == pytest.approx(0.1, abs=0.015)


def test_holm_steps_down():
    # .01 · 3, then .02 · 2, then max(.04, .03 · 1); none falls below the one before.
    np.testing.assert_allclose(holm(np.array([0.03, 0.01, 0.02])), [0.04, 0.03, 0.04])
    np.testing.assert_allclose(holm(np.array([0.6, 0.9])), [1, 1])
