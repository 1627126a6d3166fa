"""Out-of-fold regression against plain loops, and what it does with rows that lack something."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import softmax

from classify.out_of_fold import FoldedRidge, principal_scores, to_log_probabilities


def made(n_rows=60, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, classes, n_rows)
    X = np.eye(classes)[codes] + 0.3 * rng.normal(size=(n_rows, classes))
    return X.astype(np.float32), codes, rng.integers(0, 4, n_rows)


def by_hand(X, codes, folds, penalty, classes):
    """Fit each fold's complement from scratch."""
    rows = np.hstack([X, np.full((len(X), 1), np.sqrt((X**2).sum() / len(X)))]).astype(np.float64)
    known = codes >= 0
    ridge = penalty * np.trace(rows[known].T @ rows[known]) / rows.shape[1]
    scores = np.zeros((len(X), classes))
    for fold in np.unique(folds):
        fit = known & (folds != fold)
        target = np.eye(classes)[codes[fit]]
        gram = rows[fit].T @ rows[fit] + ridge * np.eye(rows.shape[1])
        weights = np.linalg.inv(gram) @ rows[fit].T @ target
        scores[folds == fold] = rows[folds == fold] @ weights
    return scores


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_folds_are_those_of_fits_from_scratch(penalty):
    X, codes, folds = made()
    codes[::7] = -1
    found = FoldedRidge(X, folds, penalty=penalty).scores(codes, classes=3)
    np.testing.assert_allclose(found, by_hand(X, codes, folds, penalty, 3), atol=1e-6)


def test_other_labels_of_other_rows_are_not_answered_from_memory():
    X, codes, folds = made()
    ridge = FoldedRidge(X, folds, penalty=0.1)
    for hidden in (slice(0, 5), slice(5, 10)):
        changed = (codes + 1) % 3
        changed[hidden] = -1
        found = ridge.scores(changed, classes=3)
        np.testing.assert_allclose(found, by_hand(X, changed, folds, 0.1, 3), atol=1e-6)


def test_a_row_does_not_speak_for_itself():
    X, codes, folds = made()
    changed = codes.copy()
    changed[folds == 0] = (codes[folds == 0] + 1) % 3
    before, after = (
        FoldedRidge(X, folds, penalty=0.1).scores(labels, classes=3) for labels in (codes, changed)
    )
    np.testing.assert_allclose(before[folds == 0], after[folds == 0], atol=1e-9)


def test_log_probabilities_of_true_log_odds_are_left_as_they_are():
    rng = np.random.default_rng(1)
    prior = np.log([0.5, 0.3, 0.2])
    scores = rng.normal(size=(4000, 3))
    shares = softmax(2 * scores + prior, axis=1)
    codes = (shares.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    found = np.exp(to_log_probabilities(scores, codes, prior))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.abs(found - shares).mean() < 0.02


def test_scores_that_say_nothing_become_the_prior():
    rng = np.random.default_rng(2)
    codes = rng.choice(3, size=3000, p=[0.6, 0.3, 0.1])
    prior = np.log(np.bincount(codes) / len(codes))
    found = to_log_probabilities(rng.normal(size=(3000, 3)), codes, prior)
    assert np.abs(np.exp(found) - np.exp(prior)).max() < 0.05


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_principal_scores_keep_distances_where_all_directions_are_kept(make):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(12, 5)).astype(np.float32)
    found = principal_scores(make(X), size=50)
    whole = X if make is not np.asarray else (X - X.mean(0)) / X.std(0) / np.sqrt(5)
    np.testing.assert_allclose(found @ found.T, whole @ whole.T, atol=1e-4)


def test_rows_without_the_view_are_zero_and_shape_nothing():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(20, 6)).astype(np.float32)
    there = np.arange(20) < 15
    spoiled = np.where(there[:, None], X, 100.0).astype(np.float32)
    found = principal_scores(spoiled, size=3, present=there)
    assert not found[~there].any()
    np.testing.assert_allclose(found[there], principal_scores(X[there], size=3), atol=1e-5)
    assert principal_scores(X, size=3, present=np.zeros(20, dtype=bool)).shape == (20, 3)
