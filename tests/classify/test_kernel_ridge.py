"""Kernel heads: the answer of scikit-learn, and of a second fit for rows left out."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from classify.cross_fit import FLOOR, Rows
from classify.joint_view import JointRows
from classify.kernel_ridge import KernelTagger, cross_fit_kernel

N = 40


@pytest.fixture
def known():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, 3))
    kernel = np.exp(-np.square(X[:, None] - X[None]).sum(axis=2) / 4)
    labels = np.array(["a", "b", "c"], dtype=object)[(X + rng.normal(size=X.shape)).argmax(axis=1)]
    return JointRows(kernel, np.arange(N)), labels


def learned(known, rows, centre=None, C=5.0):
    view, labels = known
    rows = np.asarray(rows)
    return KernelTagger.learn(view, labels, rows, C=C, centre=rows if centre is None else centre)


def one_hot(labels, classes):
    return (labels[:, None] == classes[None]).astype(float)


def test_answers_equal_scikit_learns_kernel_ridge(known):
    view, labels = known
    rows = np.arange(0, N, 2)
    found = learned(known, rows).head
    truth = one_hot(labels[rows], found.classes_)
    kernel = view.kernel[np.ix_(rows, rows)]
    oracle = KernelRidge(alpha=1 / 5, kernel="precomputed").fit(kernel, truth - truth.mean(axis=0))
    expected = oracle.predict(view.kernel[:, rows]) + truth.mean(axis=0)
    np.testing.assert_allclose(found.class_scores(view.kernel), expected, atol=1e-9)


def test_products_in_another_order_are_found_by_their_place(known):
    view, labels = known
    order = np.random.default_rng(2).permutation(N)
    shuffled = JointRows(view.kernel[np.ix_(order, order)], np.argsort(order))
    one, other = learned(known, range(30)), learned((shuffled, labels), range(30))
    np.testing.assert_allclose(other.head.coef_[:, np.argsort(order)], one.head.coef_, atol=1e-9)


def test_left_out_rows_are_told_what_a_fit_without_them_says(known):
    view, _ = known
    centre, out = np.arange(20), np.array([25, 26, 31])
    every = np.arange(N)
    told = learned(known, every, centre).left_out(out)
    alone = learned(known, np.delete(every, out), centre).head
    np.testing.assert_allclose(told, alone.class_scores(view.kernel[out]), atol=1e-8)


def test_label_of_a_row_does_not_reach_its_own_answer(known):
    view, labels = known
    rows = Rows(np.unique(labels), np.arange(20), np.arange(20, N), np.arange(20) // 5)
    changed = labels.copy()
    changed[20:25] = np.roll(labels[20:25], 1)
    before = cross_fit_kernel(view, labels, rows, C=5)
    after = cross_fit_kernel(view, changed, rows, C=5)
    first = before.answers[:5] * before.tagger.temperature_
    second = after.answers[:5] * after.tagger.temperature_
    differences = (first - second) - (first - second)[:, :1]  # up to a constant per row
    np.testing.assert_allclose(differences, 0, atol=1e-8)


def test_value_that_only_one_fold_has_is_not_told_there(known):
    view, labels = known
    labels = labels.copy()
    labels[20] = "only"
    rows = Rows(np.unique(labels), np.arange(20), np.arange(20, N), np.arange(20) // 5)
    found = cross_fit_kernel(view, labels, rows, C=5)
    at = rows.classes.tolist().index("only")
    np.testing.assert_allclose(found.answers[:5, at], np.log(FLOOR))
    assert (found.answers[5:, at] > np.log(FLOOR)).all()
