import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.errors import ConfigError, TableError
from core_embeddings.ids import IdMap
from recommend.config import RecommenderConfig
from recommend.histories import (
    build_histories,
    event_weights,
    latest,
    normalise_interactions,
    time_decay,
)

ABC = IdMap(["a", "b", "c"])


def test_weights_sum_event_weight_times_half_life_decay(table):
    met = normalise_interactions(
        table([("u", "a", "purchase", 10), ("u", "a", "cart", 0), ("u", "b", "view", 10)])
    )
    config = RecommenderConfig(half_life_days=10.0)
    histories = build_histories(met, ABC, config, as_of=latest(met))
    # a: 1 today + .5 of ten days ago, one half-life; b: .2 today
    assert histories.weights.toarray() == pytest.approx(np.array([[1 + 0.5 / 2, 0.2, 0]]))
    assert histories.strength.toarray() == pytest.approx(np.array([[1.5, 0.2, 0]]))


@pytest.mark.parametrize(("value", "weight"), [(5, 1), (2.5, 0.5), (9, 1), (0, 0), (np.nan, 0.5)])
def test_a_rating_counts_in_proportion_to_its_value(value, weight):
    met = normalise_interactions(
        pd.DataFrame({"user_id": ["u"], "product_id": ["a"], "event": ["rating"], "value": [value]})
    )
    assert event_weights(met, RecommenderConfig())[0] == weight


def test_an_event_without_a_weight_is_refused_by_name(table):
    met = normalise_interactions(table([("u", "a", "wishlist", 0)]))
    with pytest.raises(ConfigError, match="'wishlist' has no weight"):
        event_weights(met, RecommenderConfig())
    assert event_weights(met, RecommenderConfig(event_weights={"wishlist": 0.3}))[0] == 0.3


@given(days=st.floats(0, 1000), half_life=st.floats(0.1, 1000))
def test_decay_halves_with_every_half_life(days, half_life):
    now = pd.Timestamp("2024-06-01", tz="UTC")
    ages = pd.Series([now - pd.Timedelta(days=days), now - pd.Timedelta(days=days + half_life)])
    first, second = time_decay(ages, as_of=now, half_life_days=half_life)
    assert 0 <= second <= first <= 1
    assert second == pytest.approx(first / 2, rel=1e-4, abs=1e-12)


def test_without_times_or_half_life_nothing_decays(table):
    met = normalise_interactions(table([("u", "a"), ("u", "b")]))
    assert latest(met) is None
    assert time_decay(met["timestamp"], as_of=None, half_life_days=1.0).tolist() == [1, 1]
    old = normalise_interactions(table([("u", "a", "view", 0), ("u", "a", "view", 9)]))
    decay = time_decay(old["timestamp"], as_of=latest(old), half_life_days=None)
    assert decay.tolist() == [1, 1]


def test_unknown_products_and_weightless_events_leave_no_user_behind(table):
    met = normalise_interactions(table([("u", "a"), ("v", "zzz"), ("w", "b", "glance", None)]))
    config = RecommenderConfig(event_weights={"glance": 0.0})
    assert build_histories(met, ABC, config).users.all == ("u",)


def test_bought_is_what_a_buying_event_names_even_one_of_no_weight(table):
    rows = [("u", "a", "view", 0), ("u", "b", "purchase", 0), ("u", "c", "rating", 0)]
    met = normalise_interactions(table([*rows, ("v", "a", "cart", 0), ("w", "zzz")]))
    met.loc[met["event"] == "rating", "value"] = 0.0
    histories = build_histories(met, ABC, RecommenderConfig())
    assert histories.strength.toarray()[0, 2] == 0
    owned = histories.bought_by(histories.users.rows(["u", "v", "nobody"])).toarray() > 0
    assert owned.tolist() == [[False, True, True], [False] * 3, [False] * 3]
    carts = build_histories(met, ABC, RecommenderConfig(bought_events=("Cart",)))
    assert carts.bought.toarray().tolist() == [[0, 0, 0], [1, 0, 0]]


def test_recent_items_come_latest_first_and_once(table):
    met = normalise_interactions(
        table([("u", "a", "view", 1), ("u", "b", "view", 2), ("u", "a", "view", 3), ("v", "c")])
    )
    histories = build_histories(met, ABC, RecommenderConfig(recent_items=3))
    assert histories.recent.tolist() == [[0, 1, -1], [2, -1, -1]]


def test_rows_without_time_take_the_table_order_as_their_own(table):
    met = normalise_interactions(table([("u", "a"), ("u", "b"), ("u", "c")]))
    histories = build_histories(met, ABC, RecommenderConfig(recent_items=2))
    assert histories.recent.tolist() == [[2, 1]]


def test_the_order_of_rows_does_not_change_the_sums(table):
    rows = [("u", "a", "view", 1), ("v", "b", "cart", 2), ("u", "c", "purchase", 3)]
    config = RecommenderConfig()
    one, two = (
        build_histories(met, ABC, config, as_of=latest(met))
        for met in (normalise_interactions(table(r)) for r in (rows, rows[::-1]))
    )
    assert (one.weights != two.weights).nnz == 0
    assert one.users == two.users


def test_a_row_of_nobody_is_an_empty_history(table):
    histories = build_histories(
        normalise_interactions(table([("u", "a")])), ABC, RecommenderConfig()
    )
    taken = histories.take(np.array([-1, 0])).toarray()
    assert taken.tolist() == [[0, 0, 0], [1, 0, 0]]
    nobody = build_histories(
        normalise_interactions(table([("u", "zzz")])), ABC, RecommenderConfig()
    )
    assert nobody.take(np.array([-1])).toarray().tolist() == [[0, 0, 0]]


def test_missing_columns_get_their_defaults_and_ids_become_text():
    met = normalise_interactions(pd.DataFrame({"user_id": [7], "product_id": [1]}))
    assert met.loc[0, ["user_id", "product_id", "event"]].tolist() == ["7", "1", "purchase"]
    assert met["value"].isna().all() and met["timestamp"].isna().all()


def test_an_arrow_table_reads_like_pandas(table):
    frame = table([("u", "a", "view", 1)])
    arrow = pa.Table.from_pandas(frame)
    pd.testing.assert_frame_equal(normalise_interactions(arrow), normalise_interactions(frame))


def test_a_table_without_users_is_refused():
    with pytest.raises(TableError, match="user_id is missing"):
        normalise_interactions(pd.DataFrame({"product_id": ["a"]}))
