import numpy as np
import pytest
from scipy import sparse

from recommend.config import RecommenderConfig
from recommend.factors import Factors, cold_item_factors, fit_factors, fold_in

CONFIG = RecommenderConfig(factors=3, iterations=10, alpha=5.0, regularization=0.1)


@pytest.fixture
def board():
    """Even users met even products, odd users odd ones, but never their own number."""
    side = np.arange(10)
    return sparse.csr_matrix(
        ((side[:, None] % 2 == side % 2) & (side[:, None] != side)).astype(np.float32)
    )


def test_the_withheld_product_of_the_own_kind_wins(board):
    users, items = fit_factors(board, CONFIG)
    scores = np.where(board.toarray() > 0, -np.inf, users @ items.T)
    assert scores.argmax(axis=1).tolist() == list(range(10))


def test_two_fits_with_one_seed_are_equal_and_another_seed_differs(board):
    one, two, other = (fit_factors(board, CONFIG, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.items, two.items) and np.array_equal(one.users, two.users)
    assert not np.array_equal(one.items, other.items)


def test_progress_counts_to_the_number_of_iterations(board):
    seen = []
    fit_factors(board, CONFIG, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, 10) for i in range(10)]


def slow_fold_in(items, history, config):
    """Hu, Koren, Volinsky 2008, equation 4, with a dense solve."""
    confidence = np.where(history > 0, config.alpha * history, 1)
    left = (items.T * confidence) @ items + config.regularization * np.eye(items.shape[1])
    return np.linalg.solve(left, (items.T * confidence) @ (history > 0))


def test_fold_in_solves_the_papers_equation(board):
    items = fit_factors(board, CONFIG).items
    new = np.zeros((2, 10), dtype=np.float32)
    new[0, [0, 4]], new[1, 3] = 1, 0.5
    found = fold_in(items, sparse.csr_matrix(new), CONFIG)
    expected = [slow_fold_in(items.astype(np.float64), row, CONFIG) for row in new]
    assert found == pytest.approx(np.array(expected), abs=1e-3)


def test_nothing_met_gives_zero_factors():
    users, items = fit_factors(sparse.csr_matrix((2, 4), dtype=np.float32), CONFIG)
    assert users.shape == (2, 3) and items.shape == (4, 3)
    assert not users.any() and not items.any()
    assert not fold_in(items, sparse.csr_matrix(np.ones((1, 4))), CONFIG).any()


def test_a_product_nobody_met_has_a_zero_factor(board):
    wider = sparse.csr_matrix(sparse.hstack([board, np.zeros((10, 1))]))
    factors = fit_factors(wider, CONFIG)
    assert isinstance(factors, Factors)
    assert not factors.items[10].any() and factors.items[:10].any(axis=1).all()


def test_cold_factors_follow_a_linear_map_of_the_vector():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 4)).astype(np.float32)
    truth = (vectors @ rng.normal(size=(4, 3)) + 1).astype(np.float32)
    met = np.arange(50) < 40
    given = np.where(met[:, None], truth, 0).astype(np.float32)
    filled = cold_item_factors(given, met, vectors, regularization=1e-6)
    assert filled == pytest.approx(truth, abs=1e-3)
    assert np.array_equal(filled[met], truth[met])


@pytest.mark.parametrize("met", [[True, True], [False, False]])
def test_all_or_nothing_met_changes_nothing(met):
    items = np.ones((2, 3), dtype=np.float32)
    assert cold_item_factors(items, np.array(met), items, regularization=1.0) is items
