import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Success, nDCG

from core_embeddings.metrics import (
    hits_of,
    ideal_dcg,
    ideal_dcg_binary,
    mean_ranking_metrics,
    metrics_from_hits,
    ndcg_at_k,
    ranking_metrics,
    recall_at_k,
)


def values(ranked, relevances, k):
    return ranking_metrics({"q": ranked}, {"q": relevances}, k).loc["q"].to_dict()


def test_every_metric_of_one_list_follows_from_hand_arithmetic():
    # places:  1: b (0)   2: a (relevance 3)   3: x (unjudged)   4: c (relevance 1)
    # relevant: a, c, d (2); b is judged irrelevant. k = 4: found 2 of 3.
    found = values(["b", "a", "x", "c"], {"a": 3, "b": 0, "c": 1, "d": 2}, 4)
    dcg = 3 / math.log2(3) + 1 / math.log2(5)
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert found == pytest.approx(
        {
            "recall@4": 2 / 3,
            "capped_recall@4": 2 / min(4, 3),
            "precision@4": 2 / 4,
            "f1@4": 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3),
            "hit@4": 1.0,
            "mrr@4": 1 / 2,
            "map@4": (1 / 2 + 2 / 4) / min(4, 3),
            "ndcg@4": dcg / ideal,
            "accuracy@1": 0.0,
        }
    )


def test_more_relevant_than_places_capped_metrics_reach_one_and_recall_does_not():
    found = values(["a", "b"], {"a": 1, "b": 1, "c": 1, "d": 1}, 2)
    assert found["recall@2"] == 2 / 4
    for name in ("capped_recall@2", "map@2", "ndcg@2", "precision@2", "accuracy@1"):
        assert found[name] == 1.0


def test_short_list_precision_still_divides_by_k():
    found = values(["a"], {"a": 1}, 5)
    assert found["precision@5"] == 1 / 5
    assert found["recall@5"] == found["map@5"] == found["ndcg@5"] == 1.0


def test_empty_or_missing_list_earns_zero():
    frame = ranking_metrics({"empty": []}, {"empty": {"a": 1}, "missing": {"a": 1}}, 3)
    assert (frame == 0).all(axis=None)
    assert frame.index.tolist() == ["empty", "missing"]


def test_item_listed_twice_counts_once_and_keeps_its_place():
    found = values(["a", "a", "b"], {"a": 1, "b": 1}, 3)
    assert found["recall@3"] == 1.0
    assert found["precision@3"] == 2 / 3
    assert found["map@3"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert values(["a", "a", "b"], {"a": 1, "b": 1}, 2)["recall@2"] == 1 / 2


def test_places_beyond_k_do_not_count():
    found = values(["x", "y", "a"], {"a": 1}, 2)
    assert set(found.values()) == {0.0}


def test_query_without_a_relevant_item_is_nan_left_out_and_counted():
    ranked = {"good": ["a"], "none": ["a"], "unjudged": ["a"]}
    truth = {"good": {"a": 1}, "none": {"a": 0}, "empty": {}}
    frame = ranking_metrics(ranked, truth, 1)
    assert frame.loc[["none", "empty"]].isna().all(axis=None)
    means = mean_ranking_metrics(ranked, truth, 1)
    assert (means["recall@1"], means["n"], means["left_out"]) == (1.0, 1.0, 2.0)


def test_no_query_at_all_gives_nan_means_and_zero_counts():
    means = mean_ranking_metrics({}, {}, 3)
    assert math.isnan(means["ndcg@3"])
    assert (means["n"], means["left_out"]) == (0.0, 0.0)


@pytest.mark.parametrize("graded", [False, True])
def test_random_lists_agree_with_ir_measures(graded):
    rng, k, names = np.random.default_rng(7), 5, [f"p{i:02d}" for i in range(30)]
    ranked, truth, run, judged = {}, {}, {}, {}
    for query in map(str, range(60)):
        ranked[query] = rng.choice(names, rng.integers(1, 12), replace=False).tolist()
        chosen = rng.choice(names, rng.integers(1, 12), replace=False)
        relevance = rng.integers(0, 4 if graded else 2, len(chosen))
        relevance[0] = 1
        truth[query] = dict(zip(chosen.tolist(), relevance.astype(float), strict=True))
        judged[query] = {name: int(value) for name, value in truth[query].items()}
        run[query] = {name: -float(place) for place, name in enumerate(ranked[query])}
    frame = ranking_metrics(ranked, truth, k)
    oracle = {R @ k: "recall", P @ k: "precision", RR @ k: "mrr", nDCG @ k: "ndcg"}
    oracle[Success @ k] = "hit"
    compared = 0
    for metric in ir_measures.iter_calc(list(oracle), judged, run):
        ours = frame.loc[metric.query_id, f"{oracle[metric.measure]}@{k}"]
        assert ours == pytest.approx(metric.value, abs=1e-12)
        compared += 1
    assert compared == 60 * 5


def test_map_agrees_with_ir_measures_where_k_covers_every_relevant_item():
    rng, names = np.random.default_rng(8), [f"p{i:02d}" for i in range(20)]
    ranked = {str(q): rng.permutation(names).tolist() for q in range(30)}
    truth = {q: {name: 1 for name in rng.choice(names, 4, replace=False)} for q in ranked}
    run = {q: {n: -float(i) for i, n in enumerate(order)} for q, order in ranked.items()}
    frame = ranking_metrics(ranked, truth, 20)
    for metric in ir_measures.iter_calc([AP], truth, run):
        assert frame.loc[metric.query_id, "map@20"] == pytest.approx(metric.value, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from("abcdef"), max_size=8),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 5, allow_subnormal=False), min_size=1),
    st.integers(1, 7),
)
def test_any_list_stays_within_zero_and_one_and_best_list_reaches_one(ranked, judged, k):
    judged = judged | {"a": 1.0}
    found = values(ranked, judged, k)
    assert all(0 <= value <= 1 + 1e-12 for value in found.values())
    best = values(sorted(judged, key=lambda name: -judged[name]), judged, k)
    for name in (f"ndcg@{k}", f"map@{k}", f"capped_recall@{k}", "accuracy@1"):
        assert best[name] == pytest.approx(1.0)


def test_single_list_gives_single_numbers_and_batch_gives_the_same():
    ranked, truth = {"q": ["b", "a"]}, {"q": {"a": 2.0, "c": 1.0}}
    hits = hits_of(ranked, truth, 2)
    assert float(recall_at_k(hits.gains[0], 2)) == 0.5
    assert float(ndcg_at_k(hits.gains[0], 2, hits.ideal[0])) == metrics_from_hits(*hits)["ndcg@2"]


def test_binary_ideal_equals_general_ideal():
    for relevant in range(6):
        assert ideal_dcg_binary(relevant, 4) == pytest.approx(ideal_dcg([1] * relevant, 4))


def test_metrics_from_hits_without_ideal_takes_binary_relevance():
    found = metrics_from_hits([[0, 1, 0]], [2])
    assert found["ndcg@3"][0] == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))


@pytest.mark.parametrize("relevance", [-1.0, math.nan, math.inf])
def test_relevance_out_of_range_is_refused(relevance):
    with pytest.raises(ValueError, match="relevance must be finite and at least 0; query 'q'"):
        ranking_metrics({}, {"q": {"a": relevance}}, 1)


def test_k_below_one_is_refused():
    with pytest.raises(ValueError, match="k must be at least 1; got 0"):
        ranking_metrics({}, {}, 0)


@pytest.mark.parametrize(
    ("gains", "relevant", "message"),
    [
        ([1.0], [1], "gains must be of shape"),
        ([[1.0]], [1, 1], r"got \(1, 1\) and \(2,\)"),
        ([[-1.0]], [1], "gains must be 0 or more"),
        ([[math.nan]], [1], "gains must be 0 or more"),
        ([[1.0, 1.0]], [1], "hits at most n_relevant"),
    ],
)
def test_impossible_hits_are_refused(gains, relevant, message):
    with pytest.raises(ValueError, match=message):
        metrics_from_hits(gains, relevant)
