import numpy as np
import pytest

from core_embeddings.errors import ConfigError
from core_embeddings.ids import IdMap
from recommend.factors import fit_factors
from recommend.histories import build_histories, normalise_interactions
from recommend.lists import (
    BLOCK_CELLS,
    Ranked,
    check_length,
    empty_lists,
    list_frame,
    rank_block,
    user_blocks,
)
from recommend.signals import build_signals


@pytest.fixture
def signals(checkerboard, products, vectors, config):
    met = normalise_interactions(checkerboard)
    histories = build_histories(met, products, config)
    factors = fit_factors(histories.strength, config)
    return build_signals(
        met, products, vectors, config, histories=histories, factors=factors, as_of=None
    )


def test_ranking_equals_a_sort_of_the_weighted_sum(signals):
    weights = {"mf": 0.7, "content": 0.3, "popular": 2.0}
    users = np.arange(12)
    found = rank_block(signals, weights, users, 5, keep_seen=True)
    for user in users:
        total = np.zeros(12)
        for part, weight in weights.items():
            score = signals.score(part, np.array([user]))[0].astype(float)
            spread = score.std()
            total += weight * (score - score.mean()) / spread if spread > 1e-6 else 0
        assert found.scores[user] == pytest.approx(np.sort(total)[::-1][:5], abs=1e-4)
        assert total[found.rows[user]] == pytest.approx(found.scores[user], abs=1e-4)


def test_the_part_that_gave_most_is_named(signals):
    found = rank_block(signals, {"content": 1e-3, "mf": 1.0}, np.arange(12), 1)
    assert (found.parts == 1).all()


def test_products_bought_before_and_not_allowed_are_left_out(signals):
    allow = np.ones(12, bool)
    allow[1] = False
    found = rank_block(signals, {"content": 1.0}, np.array([0]), 12, allow=allow)
    # user 0 bought 2, 4, 6, 8, 10; 1 is not allowed: six others remain
    assert sorted(found.rows[0][found.rows[0] >= 0].tolist()) == [0, 3, 5, 7, 9, 11]


@pytest.mark.parametrize("n_products", [1, 1000, 10 * BLOCK_CELLS])
def test_blocks_cover_every_user_once_and_stay_bounded(n_products):
    users = np.arange(2500) if n_products > 1 else np.arange(10)
    blocks = [users[cut] for cut in user_blocks(len(users), n_products)]
    assert np.concatenate(blocks).tolist() == users.tolist()
    assert max(map(len, blocks)) * n_products <= max(BLOCK_CELLS, n_products)


def test_a_frame_has_ranks_from_one_and_no_padding():
    ranked = Ranked(
        np.array([[1, 0], [0, -1]]), np.array([[2, 1], [3, -np.inf]]), np.array([[0, 1], [1, 0]])
    )
    frame = list_frame(["u", "v"], ranked, IdMap(["a", "b"]), ("recent", "mf"))
    assert frame.values.tolist() == [
        ["u", "b", 1, 2.0, "content"],
        ["u", "a", 2, 1.0, "mf"],
        ["v", "a", 1, 3.0, "mf"],
    ]


def test_no_lists_still_have_their_columns():
    assert list(empty_lists()) == ["user_id", "product_id", "rank", "score", "source"]
    assert len(empty_lists()) == 0


def test_a_length_below_one_is_refused():
    with pytest.raises(ConfigError, match="at least 1; got 0"):
        check_length(0)


def test_a_list_longer_than_the_catalogue_costs_no_more_than_the_catalogue(signals):
    users = np.arange(2)
    whole = rank_block(signals, {"popular": 1.0}, users, signals.vectors.shape[0], keep_seen=True)
    longer = rank_block(signals, {"popular": 1.0}, users, 10**12, keep_seen=True)
    assert np.array_equal(longer.rows, whole.rows)
