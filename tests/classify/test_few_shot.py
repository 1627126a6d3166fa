"""A new value from five examples, where the answer follows from how the rows were made."""

import numpy as np
import pytest

from classify.few_shot import membership
from core_embeddings.errors import ConfigError


def made(seed=0, size=600, dim=12, values=6, spread=0.5):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, values, size)
    centres = 2 * rng.normal(size=(values, dim)) / np.sqrt(2)
    return centres[codes] + spread * rng.normal(size=(size, dim)), codes


def test_the_others_of_the_new_value_are_found_and_no_one_else():
    rows, codes = made()
    hidden = codes == 0
    examples = np.flatnonzero(hidden)[:5]
    found = membership(rows, np.where(hidden, -1, codes), examples)
    assert (found[hidden] > 0.5).mean() > 0.9
    assert (found[~hidden] > 0.5).mean() < 0.02


def test_what_the_examples_were_called_before_does_not_matter():
    rows, codes = made()
    examples = np.flatnonzero(codes == 0)[:5]
    told = np.where(codes == 0, -1, codes)
    before = membership(rows, told, examples)
    mislabelled = told.copy()
    mislabelled[examples] = 3
    np.testing.assert_allclose(membership(rows, mislabelled, examples), before)
    assert (mislabelled[examples] == 3).all()  # the caller's codes are left alone


def test_scale_of_the_features_does_not_matter():
    rows, codes = made()
    examples = np.flatnonzero(codes == 0)[:5]
    told = np.where(codes == 0, -1, codes)
    found = [membership(factor * rows, told, examples) for factor in (0.01, 1.0, 100.0)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-8)
    np.testing.assert_allclose(found[2], found[1], atol=1e-8)


def test_in_many_dimensions_five_examples_still_find_most():
    """The mean of five lies off by dim / 5: without giving that back nothing would be found."""
    rows, codes = made(size=3000, dim=150, values=20, spread=3.0)
    hidden = codes == 0
    found = membership(rows, np.where(hidden, -1, codes), np.flatnonzero(hidden)[:5])
    others = hidden.copy()
    others[np.flatnonzero(hidden)[:5]] = False
    assert (found[others] > 0.5).mean() > 0.5
    assert (found[~hidden] > 0.5).mean() < 0.1


def test_nothing_to_learn_from_is_refused():
    rows, codes = made(size=20)
    with pytest.raises(ConfigError, match="needs examples"):
        membership(rows, codes, np.array([], dtype=np.int64))
    with pytest.raises(ConfigError, match="got 2 and 0"):
        membership(rows, np.full(20, -1), np.array([0, 1]))
