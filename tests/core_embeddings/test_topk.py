import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csc_array, csr_array

from core_embeddings.topk import exact_topk, topk_of_scores

SMALL = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])  # few values, so that ties are everywhere


def sort_and_cut(scores, k, blocked=frozenset()):
    """Plain Python oracle: rows by (-score, row), without the blocked ones, padded with -1."""
    order = sorted(
        (row for row in range(len(scores)) if row not in blocked), key=lambda r: (-scores[r], r)
    )
    return (order + [-1] * k)[:k]


def true_scores(query, items, metric):
    """Scores in float64, rounded to float32, one pair at a time."""
    query, items = query.astype(np.float64), items.astype(np.float64)
    if metric == "dot":
        return [float(np.float32((query * item).sum())) for item in items]
    return [-float(np.float32(np.sqrt(((query - item) ** 2).sum()))) for item in items]


@st.composite
def problems(draw):
    dim, n_items, n_queries = draw(st.tuples(*[st.integers(1, 6)] * 2, st.integers(1, 4)))
    values = draw(st.sampled_from([SMALL, st.floats(-1e3, 1e3, width=32)]))
    items = draw(arrays(np.float32, (n_items, dim), elements=values))
    queries = draw(arrays(np.float32, (n_queries, dim), elements=values))
    allow = draw(arrays(np.bool_, n_items))
    exclude = draw(arrays(np.bool_, (n_queries, n_items)))
    return queries, items, allow, exclude, draw(st.integers(1, 8))


@settings(max_examples=150, deadline=None)
@given(problems(), st.sampled_from(["l2", "dot"]), st.sampled_from([None, 1, 2]))
def test_exact_topk_any_input_equals_sort_and_cut(problem, metric, block):
    queries, items, allow, exclude, k = problem
    top = exact_topk(
        queries, items, k, metric=metric, allow=allow, exclude=csr_array(exclude), block=block
    )
    for query, found, scores, blocked in zip(queries, top.rows, top.scores, exclude, strict=True):
        truth = true_scores(query, items, metric)
        expected = sort_and_cut(truth, k, set(np.flatnonzero(blocked | ~allow)))
        assert found.tolist() == expected
        assert scores.tolist() == [truth[r] if r >= 0 else -np.inf for r in expected]


@settings(max_examples=100, deadline=None)
@given(arrays(np.float32, (3, 7), elements=SMALL), st.integers(1, 9))
def test_topk_of_scores_any_input_equals_sort_and_cut(scores, k):
    top = topk_of_scores(scores, k)
    assert top.rows.tolist() == [sort_and_cut(row.tolist(), k) for row in scores]


def unit(n, dim, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("metric", ["l2", "dot"])
def test_exact_topk_on_unit_vectors_equals_float64_oracle(metric):
    queries, items = unit(20, 32, 1), unit(400, 32)
    top = exact_topk(queries, items, 10, metric=metric)
    expected = [sort_and_cut(true_scores(query, items, metric), 10) for query in queries]
    assert top.rows.tolist() == expected


@pytest.mark.parametrize("metric", ["l2", "dot"])
def test_exact_topk_identical_vectors_tie_bit_for_bit_in_row_order(metric):
    items = np.repeat(unit(5, 96), 40, axis=0)[np.random.default_rng(3).permutation(200)]
    top = exact_topk(items[:3], items, 40, metric=metric)
    assert all(len(set(scores.tolist())) == 1 for scores in top.scores)
    assert (np.diff(top.rows, axis=1) > 0).all()


def test_exact_topk_any_batch_size_gives_the_same_bits():
    queries, items = unit(33, 48, 1), unit(300, 48)
    whole = exact_topk(queries, items, 7)
    single = [exact_topk(query, items, 7) for query in queries]
    blocked = exact_topk(queries, items, 7, block=5)
    assert (whole.scores == np.stack([one.scores for one in single])).all()
    assert (whole.rows == np.stack([one.rows for one in single])).all()
    assert (whole.rows == blocked.rows).all()


def test_exact_topk_of_itself_has_distance_zero():
    items = unit(50, 16)
    top = exact_topk(items, items, 1)
    assert top.rows[:, 0].tolist() == list(range(50))
    assert (top.scores == 0).all()


def test_exact_topk_hand_distances_are_negated_roots():
    top = exact_topk([0.0, 0.0], [[3.0, 4.0], [0.0, 2.0], [0.0, -2.0]], 3)
    assert top.rows.tolist() == [1, 2, 0]  # the tie at 2 by row
    assert top.scores.tolist() == [-2.0, -2.0, -5.0]  # sqrt(9 + 16) = 5


def test_exact_topk_cancellation_far_from_the_origin_is_ordered_exactly():
    # |q|² + |x|² - 2qx of float32 cannot tell these apart: both squares are near 1e8
    items = np.array([[10000.0, 0.25], [10000.0, 0.125], [10000.0, 0.0625]])
    assert exact_topk([10000.0, 0.0], items, 3).rows.tolist() == [2, 1, 0]


def test_exact_topk_fewer_than_k_is_padded():
    top = exact_topk([[1.0]], [[1.0], [2.0]], 4, exclude=[np.array([0])])
    assert top.rows.tolist() == [[1, -1, -1, -1]]
    assert top.scores.tolist() == [[-1.0, -np.inf, -np.inf, -np.inf]]


def test_exact_topk_empty_items_or_queries_keep_their_shape():
    assert exact_topk(np.ones((2, 3)), np.empty((0, 3)), 2).rows.tolist() == [[-1, -1], [-1, -1]]
    assert exact_topk(np.empty((0, 3)), np.ones((2, 3)), 2).rows.shape == (0, 2)


def test_exact_topk_exclude_ignores_unknown_rows():
    top = exact_topk([[1.0]], [[1.0], [2.0]], 1, exclude=[np.array([-1])])
    assert top.rows.tolist() == [[0]]


@pytest.mark.parametrize(
    "exclude",
    [
        csr_array([[0, 1], [0, 0]]),
        csc_array([[0, 1], [0, 0]]),  # as many queries as items: its indptr would fit too
        [[1], []],
        np.array([[1, -1], [-1, -1]]),  # padded with unknown rows
    ],
)
def test_exact_topk_exclude_means_the_same_in_every_form(exclude):
    top = exact_topk([[1.0], [1.0]], [[3.0], [1.0]], 1, exclude=exclude)
    assert top.rows.tolist() == [[0], [1]]


def test_topk_of_scores_minus_infinity_is_never_returned():
    top = topk_of_scores([1.0, -np.inf, 3.0], 3, exclude=[[2]])
    assert top.rows.tolist() == [0, -1, -1]


def test_topk_of_scores_leaves_its_input_alone():
    scores = np.ones((1, 3), dtype=np.float32)
    topk_of_scores(scores, 1, exclude=[[0]])
    assert scores.tolist() == [[1.0, 1.0, 1.0]]


def test_exact_topk_other_dimension_names_both_shapes():
    with pytest.raises(ValueError, match=r"queries \(2, 3\) and items \(4, 5\)"):
        exact_topk(np.ones((2, 3)), np.ones((4, 5)), 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("side", ["queries", "items"])
def test_exact_topk_not_finite_is_refused(bad, side):
    arguments = {"queries": np.ones((2, 3)), "items": np.ones((2, 3))}
    arguments[side][1, 2] = bad
    with pytest.raises(ValueError, match=rf"{side} of shape \(2, 3\) must be finite"):
        exact_topk(k=1, **arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be at least 1; got 0"),
        ({"block": 0}, "block must be at least 1; got 0"),
        ({"allow": np.ones(2, bool)}, r"mask of shape \(3,\); got bool of shape \(2,\)"),
        ({"allow": np.ones(3)}, "got float64 of shape"),
        ({"exclude": [[0]]}, "exclude must cover 2 queries"),
        ({"exclude": [[0], [3]]}, "exclude names row 3, but there are 3 items"),
        ({"exclude": csr_array((2, 4))}, "exclude must cover 2 queries and 3 items"),
    ],
)
def test_exact_topk_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        exact_topk(np.ones((2, 1)), np.ones((3, 1)), **{"k": 1, **options})


@pytest.mark.parametrize("bad", [[np.nan], [np.inf], [[[1.0]]]])
def test_topk_of_scores_bad_scores_are_refused(bad):
    with pytest.raises(ValueError, match=r"without NaN or \+inf"):
        topk_of_scores(bad, 1)
