"""Log-odds become a set: at least one value, and a confidence that can be believed."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit

from classify.combination import MIN_ROWS
from classify.metrics import ece
from classify.set_blend import SetBlend, choose_set_blend, likeliest_sets


@given(hnp.arrays(float, (6, 4), elements=st.floats(-5, 5)))
def test_a_set_has_what_is_likelier_than_not_or_else_the_likeliest(scores):
    has = likeliest_sets(scores)
    for row, said in zip(scores, has, strict=True):
        likely = {at for at, score in enumerate(row) if score > 0}
        assert set(np.flatnonzero(said)) == (likely or {int(row.argmax())})


@given(hnp.arrays(float, (3, 4), elements=st.floats(-4, 4)), st.integers(0, 9))
def test_chosen_set_is_the_likeliest_of_all_and_its_chance_is_its_share(scores, seed):
    sizes = np.random.default_rng(seed).normal(size=5)
    chosen = SetBlend((1.0,), tuple(sizes)).choose(scores)
    every = [np.array(one) for one in itertools.product([False, True], repeat=4)]
    for row, said, confidence in zip(scores, chosen.has, chosen.confidence, strict=True):
        chance = expit(row)
        weight = [
            np.prod(np.where(one, chance, 1 - chance)) * np.exp(sizes[one.sum()]) for one in every
        ]
        best = max(found for found, one in zip(weight, every, strict=True) if one.any())
        assert confidence == pytest.approx(best / sum(weight), abs=2e-6)
        own = next(w for w, one in zip(weight, every, strict=True) if (one == said).all())
        assert own == pytest.approx(best)


def test_products_that_always_have_two_values_get_two():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(800, 5))
    has = np.argsort(np.argsort(-true - 0.3 * rng.normal(size=true.shape), axis=1), axis=1) < 2
    kept = choose_set_blend((true - 1)[None], has)
    assert (kept.choose(kept.scores((true - 1)[None])).has.sum(axis=1) == 2).mean() > 0.97


def drawn(n=3000, seed=0):
    """Values drawn from known log-odds; a second part that knows nothing; too bold a third."""
    rng = np.random.default_rng(seed)
    true = rng.normal(scale=2.5, size=(n, 4))
    has = rng.random(true.shape) < expit(true)
    return np.array([true, rng.normal(size=true.shape), 3 * true]), has


def test_blend_of_truth_and_noise_listens_to_the_truth():
    parts, has = drawn()
    kept = choose_set_blend(parts[:2], has)
    assert kept.weights[0] > 5 * kept.weights[1]


def test_too_bold_odds_are_tempered():
    parts, has = drawn()
    kept = choose_set_blend(parts[2:], has)
    assert kept.weights[0] == pytest.approx(1 / 3, rel=0.15)


def test_confidence_in_a_whole_set_is_calibrated_on_rows_not_seen():
    parts, has = drawn()
    kept = choose_set_blend(parts, has)
    fresh, true = drawn(seed=1)
    chosen = kept.choose(kept.scores(fresh))
    right = (chosen.has == true).all(axis=1)
    assert 0.2 < right.mean() < 0.9
    assert ece(chosen.confidence, right) < 0.05


def test_one_modality_speaks_alone_where_the_other_adds_nothing():
    parts, has = drawn()
    kept = choose_set_blend(parts[:2], has, alone=[[0], [1]])
    assert kept.weights[1] == 0


def test_with_few_rows_the_mean_is_taken():
    parts, has = drawn(n=MIN_ROWS - 1)
    assert choose_set_blend(parts, has) == SetBlend((1 / 3, 1 / 3, 1 / 3))
    assert SetBlend((1.0, 3.0)).shares == (0.25, 0.75)
