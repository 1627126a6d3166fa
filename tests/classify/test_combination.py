"""Combinations whose best weights follow from how the parts were made."""

import numpy as np
import pytest
from scipy.special import log_softmax

from classify.combination import MIN_ROWS, Combination, blend_weights, choose_combination
from classify.metrics import accuracy, macro_f1

EVEN = np.log(np.full(4, 0.25))


def parts_and_codes(seed=0, n_rows=400, noise=(0.5, 50.0, 1.0)):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, n_rows)
    scores = [2 * np.eye(4)[codes] + scale * rng.normal(size=(n_rows, 4)) for scale in noise]
    return np.array([log_softmax(score, axis=1) for score in scores]), codes


def quality(log_probabilities, codes):
    best = log_probabilities.argmax(axis=1)
    return accuracy(codes, best) + macro_f1(codes, best)


@pytest.mark.parametrize("seed", range(5))
def test_choice_is_as_good_as_the_mean_of_its_best_parts_on_new_rows(seed):
    parts, codes = parts_and_codes(seed, n_rows=2000, noise=(1.0, 1.2, 50.0, 1.1, 1.3))
    found = choose_combination(parts[:, :400], codes[:400], log_prior=EVEN)
    mean = Combination((0.25, 0.25, 0, 0.25, 0.25)).log_probabilities(parts, EVEN)
    new = found.log_probabilities(parts[:, 400:], EVEN)
    assert quality(new, codes[400:]) >= quality(mean[400:], codes[400:]) - 0.03


def test_parts_that_add_nothing_leave_exactly_the_choice_without_them():
    parts, codes = parts_and_codes(noise=(1.0, 1.2, 50.0, 60.0))
    parts[2:] = log_softmax(np.zeros_like(parts[2:]) + np.arange(4), axis=2)  # say nothing of a row
    found = choose_combination(parts, codes, log_prior=EVEN, alone=[[0, 1], [2, 3]])
    without = choose_combination(parts[:2], codes, log_prior=EVEN)
    assert found.weights == pytest.approx((*without.weights, 0, 0))


def test_parts_of_another_modality_are_heard_where_they_help():
    parts, codes = parts_and_codes(noise=(2.0, 2.0))
    found = choose_combination(parts, codes, log_prior=EVEN, alone=[[0], [1]])
    assert min(found.shares) > 0.2


def test_blend_gives_noise_no_weight_and_is_a_minimum():
    parts, codes = parts_and_codes()
    weights = blend_weights(parts, codes)
    assert weights[1] == pytest.approx(0, abs=0.06)
    assert weights[0] > weights[2] > 0

    def loss(candidate):
        combined = log_softmax(np.tensordot(candidate, parts, axes=1), axis=1)
        return -combined[np.arange(len(codes)), codes].mean()

    rng = np.random.default_rng(1)
    nearby = np.maximum(weights + 0.05 * rng.normal(size=(20, 3)), 0)
    assert loss(weights) <= min(map(loss, nearby)) + 1e-6


def test_discount_gives_a_rare_value_what_its_prior_took():
    log_prior = np.log([0.9, 0.1])
    part = np.log([[[0.6, 0.4]]])
    assert Combination((1.0,)).scores(part, log_prior).argmax() == 0
    taken_out = np.exp(Combination((1.0,), 1.0).log_probabilities(part, log_prior))
    np.testing.assert_allclose(taken_out, [[0.6 / 0.9, 0.4 / 0.1]] / np.sum(0.6 / 0.9 + 0.4 / 0.1))


def test_combination_is_explained_by_shares_and_one_temperature():
    parts, codes = parts_and_codes()
    found = choose_combination(parts, codes, log_prior=EVEN)
    assert sum(found.shares) == pytest.approx(1)
    # An even prior adds the same to every value, so the discount cannot show.
    mixed = log_softmax(np.tensordot(found.shares, parts, axes=1) / found.temperature, axis=1)
    np.testing.assert_allclose(found.log_probabilities(parts, EVEN), mixed, atol=1e-9)
    np.testing.assert_allclose(np.exp(mixed).sum(axis=1), 1)


def test_too_few_rows_average_the_parts():
    parts, codes = parts_and_codes(n_rows=MIN_ROWS - 1)
    assert choose_combination(parts, codes, log_prior=EVEN).weights == pytest.approx(
        (1 / 3, 1 / 3, 1 / 3)
    )


@pytest.mark.parametrize("lean", [0.0, 0.1])
def test_discount_is_taken_only_where_frequent_values_are_said_too_often(lean):
    """Parts that lean on the prior by a tenth are set right by a tenth; upright ones stay."""
    rng = np.random.default_rng(0)
    log_prior = np.log([0.94, 0.04, 0.02])
    codes = rng.choice(3, size=3000, p=np.exp(log_prior))
    scores = 1.3 * np.eye(3)[codes] + 0.4 * rng.normal(size=(3, 3000, 3))
    parts = log_softmax(scores + 4 * lean * log_prior, axis=2)
    found = choose_combination(parts, codes, log_prior=log_prior)
    assert (found.discount > 0) == (lean > 0)


def test_where_no_row_is_wrong_the_blend_does_not_become_endlessly_sure():
    codes = np.arange(90) % 3
    right = np.log(np.where(np.eye(3)[codes] == 1, 0.9, 0.05))
    parts = np.array([right, right])
    found = choose_combination(parts, codes, log_prior=np.log(np.full(3, 1 / 3)))
    assert 1 < sum(found.weights) < 4
    one_wrong = found.log_probabilities(parts[:, :1], np.zeros(3))[0, (codes[0] + 1) % 3]
    assert one_wrong > np.log(1e-5)
