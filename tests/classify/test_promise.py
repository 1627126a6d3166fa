"""Rules made from evidence known by construction."""

import math

import numpy as np
import pytest

from classify.decisions import NEVER
from classify.promise import (
    NOT_TO_DECIDE,
    Evidence,
    Promise,
    Rule,
    least_plausible,
    parse_target,
    targets_of,
)
from core_embeddings.errors import ConfigError

N = 400


def evidence(*levels, truth=()):
    confidence, correct = zip(*levels, strict=True)
    return Evidence(np.array(confidence), np.array(correct), np.array(truth, dtype=np.float64))


def test_each_level_decides_on_what_the_one_below_left():
    """The upper half is certain of the whole path, the lower half of its start alone."""
    half = np.arange(N) < N // 2
    leaf = np.where(half, 0.99, 0.3)
    parent = np.where(half, 1.0, 0.9) - np.arange(N) / 1e6
    rule = evidence((leaf, half), (parent, np.ones(N, bool))).rule(Promise(0.95))
    assert rule.threshold(0).value == 0.99
    assert rule.threshold(1).value == parent[-1]
    assert rule.threshold(1).rows == N // 2  # not the half that needs it no more
    assert rule.threshold(2) == NEVER  # a level that nobody measured


def test_values_of_too_few_examples_are_no_evidence():
    confidence = np.full(N, 0.9)
    confidence[: N // 2] = NOT_TO_DECIDE
    wrong_where_rare = np.arange(N) >= N // 2
    rule = evidence((confidence, wrong_where_rare)).rule(Promise(0.95))
    assert rule.threshold(0).rows == N // 2


def test_a_stricter_target_decides_less():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 2000)
    found = evidence((confidence, rng.random(2000) < confidence))
    rows = [found.rule(Promise(target)).threshold(0).rows for target in (0.8, 0.9, 0.95)]
    assert rows[0] > rows[1] > rows[2] > 0


def test_no_evidence_sends_everything_to_review():
    rule = Evidence(np.zeros((1, 0)), np.zeros((1, 0), bool), np.zeros(0)).rule(Promise())
    assert rule.threshold(0) == NEVER
    assert math.isnan(rule.least)


def test_plausible_values_are_measured_on_reviewed_rows_alone():
    sure = np.arange(N) < N // 2
    found = evidence((np.where(sure, 0.99, 0.2), sure), truth=np.where(sure, 0.99, 0.1))
    assert found.rule(Promise(0.95)).least == 0.1


def test_least_plausible_is_the_conformal_quantile():
    truth = np.arange(1, 100) / 100  # 99 rows: 5 % of 100 are 5, the fifth smallest
    assert least_plausible(truth, coverage=0.95) == 0.05
    assert math.isnan(least_plausible(truth[:10], coverage=0.95))


def test_plausible_sets_hold_the_truth_of_new_rows_as_often_as_promised():
    rng = np.random.default_rng(1)
    held = []
    for _ in range(300):
        truth = rng.beta(2, 1, 60)  # whatever its distribution
        held.append((rng.beta(2, 1, 200) >= least_plausible(truth, coverage=0.9)).mean())
    assert 0.89 < np.mean(held) < 0.92


@pytest.mark.parametrize("wrong", [0.0, 1.1, -1.0])
def test_a_target_that_is_no_share_is_refused(wrong):
    with pytest.raises(ConfigError, match="target_precision must be above 0 and at most 1; got"):
        Promise(wrong)


def test_targets_are_for_all_fields_or_by_field():
    assert targets_of(0.9, ["a", "b"]) == {"a": 0.9, "b": 0.9}
    assert targets_of({"a": 0.9}, ["a", "b"]) == {"a": 0.9, "b": None}
    assert targets_of(None, ["a"]) == {"a": None}
    with pytest.raises(ConfigError, match="'colour', which was not learned; did you mean 'color'"):
        targets_of({"colour": 0.9}, ["color"])


@pytest.mark.parametrize("text", ["", "much", "a=", "=0.9", "0.9,a=0.8", "a=b"])
def test_a_target_that_cannot_be_read_says_how_to_write_it(text):
    with pytest.raises(ConfigError, match=r"share as 0\.98, or field=share joined by commas"):
        parse_target(text)


def test_a_rule_without_thresholds_decides_nothing():
    assert Rule().threshold(0) == NEVER
