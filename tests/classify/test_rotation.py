"""Principal directions against scikit-learn, and weights written back in the units of the view."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from classify.rotation import Rotation
from classify.svm import SVMTagger


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(120, 4)) @ rng.normal(size=(4, 9)) + 3).astype(np.float32)


def test_rotated_rows_keep_the_distances_of_scikit_learns_components(X):
    mine = Rotation.fit(X, size=3).apply(X)
    theirs = PCA(3).fit_transform(StandardScaler().fit_transform(X)) / 3  # √9 features
    np.testing.assert_allclose(mine @ mine.T, theirs @ theirs.T, atol=1e-4)


def test_all_directions_change_no_prediction_of_a_standardising_head(X):
    labels = np.array(["a", "b", "c"])[np.digitize(X[:, 0] - X[:, 1], [-1, 1])]
    rotation = Rotation.fit(X, size=9)
    straight = SVMTagger(calibrate=False, tol=1e-7).fit(X, labels)
    turned = SVMTagger(calibrate=False, tol=1e-7, standardize=False)
    turned.fit(rotation.apply(X), labels).unrotate(rotation.mean, rotation.basis)
    assert turned.n_features_in_ == 9
    np.testing.assert_allclose(turned.class_scores(X), straight.class_scores(X), atol=0.02)


def test_constant_columns_are_harmless(X):
    rows = np.hstack([X, np.full((len(X), 1), 5, np.float32)])
    assert np.isfinite(Rotation.fit(rows, size=10).apply(rows)).all()
