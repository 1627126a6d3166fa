"""The pair test: threshold from val products, false pairs from other groups."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tuwen.pairs import best_threshold, mismatch, pair_accuracy


class Judge:
    """Scores a pair by its products' numbers; remembers which splits it was shown."""

    def __init__(self, score):
        self.score, self.seen = score, []

    def pair_scores(self, images, texts):
        self.seen.append((set(images["split"]), set(texts["split"])))
        pairs = zip(images["number"], texts["number"], images["split"], strict=True)
        return np.array([self.score(*pair) for pair in pairs], dtype=np.float32)


def catalogue(rows=40):
    return pd.DataFrame(
        {
            "product_id": [f"p{i:02}" for i in range(rows)],
            "title": [f"thing {i}" for i in range(rows)],
            "description": "",
            "image": [(f"{i}.jpg",) for i in range(rows)],
            "image_digest": [(f"{i}",) for i in range(rows)],
            "split": (["val", "test"] * rows)[:rows],
            "number": range(rows),
        }
    )


def test_who_knows_is_always_right_and_half_of_the_pairs_are_true():
    found = pair_accuracy(Judge(lambda one, other, split: float(one == other)), catalogue())
    assert found == (1.0, 40)


def test_who_sees_no_difference_is_right_half_of_the_time():
    assert pair_accuracy(Judge(lambda one, other, split: 0.3), catalogue()).value == 0.5


def test_a_threshold_that_val_products_teach_may_fail_on_test_products():
    """Test scores are shifted past the threshold: peeking at them would give 1."""
    judge = Judge(lambda one, other, split: float(one == other) + 5.0 * (split == "test"))
    assert pair_accuracy(judge, catalogue()).value == 0.5
    assert judge.seen[:2] == [({"val"}, {"val"})] * 2
    assert judge.seen[2:] == [({"test"}, {"test"})] * 2


def test_too_few_products_on_a_side_measure_nothing():
    products = catalogue(7)  # 3 of test
    assert pair_accuracy(Judge(lambda *pair: 0.0), products) is None


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.integers(0, 5))
def test_a_false_partner_is_of_another_group_wherever_there_is_one(groups, seed):
    groups = np.array(groups)
    partners = mismatch(groups, seed)
    assert np.array_equal(partners, mismatch(groups, seed))
    if len(set(groups.tolist())) == 1:
        assert (partners == -1).all()
    else:
        assert (groups[partners] != groups).all()


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=12),
    st.lists(st.integers(0, 8), min_size=1, max_size=12),
)
def test_no_other_threshold_makes_fewer_errors(true, false):
    true, false = np.array(true, np.float32), np.array(false, np.float32)
    right = [(true >= cut).sum() + (false < cut).sum() for cut in np.arange(-0.5, 9.5)]
    cut = best_threshold(true, false)
    assert (true >= cut).sum() + (false < cut).sum() == max(right)
