"""The minimiser finds minima known by construction."""

from itertools import pairwise

import numpy as np
import pytest

from classify.lbfgs import minimize_lbfgs


def quadratic(scales, centre):
    def objective(x):
        shift = x - centre
        return float(0.5 * (scales * shift) @ shift) + 1, scales * shift

    return objective


def test_badly_scaled_quadratic_ends_at_its_centre():
    rng = np.random.default_rng(0)
    centre = rng.normal(size=30)
    found = minimize_lbfgs(
        quadratic(np.geomspace(1e-2, 1e3, 30), centre), np.zeros(30), max_iter=2000, tol=1e-15
    )
    np.testing.assert_allclose(found.x, centre, atol=1e-3)
    assert found.value == pytest.approx(1, abs=1e-6)


def test_start_at_the_minimum_stays_there():
    found = minimize_lbfgs(quadratic(np.ones(3), np.zeros(3)), np.zeros(3), max_iter=10, tol=1e-6)
    np.testing.assert_array_equal(found.x, np.zeros(3))
    assert found.iterations == 1


def test_value_never_rises_from_one_limit_to_the_next():
    objective = quadratic(np.geomspace(0.1, 50, 8), np.arange(8.0))
    values = [minimize_lbfgs(objective, np.zeros(8), max_iter=n, tol=0).value for n in range(1, 25)]
    assert all(later <= earlier for earlier, later in pairwise(values))


def test_max_iter_is_kept():
    objective = quadratic(np.geomspace(1e-3, 1e3, 50), np.ones(50))
    assert minimize_lbfgs(objective, np.zeros(50), max_iter=3, tol=0).iterations == 3


def test_float32_start_gives_float32_answer():
    objective = quadratic(np.ones(3, np.float32), np.ones(3, np.float32))
    assert (
        minimize_lbfgs(objective, np.zeros(3, np.float32), max_iter=5, tol=0).x.dtype == np.float32
    )
