"""Paths whose sums, costs and common starts can be counted by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classify.taxonomy import cheapest_values, cut_path, hierarchical_f1, levels_of, lies_in

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map(" > ".join)
PATHS = st.sets(WORDS, min_size=1, max_size=12).map(sorted)


def array(*values):
    return np.array(values, dtype=object)


@settings(max_examples=40)
@given(PATHS, st.integers(0, 2**32 - 1))
def test_a_parent_is_never_less_likely_than_its_child_and_levels_sum_to_one(paths, seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.full(len(paths), 0.3), size=4)
    likeliest = []
    deepest = max(len(path.split(" > ")) for path in paths)
    for up, level in enumerate(levels_of(paths)):
        sums = level.sums(probabilities)
        np.testing.assert_allclose(sums.sum(axis=1), 1)
        for node, name in enumerate(level.names):
            inside = [cut_path(path, deepest - up) == name for path in paths]
            np.testing.assert_allclose(sums[:, node], probabilities[:, inside].sum(axis=1))
        assert (sums[:, level.of_value] >= probabilities - 1e-12).all()
        likeliest.append(sums.max(axis=1))
    assert (np.diff(likeliest, axis=0) >= -1e-12).all()


def test_sums_follow_the_nodes_where_paths_and_their_starts_sort_differently():
    """``&`` sorts before ``>``, and so after the end of a start but before its levels."""
    leaves, roots = levels_of(["Men & Women > Socks", "Men > Ties"])
    assert roots.names.tolist() == ["Men", "Men & Women"]
    assert roots.sums(np.array([[0.9, 0.1]])).tolist() == [[0.1, 0.9]]
    assert leaves.sums(np.array([[0.9, 0.1]])).tolist() == [[0.9, 0.1]]


def test_values_without_a_path_are_one_level():
    (level,) = levels_of(["blue", "red"])
    assert level.names.tolist() == ["blue", "red"]
    assert level.of_value.tolist() == [0, 1]


def test_cutting_a_path_keeps_whole_levels():
    assert cut_path("Men > Shoes > Boots", 1) == "Men"
    assert cut_path("Men", 3) == "Men"


def test_a_start_of_the_true_path_is_right_by_whole_levels_only():
    truth = array("Men > Shoes", "Men > Shoes", "Men", "")
    said = array("Men > Sho", "Men > Shoes > Boots", "Men", "Men")
    assert lies_in(truth, said).tolist() == [False, False, True, False]


def test_the_cheapest_value_shares_levels_with_what_else_it_may_be():
    """Ties > Silk is likeliest, but shoes of some kind are likelier than ties."""
    values = ["Men > Shoes > Boots", "Men > Shoes > Clogs", "Women > Ties > Silk"]
    probabilities = np.array([[0.32, 0.28, 0.40], [0.2, 0.2, 0.6]])
    # Expected shared levels: .32 + .6 + .6, .28 + .6 + .6, .4 + .4 + .4; then .2 + .4 + .4, …, 1.8
    assert cheapest_values(probabilities, levels_of(values)).tolist() == [0, 2]


def test_without_paths_the_cheapest_value_is_the_likeliest():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), size=20)
    found = cheapest_values(probabilities, levels_of(["a", "b", "c", "d"]))
    assert found.tolist() == probabilities.argmax(axis=1).tolist()


def test_hierarchical_f1_counts_common_ancestors():
    truth = array("A > B > C", "A > B", "A")
    said = array("A > B > D", "A", "X > A")
    # Common: 2, 1, 0; ancestors of the truth 3, 2, 1, of what is said 3, 1, 2.
    assert hierarchical_f1(truth, said) == pytest.approx(2 * 3 / (6 + 6))
    assert hierarchical_f1(truth, truth) == 1
    assert np.isnan(hierarchical_f1(array(), array()))


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=10))
def test_hierarchical_f1_is_that_of_sets_of_ancestors(pairs):
    def ancestors(path):
        levels = path.split(" > ")
        return {tuple(levels[: depth + 1]) for depth in range(len(levels))}

    common = sum(len(ancestors(a) & ancestors(b)) for a, b in pairs)
    total = sum(len(ancestors(a)) + len(ancestors(b)) for a, b in pairs)
    truth, said = (array(*side) for side in zip(*pairs, strict=True))
    assert hierarchical_f1(truth, said) == pytest.approx(2 * common / total)
