import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import TableError
from recommend import HybridRecommender
from recommend.evaluate import MODELS, SEGMENTS, evaluate_lists

K = 3


@pytest.fixture
def split(timed):
    cut = pd.Timestamp("2024-01-09", tz="UTC")
    train, test = timed[timed["timestamp"] < cut], timed[timed["timestamp"] >= cut]
    # a stranger, somebody who only repeats, and a product that training never saw
    extra = pd.DataFrame(
        {
            "user_id": ["new", "new", "u00", "idle"],
            "product_id": ["p00", "p12", "p12", "p13"],
            "event": "purchase",
            "value": np.nan,
            "timestamp": cut,
        }
    )
    again = train[train["user_id"] == "u01"].assign(timestamp=cut, user_id="u01")
    test = pd.concat([test[test["user_id"] != "u01"], again, extra], ignore_index=True)
    return train, test


@pytest.fixture
def shop(products, vectors):
    return [*products.all, "p12"], np.concatenate([vectors, vectors[:1]])


@pytest.fixture
def found(split, shop, config):
    train, test = split
    ids, vectors = shop
    model = HybridRecommender(config).fit(train, product_ids=ids, vectors=vectors)
    result = evaluate_lists(train, test, product_ids=ids, vectors=vectors, recommender=model, k=K)
    return model, result


def value(table, segment, model, metric):
    row = table[
        (table["segment"] == segment) & (table["model"] == model) & (table["metric"] == metric)
    ]
    assert len(row) == 1
    return row["value"].item()


def slow_scores(lists, truth, k):
    """Recall, ndcg, map and hit in plain loops."""
    sums = np.zeros(4)
    for user, wanted in truth.items():
        hits = [name in wanted for name in lists[user][:k]]
        places = [i for i, hit in enumerate(hits, start=1) if hit]
        best = range(1, min(k, len(wanted)) + 1)
        sums += [
            len(places) / len(wanted),
            sum(1 / math.log2(i + 1) for i in places) / sum(1 / math.log2(i + 1) for i in best),
            sum(sum(hits[:i]) / i for i in places) / len(best),
            bool(places),
        ]
    return sums / len(truth)


def new_pairs(train, test, ids):
    seen = set(zip(train["user_id"], train["product_id"], strict=True))
    truth = {}
    for user, product in zip(test["user_id"], test["product_id"], strict=True):
        if (user, product) not in seen and product in ids:
            truth.setdefault(user, set()).add(product)
    return truth


def test_hybrid_metrics_equal_plain_loops_over_its_own_lists(found, split, shop):
    model, result = found
    truth = new_pairs(*split, shop[0])
    lists = model.recommend(truth, k=K).groupby("user_id")["product_id"].agg(list)
    expected = slow_scores(lists, truth, K)
    for name, reached in zip(("recall", "ndcg", "map", "hit"), expected, strict=True):
        assert value(result.table, "all", "hybrid", f"{name}@{K}") == pytest.approx(reached)


def test_coverage_and_novelty_by_hand(found, split, shop):
    model, result = found
    truth = new_pairs(*split, shop[0])
    lists = model.recommend(truth, k=K)
    met = split[0].drop_duplicates(["user_id", "product_id"])["product_id"].value_counts()
    bits = [
        -math.log2((met.get(name, 0) + 1) / (met.sum() + len(shop[0])))
        for name in lists["product_id"]
    ]
    assert value(result.table, "all", "hybrid", f"novelty@{K}") == pytest.approx(np.mean(bits))
    share = lists["product_id"].nunique() / len(shop[0])
    assert value(result.table, "all", "hybrid", f"coverage@{K}") == pytest.approx(share)


def test_every_segment_and_model_has_every_metric(found):
    table = found[1].table
    assert list(table) == ["segment", "model", "metric", "value", "n"]
    rows = table[table["metric"] != "users_left_out"]
    assert set(rows["segment"]) == set(SEGMENTS)
    assert set(rows["model"]) == {"hybrid", *MODELS}
    assert (rows.groupby(["segment", "model"]).size() == 6).all()


def test_users_without_anything_new_are_left_out_and_counted(found, split):
    table = found[1].table
    # u01 only repeats; "idle" met a product that is not in the catalogue
    assert value(table, "all", "", "users_left_out") == 2
    n = table[table["metric"] == f"recall@{K}"].groupby("segment")["n"].first()
    assert n.to_dict() == {"all": 40, "warm_users": 39, "cold_users": 1, "cold_items": 2}
    assert split[1]["user_id"].nunique() == 42


def test_cold_items_count_only_what_training_never_saw(found):
    per_user = found[1].per_user
    cold = per_user[(per_user["truth"] == "cold_items") & (per_user["model"] == "hybrid")]
    assert set(cold["user_id"]) == {"new", "u00"}


def test_a_part_with_nothing_to_say_lists_by_popularity(found):
    table = found[1].table
    cold = table[(table["segment"] == "cold_users") & (table["metric"] == f"recall@{K}")]
    parts = cold[cold["model"] != "hybrid"]["value"]
    assert parts.nunique() == 1


@pytest.mark.parametrize("model", ["als", "item_item", "popularity"])
def test_what_only_knows_deeds_never_lists_a_product_without_any(found, model):
    table = found[1].table
    for metric in (f"recall@{K}", f"coverage@{K}"):
        assert value(table, "cold_items", model, metric) == 0


def test_without_any_new_pair_only_the_users_left_out_are_told(split, shop, config):
    train, _ = split
    ids, vectors = shop
    model = HybridRecommender(config).fit(train, product_ids=ids, vectors=vectors)
    for test, asked in ((train, train["user_id"].nunique()), (train.iloc[:0], 0)):
        table, per_user = evaluate_lists(
            train, test, product_ids=ids, vectors=vectors, recommender=model, k=K
        )
        assert table.to_dict("records") == [
            {"segment": "all", "model": "", "metric": "users_left_out", "value": asked, "n": asked}
        ]
        assert per_user.empty
        assert list(per_user)[:4] == ["user_id", "warm", "truth", "model"]
        assert list(per_user)[4:] == [f"{name}@{K}" for name in ("recall", "ndcg", "map", "hit")]


def test_a_learned_head_start_reaches_the_evaluated_lists(found, split, shop):
    model, _ = found
    model.validation = replace(
        model.validation, blend=replace(model.validation.blend, head_start=9.0)
    )
    ids, vectors = shop
    result = evaluate_lists(*split, product_ids=ids, vectors=vectors, recommender=model, k=K)
    truth = new_pairs(*split, ids)
    lists = model.recommend(truth, k=K).groupby("user_id")["product_id"].agg(list)
    reached = value(result.table, "all", "hybrid", f"recall@{K}")
    assert reached == pytest.approx(slow_scores(lists, truth, K)[0])
    assert "p12" in lists["u00"]


def test_per_user_scores_average_to_the_table(found):
    table, per_user = found[1]
    own = per_user[(per_user["truth"] == "all") & (per_user["model"] == "als")]
    assert own[f"ndcg@{K}"].mean() == pytest.approx(value(table, "all", "als", f"ndcg@{K}"))
    warm = own[own["warm"]][f"recall@{K}"].mean()
    assert warm == pytest.approx(value(table, "warm_users", "als", f"recall@{K}"))


def test_without_a_recommender_one_is_fitted_on_train(split, shop):
    ids, vectors = shop
    result = evaluate_lists(*split, product_ids=ids, vectors=vectors, k=K)
    assert 0 < value(result.table, "all", "hybrid", f"recall@{K}") <= 1


def test_a_recommender_for_another_catalogue_is_refused(found, split, shop):
    ids, vectors = shop
    with pytest.raises(TableError, match="knows 13 products, not the 12"):
        evaluate_lists(*split, product_ids=ids[1:], vectors=vectors[1:], recommender=found[0], k=K)
