"""Kinship of values, counted by hand and by its laws."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from classify.value_kinship import kinship

LEVELS = st.lists(
    st.sampled_from(["Men", "Women", "Belt", "Felt hat", "Straw hat", "浅蓝色"]), min_size=1
)
PATHS = st.lists(LEVELS.map(" > ".join), min_size=1, max_size=8, unique=True)


def test_paths_are_akin_by_start_level_and_word():
    found = kinship(["Men > Belt", "Women > Belt", "Men > Felt hat", "Women > Cap"])
    # Belts share the level and its word; menswear the start, the level and its word.
    expected = [[6, 2, 3, 0], [2, 6, 0, 3], [3, 0, 4, 0], [0, 3, 0, 4]]
    np.testing.assert_array_equal(found, expected)


def test_chinese_values_are_akin_by_pairs_of_characters():
    found = kinship(["浅蓝色", "深蓝色", "红"])
    np.testing.assert_array_equal(found, [[2, 1, 0], [1, 2, 0], [0, 0, 1]])


def test_what_all_values_have_says_nothing():
    assert kinship(["Shop > Red", "Shop > Blue"]) is None
    assert kinship(["only"]) is None


@given(PATHS)
def test_kinship_is_symmetric_and_positive_definite(values):
    found = kinship(values)
    if found is not None:
        np.testing.assert_array_equal(found, found.T)
        assert np.linalg.eigvalsh(found).min() > 0.99


@given(PATHS, st.randoms())
def test_order_of_values_only_orders_the_answer(values, random):
    order = random.sample(range(len(values)), len(values))
    found, turned = kinship(values), kinship([values[at] for at in order])
    assert (found is None) == (turned is None)
    if found is not None:
        np.testing.assert_array_equal(turned, found[np.ix_(order, order)])
