from itertools import combinations

import numpy as np
import pytest
from scipy import sparse

from recommend import item_item
from recommend.item_item import neighbour_table


def slow_table(met, shrinkage):
    """The definition in plain loops."""
    size = np.zeros(met.shape[1])
    together = np.zeros((met.shape[1], met.shape[1]))
    for history in (np.flatnonzero(row) for row in met):
        if len(history) < 2:
            continue
        say = 1 / np.log2(1 + len(history))
        size[history] += say
        for i, j in combinations(history, 2):
            together[i, j] += say
            together[j, i] += say
    return together / (np.sqrt(np.outer(size, size)) + shrinkage)


def test_table_equals_the_plain_loops():
    met = (np.random.default_rng(0).random((30, 9)) < 0.3).astype(np.float32)
    found = neighbour_table(sparse.csr_matrix(met * 2.5), neighbours=9, shrinkage=3.0)
    assert found.toarray() == pytest.approx(slow_table(met, 3.0), abs=1e-6)


def test_only_the_best_neighbours_are_kept():
    met = (np.random.default_rng(1).random((40, 8)) < 0.4).astype(np.float32)
    whole = slow_table(met, 20.0)
    found = neighbour_table(sparse.csr_matrix(met), neighbours=2).toarray()
    assert (np.count_nonzero(found, axis=1) <= 2).all()
    assert found.max(axis=1) == pytest.approx(whole.max(axis=1), abs=1e-6)


def test_a_product_is_no_neighbour_of_itself():
    found = neighbour_table(sparse.csr_matrix(np.ones((3, 4))), neighbours=4)
    assert found.diagonal().tolist() == [0, 0, 0, 0]


def test_nobody_with_two_products_gives_an_empty_table():
    assert neighbour_table(sparse.csr_matrix(np.eye(3)), neighbours=4).nnz == 0
    assert neighbour_table(sparse.csr_matrix((0, 3)), neighbours=4).shape == (3, 3)


def test_who_met_half_the_shop_is_left_out(monkeypatch):
    monkeypatch.setattr(item_item, "HEAVY", 3)
    met = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    found = neighbour_table(sparse.csr_matrix(met), neighbours=4).toarray()
    assert np.argwhere(found).tolist() == [[0, 1], [1, 0]]
