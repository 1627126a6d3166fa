"""Probabilities whose verdicts follow from the rule by hand."""

import math

import numpy as np
import pytest

from classify.decisions import NEVER, Threshold
from classify.promise import Rule
from classify.verdict_metrics import verdict_metrics
from classify.verdicts import judge, judge_by_kind

PATHS = np.array(["A > x", "A > y", "B > z"], dtype=object)
ENOUGH = np.array([9, 9, 9])


def at(*values):
    return tuple(Threshold(value, 1.0, 99) for value in values)


def said(rows, rule, **settings):
    return judge(np.array(rows, dtype=float), PATHS, rule, examples=ENOUGH, **settings)


def test_the_deepest_level_that_is_sure_enough_is_said():
    found = said([[0.95, 0.03, 0.02], [0.6, 0.39, 0.01], [0.4, 0.2, 0.4]], Rule(at(0.9, 0.95)))
    assert found.value.tolist() == ["A > x", "A", "A > x"]
    assert found.auto.tolist() == [True, True, False]
    np.testing.assert_allclose(found.confidence, [0.95, 0.99, 0.4])


def test_the_start_of_a_path_is_the_likeliest_start_not_that_of_the_likeliest_value():
    found = said([[0.35, 0.25, 0.4]], Rule((NEVER, *at(0.5))))
    assert found.value.tolist() == ["A"]
    np.testing.assert_allclose(found.confidence, [0.6])


def test_what_may_follow_a_start_are_values_in_it():
    found = said([[0.3, 0.6, 0.1], [0.96, 0.03, 0.01]], Rule(at(0.95, 0.85)))
    assert found.others == [["A > y", "A > x"], ["A > y", "B > z"]]


def test_a_path_that_ends_where_others_go_on_is_no_alternative_to_itself():
    classes = np.array(["A", "A > x", "B", "C > y"], dtype=object)
    rows = np.array([[0.6, 0.3, 0.1, 0.0], [0.05, 0.0, 0.9, 0.05]])
    found = judge(rows, classes, Rule((NEVER, *at(0.8))), examples=np.full(4, 9))
    assert found.value.tolist() == ["A", "B"] and found.auto.all()
    assert found.others == [["A > x"], ["A", "C > y", "A > x"]]


def test_review_shows_every_plausible_value_and_at_least_the_next():
    rows = [[0.5, 0.3, 0.2], [0.5, 0.45, 0.05], [0.9, 0.06, 0.04]]
    found = said(rows, Rule((NEVER, NEVER), least=0.2))
    assert found.others == [["A > y", "B > z"], ["A > y"], ["A > y"]]


def test_without_evidence_review_shows_the_next_four():
    classes = np.array(list("abcdefg"), dtype=object)
    probabilities = np.array([[0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05]])
    found = judge(probabilities, classes, Rule(), examples=np.full(7, 9))
    assert found.others == [["b", "c", "d", "e"]]
    assert not found.auto.any()


def test_a_rare_value_is_reviewed_though_its_parent_may_be_decided():
    rare = np.array([1, 9, 9])
    sure = np.array([[0.99, 0.005, 0.005]])
    leaf = judge(sure, PATHS, Rule(at(0.9)), examples=rare, min_examples=2)
    assert (leaf.value[0], leaf.auto[0]) == ("A > x", False)
    parent = judge(sure, PATHS, Rule(at(0.9, 0.9)), examples=rare, min_examples=2)
    assert (parent.value[0], parent.auto[0]) == ("A", True)


def test_each_kind_of_row_has_its_own_rule_and_none_means_review():
    rows = np.tile([[0.95, 0.03, 0.02]], (3, 1))
    found = judge_by_kind(
        rows,
        PATHS,
        {"both": Rule(at(0.9)), "text": Rule(at(0.99))},
        np.array(["both", "text", "image"]),
        examples=ENOUGH,
    )
    assert found.auto.tolist() == [True, False, False]


def test_no_rows_give_no_verdicts():
    found = judge_by_kind(np.empty((0, 3)), PATHS, {}, np.empty(0, "<U5"), examples=ENOUGH)
    assert len(found.value) == len(found.others) == 0


def test_metrics_of_decisions_by_hand():
    truth = np.array(["A > x", "A > y", "B > z", "A > y"], dtype=object)
    rows = [[0.95, 0.03, 0.02], [0.6, 0.39, 0.01], [0.5, 0.3, 0.2], [0.4, 0.35, 0.25]]
    found = said(rows, Rule(at(0.9, 0.95), least=0.3))
    metrics = verdict_metrics(truth, PATHS[np.argmax(rows, axis=1)], found)
    assert metrics["coverage"] == 0.5  # the first whole, the second as far as A
    assert metrics["whole_coverage"] == 0.25
    assert metrics["auto_accuracy"] == 1  # A is the start of A > y
    assert metrics["plausible_coverage"] == 0.5  # x, y for both: not B > z
    assert metrics["plausible_size"] == 2
    # Likeliest: all A > x; common ancestors 2, 1, 0, 1 of 8 and 8.
    assert metrics["hierarchical_f1"] == pytest.approx(2 * 4 / 16)


def test_metrics_without_paths_or_reviewed_rows_leave_nothing_made_up():
    classes, truth = np.array(["a", "b"], dtype=object), np.array(["a"], dtype=object)
    found = judge(np.array([[0.9, 0.1]]), classes, Rule(at(0.5)), examples=np.array([9, 9]))
    metrics = verdict_metrics(truth, truth, found)
    assert set(metrics) == {"coverage", "auto_accuracy", "plausible_coverage", "plausible_size"}
    assert math.isnan(metrics["plausible_coverage"])
