"""Canonical correlation against scikit-learn's, and by what it promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cross_decomposition import CCA

from core_embeddings.canonical_correlation import CanonicalCorrelation
from core_embeddings.errors import ConfigError


def two_views(rows=80, p=5, q=4, shared=2, noise=0.5, seed=0):
    """Two views with ``shared`` hidden causes in common, the first one clearest."""
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(rows, shared)) * np.arange(shared, 0, -1)
    left = causes @ rng.normal(size=(shared, p)) + noise * rng.normal(size=(rows, p))
    right = causes @ rng.normal(size=(shared, q)) + noise * rng.normal(size=(rows, q))
    return left, right


def test_the_directions_are_those_of_scikit_learn():
    left, right = two_views()
    ours = CanonicalCorrelation.fit(left, right, components=3, regularisation=0.0)
    theirs = CCA(n_components=3, scale=False, max_iter=20_000, tol=1e-12).fit(left, right)
    for mine, other in zip(
        (ours.project_left(left), ours.project_right(right)),
        theirs.transform(left, right),
        strict=True,
    ):
        agreement = [abs(np.corrcoef(mine[:, i], other[:, i])[0, 1]) for i in range(3)]
        assert np.allclose(agreement, 1.0, atol=1e-5)


def test_without_a_ridge_correlations_are_those_of_the_variates_which_are_white():
    left, right = two_views()
    made = CanonicalCorrelation.fit(left, right, components=4, regularisation=0.0)
    one, other = made.project_left(left), made.project_right(right)
    assert np.allclose(one.T @ one / len(one), np.eye(4), atol=1e-8)
    assert np.allclose(one.T @ other / len(one), np.diag(made.correlations), atol=1e-8)
    assert np.all(np.diff(made.correlations) <= 1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), ridge=st.sampled_from([0.0, 0.01, 1.0]))
def test_rotating_and_shifting_a_view_changes_no_correlation(seed, ridge):
    left, right = two_views(seed=seed)
    turn = np.linalg.qr(np.random.default_rng(seed + 1).normal(size=(5, 5)))[0]
    fit = CanonicalCorrelation.fit
    plain = fit(left, right, components=4, regularisation=ridge).correlations
    turned = fit(left @ turn + 3.0, right, components=4, regularisation=ridge).correlations
    assert np.allclose(plain, turned, atol=1e-7)


def test_a_ridge_keeps_views_wider_than_their_rows_from_agreeing_by_chance():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(10, 30)), rng.normal(size=(10, 30))
    plain = CanonicalCorrelation.fit(left, right, components=5, regularisation=0.0)
    ridged = CanonicalCorrelation.fit(left, right, components=5, regularisation=10.0)
    assert np.allclose(plain.correlations, 1.0)
    assert ridged.correlations.max() < 0.5


def test_a_constant_column_is_no_direction():
    left, right = two_views()
    left[:, 0] = 7.0
    made = CanonicalCorrelation.fit(left, right, components=4, regularisation=0.0)
    assert np.isfinite(made.left).all()
    assert np.allclose(made.left[0], 0.0)


@pytest.mark.parametrize(
    ("rows", "components", "ridge", "message"),
    [
        (3, 1, 0.0, "same 2 or more rows in both views; got 80 and 3"),
        (80, 5, 0.0, "components must be from 1 to 4; got 5"),
        (80, 0, 0.0, "components must be from 1 to 4; got 0"),
        (80, 2, -1.0, "regularisation must be at least 0; got -1.0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(rows, components, ridge, message):
    left, right = two_views()
    with pytest.raises(ConfigError, match=message):
        CanonicalCorrelation.fit(left, right[:rows], components=components, regularisation=ridge)
