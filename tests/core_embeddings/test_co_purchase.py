import numpy as np
import pandas as pd
import pytest

from core_embeddings.co_purchase import co_purchases
from core_embeddings.errors import ConfigError

IDS = ["a", "b", "c", "d"]


def log(*rows):
    """Rows of user, product, day (None for unknown)."""
    users, products, days = zip(*rows, strict=True)
    times = pd.to_datetime([None if d is None else f"2020-09-{d:02d}" for d in days], utc=True)
    return pd.DataFrame(
        {
            "user_id": users,
            "product_id": products,
            "event": "purchase",
            "value": np.nan,
            "timestamp": pd.Series(times).astype("datetime64[ns, UTC]"),
        }
    )


def plain(table, ids, days, cap):
    """The definition, one user and one pair at a time."""
    weights = np.zeros((len(ids), len(ids)))
    for _, bought in table[table["product_id"].isin(ids)].groupby("user_id"):
        last = {}
        for row in bought.sort_values(["timestamp"], na_position="first").itertuples():
            last[row.product_id] = row.timestamp
        order = sorted(
            last, key=lambda p: (last[p] is not pd.NaT, last[p] if last[p] is not pd.NaT else 0, p)
        )
        kept = order[-cap:]
        for i, one in enumerate(kept):
            for other in kept[i + 1 :]:
                gap = abs(last[one] - last[other])
                if gap is pd.NaT or gap <= pd.Timedelta(days=days):
                    x, y = ids.index(one), ids.index(other)
                    weights[x, y] += 1 / (len(kept) - 1)
                    weights[y, x] += 1 / (len(kept) - 1)
    return weights


def test_weights_equal_their_definition_on_random_histories():
    rng = np.random.default_rng(0)
    ids = [f"p{i}" for i in range(9)]
    rows = [
        (f"u{rng.integers(12)}", f"p{rng.integers(11)}", int(rng.integers(1, 29)))
        for _ in range(150)
    ]
    for days, cap in ((7, 20), (3, 4), (0, 2)):
        found = co_purchases(log(*rows), ids, days=days, cap=cap).weights.toarray()
        assert np.allclose(found, plain(log(*rows), ids, days, cap))


def test_a_purchase_weighs_the_same_whatever_the_basket():
    small = co_purchases(log(("u", "a", 1), ("u", "b", 1)), IDS).weights
    large = co_purchases(log(*[("u", p, 1) for p in IDS]), IDS).weights
    assert small[0].sum() == pytest.approx(1.0)
    assert large[0].sum() == pytest.approx(1.0)


def test_purchases_too_far_apart_and_other_events_are_no_pairs():
    table = log(("u", "a", 1), ("u", "b", 20), ("v", "c", 1), ("v", "d", 1))
    table.loc[3, "event"] = "view"
    assert co_purchases(table, IDS, days=7).weights.nnz == 0
    assert co_purchases(table, IDS, days=19).weights[0, 1] > 0


def test_a_purchase_without_a_time_is_near_everything():
    assert co_purchases(log(("u", "a", None), ("u", "b", 20)), IDS, days=1).weights[0, 1] > 0


def test_a_reseller_counts_by_the_latest_products_alone():
    found = co_purchases(log(*[("u", p, day) for day, p in enumerate(IDS, start=1)]), IDS, cap=2)
    assert found.weights.nnz == 2
    assert found.weights[2, 3] == 1.0


def test_the_same_product_bought_twice_is_no_partner_of_itself():
    assert co_purchases(log(("u", "a", 1), ("u", "a", 2)), IDS).weights.nnz == 0


def test_unknown_products_and_an_empty_log_leave_nothing():
    assert co_purchases(log(("u", "x", 1), ("u", "a", 1)), IDS).weights.nnz == 0
    empty = co_purchases(log(("u", "a", 1)).iloc[:0], IDS)
    assert empty.weights.shape == (4, 4)
    assert empty.draw(np.arange(4), np.random.default_rng(0)).tolist() == [-1] * 4


def test_partners_are_drawn_in_proportion_to_their_weights_and_never_another_row_s():
    rows = [(f"u{i}", p, 1) for i in range(3) for p in ("a", "b")]
    bought = co_purchases(log(*rows, ("v", "a", 1), ("v", "c", 1)), IDS)
    drawn = bought.draw(np.zeros(4000, dtype=np.int64), np.random.default_rng(0))
    assert set(drawn.tolist()) == {1, 2}
    assert (drawn == 1).mean() == pytest.approx(0.75, abs=0.03)
    each = bought.draw(np.arange(4), np.random.default_rng(1))
    assert each[1] == each[2] == 0
    assert each[3] == -1


def test_together_tells_known_pairs():
    bought = co_purchases(log(("u", "a", 1), ("u", "b", 1)), IDS)
    found = bought.together(np.array([0, 2]), np.array([1, 0]))
    assert found.tolist() == [[True, False], [False, False]]


def test_the_digest_tells_other_weights_apart():
    one = co_purchases(log(("u", "a", 1), ("u", "b", 1)), IDS)
    same = co_purchases(log(("u", "a", 1), ("u", "b", 1)), IDS)
    twice = co_purchases(log(*[(u, p, 1) for u in "uv" for p in "ab"]), IDS)
    assert one.digest() == same.digest() != twice.digest()


def test_settings_without_any_pair_are_refused():
    with pytest.raises(ConfigError, match=r"cap at least 2; got 7\.0 and 1"):
        co_purchases(log(("u", "a", 1)), IDS, cap=1)
    with pytest.raises(ConfigError, match="days must be at least 0"):
        co_purchases(log(("u", "a", 1)), IDS, days=-1)
