"""Ranks among all test products, and what a random order is worth."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuwen.matching import both_directions, chance, complete_products, first_right

SCORES = st.integers(2, 7).flatmap(
    lambda n: st.tuples(
        st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n), min_size=n, max_size=n),
        st.lists(st.integers(0, 2), min_size=n, max_size=n),
    )
)


@settings(max_examples=60, deadline=None)
@given(SCORES)
def test_the_rank_is_the_place_of_the_first_right_column_in_a_stable_sort(drawn):
    scores, groups = np.array(drawn[0], dtype=float), np.array(drawn[1])
    for row, rank in enumerate(first_right(scores, groups)):
        order = sorted(range(len(scores)), key=lambda column: (-scores[row, column], column))
        expected = next(i for i, c in enumerate(order, 1) if groups[c] == groups[row])
        assert rank == expected


def test_directions_read_the_table_by_rows_and_by_columns():
    # Every picture likes the first text best; every text likes its own picture best.
    scores = np.array([[9.0, 1.0, 1.0], [8.0, 2.0, 1.0], [7.0, 1.0, 2.0]])
    forth, back = both_directions(scores, np.arange(3))
    assert (forth.segment, back.segment) == ("image to text", "text to image")
    assert forth.metrics == {"recall@1": 1 / 3, "recall@10": 1.0, "median_rank": 2.0}
    assert back.metrics == {"recall@1": 1.0, "recall@10": 1.0, "median_rank": 1.0}


def test_a_twin_is_as_right_as_the_product_itself():
    scores = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5], [0.0, 0.0, 1.0]])
    assert first_right(scores, np.array([0, 1, 2])).tolist() == [3, 3, 1]
    assert first_right(scores, np.array([0, 0, 1])).tolist() == [1, 1, 1]


@pytest.mark.parametrize("groups", [[0, 1, 2, 3], [0, 0, 1, 2], [0, 0, 0, 0], [0, 0, 1, 1, 1]])
def test_chance_is_the_mean_over_all_orders(groups):
    groups = np.array(groups)
    n = len(groups)
    orders = np.array(list(permutations(range(n))))
    ranks = [int((groups[o] == g).argmax()) + 1 for g in groups for o in orders]
    forth, back = chance(groups)
    assert forth.metrics == back.metrics
    assert forth.metrics["recall@1"] == pytest.approx(np.mean(np.array(ranks) <= 1))
    assert forth.metrics["recall@10"] == pytest.approx(1.0)
    median = min(r for r in range(1, n + 1) if np.mean(np.array(ranks) <= r) >= 0.5 - 1e-12)
    assert forth.metrics["median_rank"] == median


def test_chance_of_products_without_twins_is_k_of_n():
    metrics = chance(np.arange(400))[0].metrics
    assert metrics["recall@1"] == pytest.approx(1 / 400)
    assert metrics["recall@10"] == pytest.approx(10 / 400)
    assert metrics["median_rank"] == 200


def test_only_products_of_the_split_with_picture_and_text_are_matched(monkeypatch):
    products = pd.DataFrame(
        {
            "product_id": list("abcdef"),
            "title": ["t", "", "t", "", "t", "t"],
            "description": ["", "d", "", "", "", ""],
            "image": [("x",), ("x",), (), ("x",), ("x",), ("x",)],
            "split": ["test"] * 5 + ["train"],
        }
    )
    assert complete_products(products, "test")["product_id"].tolist() == ["a", "b", "e"]
    assert complete_products(products, "train")["product_id"].tolist() == ["f"]
    monkeypatch.setattr("tuwen.matching.MOST", 2)
    sampled = complete_products(products, "test", seed=1)["product_id"].tolist()
    assert len(sampled) == 2 and set(sampled) < set("abe")
    assert sampled == sorted(sampled)
