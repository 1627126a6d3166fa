import numpy as np
import pytest

from retrieve.index import ExactIndex


def unit(n, dim, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_search_rows_are_those_given_whatever_the_order_of_ids():
    vectors = unit(30, 8)
    ids = [f"p{i:02d}" for i in range(30)]
    shuffle = np.random.default_rng(1).permutation(30)
    plain = ExactIndex(ids, vectors).search(vectors[:5], 4)
    mixed = ExactIndex([ids[i] for i in shuffle], vectors[shuffle]).search(vectors[:5], 4)
    assert shuffle[mixed.rows].tolist() == plain.rows.tolist()


def test_search_equal_distance_is_ordered_by_product_id():
    top = ExactIndex(["c", "a", "b"], np.ones((3, 2))).search(np.ones((1, 2)), 3)
    assert top.rows.tolist() == [[1, 2, 0]]


def test_search_zero_vector_is_never_found_even_when_allowed():
    index = ExactIndex(["a", "b"], np.array([[0.0, 0.0], [1.0, 0.0]]))
    top = index.search(np.zeros((1, 2)), 2, allow=np.array([True, True]))
    assert top.rows.tolist() == [[1, -1]]
    assert len(index) == 1


def test_search_allow_is_in_the_order_given():
    index = ExactIndex(["b", "a"], np.eye(2))
    assert index.search(np.eye(2)[:1], 2, allow=np.array([True, False])).rows.tolist() == [[0, -1]]


@pytest.mark.parametrize("temperature", [1.0, 0.05, 1e-4])
def test_log_partition_equals_the_plain_sum_and_does_not_overflow(temperature):
    items, queries = unit(50, 6), unit(3, 6, 1)
    allow = np.arange(50) % 3 == 0
    found = ExactIndex(list(map(str, range(50))), items).log_partition(
        queries, temperature, allow=allow
    )
    for value, query in zip(found, queries.astype(float), strict=True):
        exponents = [-np.linalg.norm(query - x) / temperature for x in items[allow].astype(float)]
        shift = max(exponents)
        expected = shift + np.log(sum(np.exp(e - shift) for e in exponents))
        assert value == pytest.approx(expected, rel=1e-6)


def test_log_partition_without_candidates_is_minus_infinity():
    index = ExactIndex(["a"], np.ones((1, 2)))
    assert index.log_partition(np.ones((2, 2)), 1.0, allow=np.array([False])).tolist() == [
        -np.inf,
        -np.inf,
    ]


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        (["a"], np.ones((2, 2)), r"shape \(1, dim\), one row per product id; got \(2, 2\)"),
        (["a", "a"], np.ones((2, 2)), "product ids must be unique; 1 of 2 repeat"),
        (["a"], np.array([[np.nan, 1.0]]), "must be finite"),
    ],
)
def test_exact_index_bad_input_is_refused(ids, vectors, message):
    with pytest.raises(ValueError, match=message):
        ExactIndex(ids, vectors)


@pytest.mark.parametrize("allow", [np.array([True]), np.array([1, 0])])
def test_search_bad_mask_is_refused(allow):
    with pytest.raises(ValueError, match=r"boolean mask of shape \(2,\), one per product"):
        ExactIndex(["a", "b"], np.eye(2)).search(np.eye(2), 1, allow=allow)
