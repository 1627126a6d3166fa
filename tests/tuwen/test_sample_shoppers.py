"""The log: tastes can be learned from it, popularity does not do, content helps the new."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tuwen.sample_products import Product, plan_products
from tuwen.sample_shoppers import DAYS, END, Log, affinity, plan_log
from tuwen.sample_taxonomy import TASTES

USERS, K = 200, 10


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return plan_products(400, np.random.default_rng(5))


@pytest.fixture(scope="module")
def log(products: list[Product]) -> Log:
    return plan_log(products, USERS, np.random.default_rng(6))


@pytest.fixture(scope="module")
def good(log: Log) -> pd.DataFrame:
    return log.rows.drop(index=[item["row"] - 1 for item in log.dirty])


@pytest.fixture(scope="module")
def cut(good: pd.DataFrame) -> str:
    return sorted(good["timestamp"])[int(0.8 * len(good))]


def _recall(scores: np.ndarray, seen: set[int], truth: set[int]) -> float:
    order = [row for row in np.argsort(-scores, kind="stable") if row not in seen][:K]
    return len(truth & set(order)) / min(K, len(truth))


def _traits(products: list[Product]) -> np.ndarray:
    values = pd.DataFrame(
        [(p.design.leaf.term.name, p.design.color, p.design.brand.en) for p in products]
    )
    return pd.get_dummies(values).to_numpy(dtype=float)


def _history(frame: pd.DataFrame, products: list[Product]) -> dict[str, set[int]]:
    rows = {product.product_id: row for row, product in enumerate(products)}
    return {
        user: {rows[name] for name in names}
        for user, names in frame.groupby("user_id")["product_id"]
    }


def test_a_list_that_knows_the_taste_beats_popularity_by_far(products, log, good, cut):
    before = _history(good[good["timestamp"] < cut], products)
    after = _history(good[good["timestamp"] >= cut], products)
    popular = np.zeros(len(products))
    for rows in before.values():
        popular[list(rows)] += 1
    likes = {taste.name: affinity(taste, products) for taste in TASTES}
    pairs = [
        (
            _recall(likes[log.tastes[user][0]], before[user], truth),
            _recall(popular, before[user], truth),
        )
        for user, truth in after.items()
        if user in before
    ]
    by_taste, by_popularity = np.mean(pairs, axis=0)
    assert len(pairs) > 0.6 * USERS
    assert by_taste > 1.6 * by_popularity


def test_what_a_shopper_met_tells_which_late_product_comes_next(products, log, good, cut):
    before = _history(good[good["timestamp"] < cut], products)
    after = _history(good[good["timestamp"] >= cut], products)
    met = set().union(*before.values())
    cold = {row for row, product in enumerate(products) if product.product_id in log.late} - met
    traits, chance, found = _traits(products), [], []
    for user, rows in after.items():
        if user in before and rows & cold:
            scores = traits @ traits[list(before[user])].mean(axis=0)
            found.append(_recall(scores, set(range(len(products))) - cold, rows & cold))
            chance.append(min(1.0, K / len(cold)))
    assert len(found) > 30
    assert np.mean(found) > 1.4 * np.mean(chance)


def test_late_products_are_met_only_after_the_cut_and_cold_ones_never(log, good, cut):
    assert not set(good["product_id"]) & set(log.cold)
    late = good[good["product_id"].isin(log.late)]
    assert len(log.cold) == round(0.04 * 400)
    assert late["product_id"].nunique() > 0.5 * len(log.late)
    assert late["timestamp"].min() > cut


def test_no_shopper_meets_a_product_twice(good):
    views = good[good["event"] == "view"]
    assert not views.duplicated(["user_id", "product_id"]).any()


def test_every_step_follows_the_one_before(good):
    counts = good.groupby(["user_id", "product_id"])["event"].apply(tuple)
    full = ("view", "cart", "purchase", "rating")
    assert set(counts) == {full[:length] for length in (1, 2, 3, 4)}


def test_ratings_are_one_to_five_and_views_have_no_value(good):
    ratings = good.loc[good["event"] == "rating", "value"]
    assert set(ratings) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert good.loc[good["event"] == "view", "value"].isna().all()


def test_the_log_spans_the_same_days_whenever_it_is_made(good):
    times = pd.to_datetime(good["timestamp"], utc=True)
    assert times.max() <= END
    assert times.min() >= END - pd.Timedelta(days=DAYS + 1)
    assert times.is_monotonic_increasing


def test_popularity_is_skewed_and_some_shoppers_are_new_or_scarcely_known(good, cut):
    counts = good["product_id"].value_counts()
    assert counts.iloc[: len(counts) // 10].sum() > 0.25 * counts.sum()
    met = good[good["event"] == "view"].groupby("user_id").size()
    assert len(met) == USERS
    assert (met < 5).sum() >= 0.05 * USERS
    assert set(good[good["timestamp"] >= cut]["user_id"]) - set(
        good[good["timestamp"] < cut]["user_id"]
    )


def test_planted_rows_are_where_the_truth_says_and_nowhere_else(products, log, good):
    known = {product.product_id for product in products}
    for item in log.dirty:
        row = log.rows.iloc[item["row"] - 1]
        if item["column"] == "timestamp":
            assert pd.isna(pd.to_datetime(row["timestamp"], utc=True, errors="coerce"))
        elif item["column"] == "user_id":
            assert row["user_id"] == ""
        else:
            assert row["product_id"] not in known
    assert set(good["product_id"]) <= known
    assert (good["user_id"] != "").all()
    assert len(log.dirty) == 6


@pytest.mark.parametrize("users", [1, 3])
def test_a_handful_of_shoppers_is_enough(products, users):
    log = plan_log(products, users, np.random.default_rng(0))
    assert len(log.tastes) == users
    assert len(log.dirty) == 6
