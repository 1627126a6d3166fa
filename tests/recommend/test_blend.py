from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recommend.blend import STEPS, Blend, Candidates, newcomer_fit, search_weights, standardise


@given(arrays(np.float32, (3, 7), elements=st.floats(-100, 100, width=32)))
def test_standardised_rows_have_mean_0_and_deviation_1_or_are_zero(scores):
    found = standardise(scores)
    assert np.abs(found.mean(axis=1)).max() < 1e-3
    assert all(abs(s - 1) < 1e-3 or s == 0 for s in found.std(axis=1))


def test_a_row_without_differences_becomes_zero_whatever_its_level():
    assert standardise(np.full((1, 1000), 0.1, np.float32)).any() == False  # noqa: E712
    assert not standardise(np.full((1, 1000), 1e5 / 3, np.float32)).any()


def test_standardising_forgets_scale_and_shift():
    scores = np.array([[1, 2, 4]], np.float32)
    assert standardise(scores * 50 - 9) == pytest.approx(standardise(scores), abs=1e-5)


def candidates(parts, scores, gains, valid=None, new=None):
    scores = np.array(scores, np.float32)
    gains = np.array(gains, np.float32)
    valid = np.ones(gains.shape, bool) if valid is None else np.array(valid)
    new = np.zeros(gains.shape, bool) if new is None else np.array(new)
    counts = ((gains * mask > 0).sum(axis=1) for mask in (1, new))
    n_relevant, n_new = counts
    return Candidates(parts, scores, valid, gains, n_relevant, new, n_new)


def test_ndcg_of_a_weighting_by_hand():
    # one user, relevant: columns 0 and 2; part scores rank 1, 2, 0
    found = candidates(("mf",), [[[0, 2, 1]]], [[1, 0, 1]])
    reached = (1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert found.ndcg([1.0], 3) == pytest.approx(reached)
    assert found.ndcg([1.0], 1) == 0


def test_what_is_not_valid_is_never_ranked():
    found = candidates(("mf",), [[[9, 2, 1]]], [[0, 1, 0]], [[False, True, True]])
    assert found.ndcg([1.0], 1) == 1


def test_the_search_finds_the_mix_that_no_part_reaches_alone():
    # Each part puts one of two decoys first; only together is the relevant column 0 on top.
    scores = [[[2, 3, 0]] * 4, [[2, 0, 3]] * 4]
    found = search_weights(candidates(("mf", "content"), scores, [[1, 0, 0]] * 4), k=1)
    assert found.alone == {"mf": 0, "content": 0}
    assert found.ndcg == 1
    assert all(weight > 0 for weight in found.weights.values())


def test_a_part_that_only_hurts_gets_no_weight():
    rng = np.random.default_rng(0)
    gains = np.eye(20)
    scores = [gains + rng.normal(scale=0.05, size=(20, 20)), -gains]
    found = search_weights(candidates(("mf", "popular"), scores, gains), k=5)
    assert found.weights == {"mf": 1.0, "popular": 0.0}


@given(st.integers(0, 10_000))
def test_the_blend_is_never_below_its_best_part(seed):
    rng = np.random.default_rng(seed)
    gains = (rng.random((6, 15)) < 0.2).astype(np.float32)
    gains[:, 0] = 1
    found = search_weights(
        candidates(("mf", "content", "popular"), rng.normal(size=(3, 6, 15)), gains), k=4
    )
    assert found.ndcg >= max(found.alone.values())
    assert all(weight in STEPS for weight in found.weights.values())


def test_only_weights_above_zero_take_part():
    blend = Blend({"content": 0.5, "mf": 0.0, "popular": 1.0}, {"popular": 2.0})
    assert blend.of(warm=True) == {"content": 0.5, "popular": 1.0}
    assert blend.of(warm=False) == {"popular": 2.0}


def test_a_head_start_lifts_fitting_newcomers_and_nobody_else():
    parts = ("mf", "content", "recent")
    # Columns: the best of the met, a newcomer that fits, one that does not.
    found = candidates(parts, [[[3, 2, -9]]] * 3, [[0, 1, 1]], new=[[False, True, True]])
    assert found.newcomer_recall([1, 1, 1], 1) == 0
    assert found.newcomer_recall([1, 1, 1], 1, head_start=2) == 0.5
    assert found.ndcg([1, 1, 1], 1, head_start=2) == 1
    assert found.newcomer_recall([1, 1, 1], 2, head_start=100) == 0.5


def test_newcomer_recall_counts_what_is_no_candidate_as_missed():
    found = candidates(("mf",), [[[1.0]]], [[1]], new=[[True]])
    found = replace(found, n_new_relevant=np.array([4]))
    assert found.newcomer_recall([1.0], 1) == 0.25
    assert replace(found, n_new_relevant=np.array([0])).newcomer_recall([1.0], 1) == 0


def test_newcomer_fit_is_the_mean_of_three_parts_where_positive():
    scores = {"mf": 1.0, "content": 2.0, "recent": 6.0, "popular": 99.0}
    rows = {part: np.array([[s, s, -s]], np.float32) for part, s in scores.items()}
    assert newcomer_fit(rows, np.array([True, False, True])).tolist() == [[3, 0, 0]]


def test_a_head_start_names_content_and_grows_with_the_weights():
    blend = Blend({"mf": 2.0, "popular": 1.0}, {"popular": 2.0}, head_start=0.5)
    assert blend.of(warm=True) == {"mf": 2.0, "content": 0.0, "popular": 1.0}
    assert blend.of(warm=False) == {"popular": 2.0}
    assert blend.newcomer_weight(warm=True) == 1.5 and blend.newcomer_weight(warm=False) == 0
