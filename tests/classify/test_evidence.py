"""Evidence of rows that taught the blend nothing."""

import numpy as np

from classify.combination import choose_combination
from classify.evidence import cross_fitted_blend, evidence_of
from classify.promise import NOT_TO_DECIDE


def parts_of(n_rows=80, seed=0):
    rng = np.random.default_rng(seed)
    return np.log(rng.dirichlet(np.ones(3), size=(2, n_rows))), rng.integers(0, 3, n_rows)


def test_rows_of_a_fold_are_answered_by_a_blend_of_the_others():
    parts, codes = parts_of()
    folds, told = np.arange(80) // 20, np.arange(80) % 7 > 0
    prior = np.log(np.full(3, 1 / 3))
    found = cross_fitted_blend(parts, codes, told=told, folds=folds, log_prior=prior)
    for fold in range(4):
        rows, out = told & (folds != fold), folds == fold
        blend = choose_combination(parts[:, rows], codes[rows], log_prior=prior)
        expected = np.exp(blend.log_probabilities(parts[:, out], prior))
        np.testing.assert_allclose(found[out], expected)


def test_truth_of_a_row_changes_nothing_in_its_own_fold():
    parts, codes = parts_of()
    folds, told = np.arange(80) // 20, np.ones(80, bool)
    prior = np.log(np.full(3, 1 / 3))
    changed = codes.copy()
    changed[folds == 1] = (changed[folds == 1] + 1) % 3
    before, after = (
        cross_fitted_blend(parts, told_codes, told=told, folds=folds, log_prior=prior)
        for told_codes in (codes, changed)
    )
    np.testing.assert_array_equal(before[folds == 1], after[folds == 1])
    assert not np.allclose(before[folds == 0], after[folds == 0])


def test_every_level_is_measured_for_itself_and_rare_answers_decide_nothing():
    values = ["A > x", "A > y", "B > z"]
    probabilities = np.array([[0.5, 0.4, 0.1], [0.2, 0.2, 0.6], [0.45, 0.5, 0.05]])
    found = evidence_of(
        probabilities,
        np.array([1, 2, 1]),
        values,
        examples=np.array([5, 1, 5]),
        min_examples=2,
    )
    np.testing.assert_allclose(found.confidence, [[0.5, 0.6, NOT_TO_DECIDE], [0.9, 0.6, 0.95]])
    assert found.correct.tolist() == [[False, True, True], [True, True, True]]
    np.testing.assert_allclose(found.truth, [0.4, 0.6, 0.5])
