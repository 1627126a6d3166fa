import numpy as np
import pytest

from recommend.factors import fit_factors
from recommend.histories import build_histories, normalise_interactions
from recommend.signals import COLD_PARTS, PARTS, SOURCES, build_signals


@pytest.fixture
def signals(checkerboard, products, vectors, config):
    met = normalise_interactions(checkerboard)
    histories = build_histories(met, products, config)
    factors = fit_factors(histories.strength, config)
    return build_signals(
        met, products, vectors, config, histories=histories, factors=factors, as_of=None
    )


@pytest.mark.parametrize("part", PARTS)
def test_every_part_scores_every_product_for_every_user(signals, part):
    scores = signals.score(part, np.array([0, -1, 3]))
    assert scores.shape == (3, 12) and scores.dtype == np.float32
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("part", PARTS)
def test_only_popularity_speaks_to_a_stranger(signals, part):
    assert signals.score(part, np.array([-1])).any() == (part in COLD_PARTS)


@pytest.mark.parametrize("part", [part for part in PARTS if part not in COLD_PARTS])
def test_every_personal_part_tells_the_two_tastes_apart(signals, part):
    scores = signals.score(part, np.array([0, 1]))
    even = np.arange(12) % 2 == 0
    assert scores[0, even].min() > scores[0, ~even].max()
    assert scores[1, ~even].min() > scores[1, even].max()


def test_newcomers_are_the_products_nobody_met(checkerboard, products, vectors, config):
    left = normalise_interactions(checkerboard[checkerboard["product_id"] != "p05"])
    histories = build_histories(left, products, config)
    factors = fit_factors(histories.strength, config)
    found = build_signals(
        left, products, vectors, config, histories=histories, factors=factors, as_of=None
    )
    assert np.flatnonzero(found.newcomers).tolist() == [5]


def test_every_part_has_a_source():
    assert set(SOURCES) == set(PARTS)
    assert set(SOURCES.values()) == {"mf", "content", "item_item", "popular"}
