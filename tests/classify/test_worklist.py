"""The worklist: greedy, submodular, near-duplicates once; oracles are plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from classify.worklist import likeness, settled_by, uncertainty, worklist


def plain_greedy(worth, near, limit):
    """The definition, computed anew for every product each time."""
    done, rows, gains = np.zeros(len(worth)), [], []
    while len(rows) < limit:
        every = [float(worth @ np.maximum(row - done, 0)) for row in near]
        best = int(np.argmax(every))
        if every[best] <= 0:
            break
        rows.append(best)
        gains.append(every[best])
        done = np.maximum(done, near[best])
    return rows, gains


@st.composite
def problems(draw):
    n = draw(st.integers(1, 8))
    # Eighths are exact in binary: sums do not depend on their order, so ties are ties.
    eighths = st.integers(0, 8).map(lambda number: number / 8)
    worth = np.array(draw(st.lists(eighths, min_size=n, max_size=n)))
    cells = draw(st.lists(eighths, min_size=n * n, max_size=n * n))
    near = np.array(cells).reshape(n, n)
    near = np.maximum(near, near.T)
    np.fill_diagonal(near, 1)
    return worth, near, draw(st.integers(0, n))


@settings(max_examples=60, deadline=None)
@given(problems())
def test_the_lazy_order_is_the_greedy_order_and_gains_never_grow(problem):
    worth, near, limit = problem
    found = worklist(worth, sparse.csr_array(near), limit=limit)
    rows, gains = plain_greedy(worth, near, limit)
    assert found.rows.tolist() == rows
    assert found.gains.tolist() == gains
    assert (np.diff(found.gains) <= 0).all()
    assert found.gains.sum() <= found.total == worth.sum()


def unit(*rows):
    matrix = np.array(rows, dtype=np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def test_of_near_duplicates_one_is_asked_before_any_other():
    vectors = unit(*[[1, 0.001 * at, 0] for at in range(10)], [0, 0, 1])
    shares = np.full((11, 2), 0.5)
    order = worklist(uncertainty(shares, shares.max(axis=1)), likeness(vectors, shares))
    assert 10 in order.rows[:2]
    assert order.gains[0] == pytest.approx(10 * order.gains[1], rel=0.01)
    assert order.gains[2:].sum() < 0.01 * order.gains[0]


def test_products_that_are_expected_to_differ_do_not_settle_each_other():
    vectors = unit([1, 0], [1, 0], [1, 0])
    near = likeness(vectors, np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])).toarray()
    half = np.sqrt(0.5)
    assert near == pytest.approx(np.array([[1, 0, half], [0, 1, half], [half, half, 1]]))


def test_likeness_is_symmetric_with_ones_on_the_diagonal_and_nothing_below_zero():
    rng = np.random.default_rng(0)
    vectors = unit(*rng.normal(size=(30, 4)))
    near = likeness(vectors, rng.dirichlet(np.ones(3), 30), k=5).toarray()
    assert np.array_equal(near, near.T)
    assert np.array_equal(near.diagonal(), np.ones(30))
    assert near.min() >= 0 and near.max() == 1


def test_a_product_of_many_duplicates_is_like_itself():
    vectors = unit(*[[1, 0]] * 8)
    near = likeness(vectors, np.tile([0.5, 0.5], (8, 1)), k=3).toarray()
    assert np.array_equal(near.diagonal(), np.ones(8))


def test_a_held_out_product_settles_itself_alone():
    near = sparse.csr_array(np.ones((3, 3)))
    order = worklist(np.ones(3), near, teaches=np.array([False, True, True]))
    assert order.rows.tolist() == [1]
    assert order.gains.tolist() == [3]
    alone = worklist(np.ones(3), near, teaches=np.zeros(3, dtype=bool))
    assert alone.gains.tolist() == [1, 1, 1]


def test_what_known_products_settle_is_not_asked_again():
    vectors = unit([1, 0], [0, 1])
    shares = np.array([[0.64, 0.36], [0.36, 0.64]])
    done = settled_by(vectors, shares, unit([1, 0]), np.array([0]))
    assert done == pytest.approx([0.8, 0])
    order = worklist(np.ones(2), likeness(vectors, shares), settled=done)
    assert order.rows.tolist() == [1, 0]
    assert order.gains == pytest.approx([1, 0.2])
    nobody = settled_by(vectors, shares, vectors[:0], np.zeros(0, dtype=np.int64))
    assert nobody.tolist() == [0, 0]


def test_uncertainty_grows_with_doubt_and_with_the_rarity_of_what_it_may_be():
    shares = np.array([[1.0, 0, 0], [0.6, 0.4, 0], [0.6, 0, 0.4], [1.0, 0, 0], [0.5, 0, 0.5]])
    found = uncertainty(shares, shares.max(axis=1))
    assert found[0] == found[3] == 0
    assert found[1] > found[2]  # the second value is the rarer one
    assert found[4] > found[2]
