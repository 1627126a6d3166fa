"""Jobs on versions of products whose right answers are counted by hand or by plain loops."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import f1_score

from tuwen.missing_jobs import RecommendJob, SearchJob, TagJob, Version, _matrix, tag_job


def words(*values):
    return np.array(values, dtype=object)


NOTHING = np.zeros((4, 0), dtype=np.float32)


def test_tags_are_averaged_over_fields_and_unknown_labels_are_left_out():
    truth = {"color": words("red", "red", "blue", ""), "kind": words("hat", "hat", "hat", "cap")}
    said = {"color": words("red", "blue", "blue", "red"), "kind": words("hat", "hat", "hat", "hat")}
    job = TagJob(truth, {"color": "red", "kind": "hat"})
    metrics, n = job.measure(Version(NOTHING, said))
    f1 = [
        f1_score(truth["color"][:3], said["color"][:3], average="macro"),
        f1_score(truth["kind"], said["kind"], average="macro"),
    ]
    assert metrics == pytest.approx({"accuracy": (2 / 3 + 3 / 4) / 2, "macro_f1": np.mean(f1)})
    assert n == 4
    assert job.baseline().metrics["accuracy"] == pytest.approx((2 / 3 + 3 / 4) / 2)


def test_fields_without_a_known_value_are_not_measured():
    products = pd.DataFrame(
        {"color": ["red", "blue", "red"], "kind": ["hat", "cap", ""], "split": ["train"] * 2 + [""]}
    )
    labels = {name: products[name].to_numpy(dtype=object) for name in ("color", "kind")}
    job = tag_job(products, labels, np.array([2]))
    assert job is not None and job.truth.keys() == job.majority.keys() == {"color"}
    assert tag_job(products, {"kind": labels["kind"]}, np.array([2])) is None
    assert tag_job(products, {}, np.array([2])) is None


def test_search_ranks_by_cosine_and_chance_is_the_mean_over_all_orders():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(5, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance = np.array([[0, 2, 0, 1, 0], [1, 0, 0, 0, 0]], dtype=float)
    job = SearchJob(vectors[[1, 0]], sparse.csr_matrix(relevance), k=3)
    discounts = 1 / np.log2([2, 3, 4])
    ideal = np.array([2 * discounts[0] + discounts[1], discounts[0]])

    def ndcg(order, query):
        return relevance[query, list(order)[:3]] @ discounts / ideal[query]

    best = [np.argsort(-vectors @ query, kind="stable") for query in job.queries]
    found = job.measure(Version(vectors, {}))
    assert found.metrics["ndcg@3"] == pytest.approx(np.mean([ndcg(best[q], q) for q in (0, 1)]))
    shuffled = [[ndcg(rng.permutation(5), query) for _ in range(4000)] for query in (0, 1)]
    assert job.baseline().metrics["ndcg@3"] == pytest.approx(np.mean(shuffled), abs=0.01)
    assert found.n == 2


def test_lists_leave_out_what_was_met_and_popularity_is_one_list_for_all():
    users = np.eye(3, dtype=np.float32)[:2]
    products = np.eye(3, dtype=np.float32)
    truth = sparse.csr_matrix([[0, 1, 0], [1, 0, 1]])
    seen = sparse.csr_matrix([[1, 0, 0], [0, 0, 0]])
    popular = np.array([5.0, 1.0, 3.0])
    job = RecommendJob(users, truth, seen, popular, k=1)
    # User 0 is nearest to product 0, which was met; of the rest product 1 comes first by its row.
    assert job.measure(Version(products, {})).metrics == {"recall@1": 0.5}
    # Popularity lists product 2 to user 0, who has met product 0, and product 0 to user 1.
    assert job.baseline().metrics == {"recall@1": 0.25}
    assert job.baseline().n == 2


def test_of_a_pair_given_twice_the_higher_value_counts_and_unknown_ids_are_nowhere():
    rows, columns = np.array([0, 0, 1, -1, 1]), np.array([2, 2, 0, 1, -1])
    found = _matrix(rows, columns, np.array([1.0, 3.0, 2.0, 9.0, 9.0]), (2, 3))
    assert found.toarray().tolist() == [[0, 0, 3], [2, 0, 0]]
