import numpy as np
import pytest

from core_embeddings.ids import IdMap
from recommend.config import RecommenderConfig
from recommend.histories import latest, normalise_interactions
from recommend.popularity import popularity

ABC = IdMap(["a", "b", "c"])


def test_popularity_is_the_log_of_decayed_event_weights(table):
    met = normalise_interactions(
        table([("u", "a", "purchase", 2), ("v", "a", "view", 0), ("w", "b", "cart", 1), ("w", "z")])
    )
    found = popularity(met, ABC, RecommenderConfig(), half_life_days=1.0, as_of=latest(met))
    assert found == pytest.approx(np.log1p([1 + 0.2 / 4, 0.5 / 2, 0]))


def test_a_short_half_life_prefers_what_is_new(table):
    rows = [("u", "a", "purchase", 0), ("v", "a", "purchase", 0), ("w", "b", "purchase", 9)]
    met = normalise_interactions(table(rows))
    slow, fast = (
        popularity(met, ABC, RecommenderConfig(), half_life_days=days, as_of=latest(met))
        for days in (1000.0, 1.0)
    )
    assert slow.argmax() == 0 and fast.argmax() == 1
