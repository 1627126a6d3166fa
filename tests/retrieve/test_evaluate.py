import math

import pandas as pd
import pytest

from core_embeddings.errors import TableError
from retrieve.evaluate import evaluate_retrieval

JUDGED = pd.DataFrame(
    {
        "query_id": ["q1", "q1", "q2", "q3"],
        "product_id": ["a", "b", "c", "d"],
        "relevance": [2.0, 1.0, 1.0, 0.0],  # q3 has no relevant product
    }
)


def hits(rows, cosine=None):
    frame = pd.DataFrame(rows, columns=["query_id", "product_id", "rank", "score"])
    return frame if cosine is None else frame.assign(cosine=cosine)


GOOD = hits(
    [("q1", "b", 2, 0.1), ("q1", "a", 1, 0.9), ("q2", "x", 1, 0.5), ("q9", "a", 1, 1.0)],
    cosine=[0.5, 0.7, 0.2, 1.0],
)


def value(report, model, metric):
    row = report.summary.query("model == @model and metric == @metric")
    return row["value"].item(), row["n"].item()


def test_every_mean_follows_from_hand_arithmetic():
    report = evaluate_retrieval({"good": GOOD}, JUDGED, k=2)
    expected = {  # q1 finds both in the best order, q2 finds nothing
        "recall@2": (1 + 0) / 2,
        "capped_recall@2": (1 + 0) / 2,
        "precision@2": (2 / 2 + 0) / 2,
        "mrr@2": (1 + 0) / 2,
        "ndcg@2": (1 + 0) / 2,
        "accuracy@1": (1 + 0) / 2,
        "f1@2": (1 + 0) / 2,
        "mean_cosine@2": ((0.5 + 0.7) / 2 + 0.2) / 2,
    }
    for metric, mean in expected.items():
        assert value(report, "good", metric) == (pytest.approx(mean), 2)


def test_query_without_relevant_product_is_left_out_and_counted():
    report = evaluate_retrieval({"good": GOOD}, JUDGED, k=2)
    assert report.left_out == 1
    assert report.per_query["query_id"].tolist() == ["q1", "q2"]


def test_query_answered_with_nothing_counts_as_zero_and_has_no_cosine():
    report = evaluate_retrieval({"m": GOOD[GOOD["query_id"] == "q1"]}, JUDGED, k=2)
    assert value(report, "m", "recall@2") == (0.5, 2)
    assert value(report, "m", "mean_cosine@2") == (pytest.approx(0.6), 1)


def test_models_stand_side_by_side_and_cosine_only_where_hits_carry_one():
    report = evaluate_retrieval({"good": GOOD, "words": GOOD.drop(columns="cosine")}, JUDGED)
    assert list(report.summary) == ["model", "metric", "value", "n"]
    assert report.summary["model"].unique().tolist() == ["good", "words"]
    with_cosine = report.summary.query("metric == 'mean_cosine@10'")["model"]
    assert with_cosine.tolist() == ["good"]


def test_order_of_rows_does_not_matter_only_rank_does():
    shuffled = GOOD.sample(frac=1, random_state=3)
    first, second = (evaluate_retrieval({"m": t}, JUDGED, k=1).summary for t in (GOOD, shuffled))
    assert first.equals(second)


def test_pair_judged_twice_counts_once_with_the_higher_relevance():
    twice = pd.concat([JUDGED, JUDGED.assign(relevance=0.0)])
    report = evaluate_retrieval({"m": GOOD}, twice, k=1)
    # q1: gain 2 at place 1, ideal 2 / log2(2)
    assert value(report, "m", "ndcg@1") == (pytest.approx((2 / math.log2(2) / 2 + 0) / 2), 2)


def test_missing_columns_are_named():
    with pytest.raises(TableError, match=r"judgements must have .*; relevance missing"):
        evaluate_retrieval({}, JUDGED.drop(columns="relevance"))
    with pytest.raises(TableError, match=r"hits of m must have .*; rank missing"):
        evaluate_retrieval({"m": GOOD.drop(columns="rank")}, JUDGED)


def test_no_model_or_no_hits_gives_empty_or_zero_rows():
    assert evaluate_retrieval({}, JUDGED).summary.empty
    report = evaluate_retrieval({"m": GOOD.iloc[:0]}, JUDGED)
    assert value(report, "m", "recall@10") == (0.0, 2)
