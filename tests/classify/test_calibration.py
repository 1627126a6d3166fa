"""Temperatures known by construction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classify.calibration import fit_temperature, held_out_folds


def drawn_from(scores, seed=0):
    """Draw a class for each row from softmax(scores)."""
    rng = np.random.default_rng(seed)
    return (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)


@pytest.mark.parametrize("true_temperature", [0.3, 1.0, 4.0])
def test_temperature_that_drew_the_classes_is_found(true_temperature):
    scores = np.random.default_rng(1).normal(size=(20_000, 4)) * 2
    found = fit_temperature(scores * true_temperature, drawn_from(scores))
    assert found == pytest.approx(true_temperature, rel=0.05)


def test_nothing_to_learn_from_gives_one():
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, np.int64)) == 1.0
    assert fit_temperature(np.zeros((5, 1)), np.zeros(5, np.int64)) == 1.0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(2, 5))
def test_folds_spread_every_class_and_keep_single_rows_in_training(codes, cv):
    codes = np.array(codes)
    folds = held_out_folds(codes, cv=cv)
    for code in np.unique(codes):
        own = folds[codes == code]
        if len(own) == 1:
            assert own.tolist() == [-1]
        else:
            counts = np.bincount(own, minlength=cv)
            assert counts.max() - counts.min() <= 1
            assert counts.max() < len(own)  # a row of the class is left to train on in every fold
