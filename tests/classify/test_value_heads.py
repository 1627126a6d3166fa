"""One logistic head per value: scikit-learn's, each for itself."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from classify.value_heads import HeadSettings, ValueHeads

SETTINGS = HeadSettings(C=2.0, max_iter=500, tol=1e-10, standardize=False)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(loc=3, scale=[1, 5, 0.2], size=(90, 3))
    return X, (X - 3) / [1, 5, 0.2] + 0.5 * rng.normal(size=X.shape) > 0


@pytest.mark.parametrize("standardize", [False, True])
def test_heads_equal_one_logistic_regression_per_value(rows, standardize):
    X, has = rows
    settings = HeadSettings(C=2.0, max_iter=2000, tol=1e-13, standardize=standardize)
    found = ValueHeads.fit(X, has, settings).scores(X)
    inner = StandardScaler().fit_transform(X) / np.sqrt(3) if standardize else X
    for value in range(3):
        oracle = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000).fit(inner, has[:, value])
        np.testing.assert_allclose(found[:, value], oracle.decision_function(inner), atol=1e-3)


def test_value_that_every_or_no_row_has_gets_its_share(rows):
    X, has = rows
    has = has.copy()
    has[:, 0], has[:, 1] = True, False
    scores = ValueHeads.fit(X, has, SETTINGS).scores(X)
    assert (scores[:, 0] > 0).all()
    assert (scores[:, 1] < 0).all()


def test_start_near_the_end_leaves_the_answer_and_saves_steps(rows):
    X, has = rows
    full = ValueHeads.fit(X, has, SETTINGS)
    brief = SETTINGS.with_limits(max_iter=1)
    again = ValueHeads.fit(X, has, brief, start=full)
    np.testing.assert_allclose(again.scores(X), full.scores(X), atol=1e-3)


def test_heads_of_turned_rows_speak_of_the_rows_as_they_were(rows):
    X, has = rows
    basis, mean = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0], X.mean(axis=0)
    turned = ValueHeads.fit((X - mean) @ basis, has, SETTINGS)
    expected = turned.scores((X - mean) @ basis)
    np.testing.assert_allclose(turned.unrotated(mean, basis).scores(X), expected, atol=1e-9)
