import numpy as np
import pytest
from scipy import sparse

from recommend.user_vector import recent_scores, user_vectors

VECTORS = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)


def test_a_user_is_the_weighted_mean_at_unit_length():
    user = user_vectors(sparse.csr_matrix([[3.0, 4.0, 0.0]]), VECTORS)
    assert user[0] == pytest.approx([0.6, 0.8])  # (3, 4) / 5


def test_scaling_a_history_changes_nothing():
    history = sparse.csr_matrix([[0.2, 0.5, 1.0]])
    assert user_vectors(history * 7, VECTORS) == pytest.approx(user_vectors(history, VECTORS))


def test_no_history_gives_the_zero_vector():
    assert user_vectors(sparse.csr_matrix((2, 3)), VECTORS).tolist() == [[0, 0], [0, 0]]


def test_vectors_that_cancel_give_the_zero_vector():
    opposite = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    assert user_vectors(sparse.csr_matrix([[1.0, 1.0]]), opposite).tolist() == [[0, 0]]


def test_recent_scores_take_the_nearest_of_the_last_items():
    recent = np.array([[0, 1], [2, -1], [-1, -1]])
    scores = recent_scores(recent, VECTORS, VECTORS)
    by_hand = [
        [max(1, 0), max(0, 1), max(0.6, 0.8)],
        [0.6, 0.8, 1.0],
        [0, 0, 0],
    ]
    assert scores == pytest.approx(np.array(by_hand))


def test_recent_scores_of_opposed_products_stay_negative():
    scores = recent_scores(np.array([[0]]), VECTORS, -VECTORS)
    assert scores[0, 0] == pytest.approx(-1)
