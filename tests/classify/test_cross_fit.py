"""Cross-fitted answers: honest, and the head that is kept knows every row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classify.cross_fit import FLOOR, Rows, cross_fit, held_folds
from classify.softmax import SoftmaxTagger


def head(**settings):
    return SoftmaxTagger(max_iter=200, tol=1e-7, calibrate=False, standardize=False, **settings)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    labels = np.array(["a", "b", "c"], dtype=object)[
        (X[:, :3] + rng.normal(size=(120, 3))).argmax(1)
    ]
    return X, labels


def fitted(X, labels, *, held=40, steps=500, folds=None):
    train, checked = np.arange(len(X) - held), np.arange(len(X) - held, len(X))
    return cross_fit(
        head(),
        X,
        labels,
        Rows(
            classes=np.unique(labels),
            train=train,
            held=checked,
            folds=np.arange(held) * 4 // max(held, 1) if folds is None else folds,
        ),
        steps=steps,
    )


def test_answers_are_those_of_heads_fitted_from_nothing_on_the_other_rows(rows):
    X, labels = rows
    found = fitted(X, labels)
    for fold in range(4):
        out = 80 + np.flatnonzero(np.arange(40) * 4 // 40 == fold)
        others = np.setdiff1d(np.arange(120), out)
        alone = head().fit(X[others], labels[others])
        alone.temperature_ = found.tagger.temperature_
        expected = np.log(alone.predict_proba(X[out]))
        np.testing.assert_allclose(found.answers[out - 80], expected, atol=2e-3)


def test_kept_head_is_the_one_fitted_on_every_row(rows):
    X, labels = rows
    alone = head().fit(X, labels)
    np.testing.assert_allclose(fitted(X, labels).tagger.coef_, alone.coef_, atol=2e-3)


@pytest.mark.parametrize("steps", [1, 500])
def test_label_of_a_row_does_not_reach_its_own_answer(rows, steps):
    X, labels = rows
    changed = labels.copy()
    changed[80:90] = np.roll(labels[80:90], 1)  # all of fold 0, no value more or less
    before, after = fitted(X, labels, steps=steps), fitted(X, changed, steps=steps)
    before_scores = before.answers[:10] * before.tagger.temperature_
    after_scores = after.answers[:10] * after.tagger.temperature_
    np.testing.assert_allclose(
        before_scores - before_scores[:, :1], after_scores - after_scores[:, :1], atol=1e-8
    )


def test_value_of_one_fold_alone_is_learned_but_cannot_be_told(rows):
    X, labels = rows
    labels[80:83] = "new"
    found = fitted(X, labels)
    assert found.tagger.classes_.tolist() == ["a", "b", "c", "new"]
    assert found.answers[:10, 3] == pytest.approx(np.log(FLOOR))
    assert (found.answers[10:, 3] > np.log(FLOOR)).all()


def test_without_held_rows_the_head_is_the_one_of_the_training_rows(rows):
    X, labels = rows
    found = fitted(X, labels, held=0)
    np.testing.assert_array_equal(found.tagger.coef_, head().fit(X, labels).coef_)
    assert found.answers.shape == (0, 3)
    assert found.tagger.temperature_ == 1


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(2, 6))
def test_folds_keep_groups_together_and_are_runs_of_rows_without_groups(groups, count):
    groups = np.array(groups, dtype=np.int64)
    folds = held_folds(groups, count=count)
    assert all(len(set(folds[groups == group])) == 1 for group in groups)
    runs = held_folds(np.arange(len(groups)), count=count)
    assert (np.diff(runs) >= 0).all()
    if len(groups) >= count:
        sizes = np.bincount(runs, minlength=count)
        assert sizes.max() - sizes.min() <= 1
