"""Planted mistakes are found, in the right order, with the right suggestion and honest odds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit
from sklearn.metrics import average_precision_score

from classify.suspect_table import SUSPECT_COLUMNS, suspects_of
from classify.suspects import (
    SuspectConfig,
    base_rate,
    doubt_labels,
    flip,
    group_folds,
)
from classify.witnesses import Reading, neighbour_votes, values_of
from core_embeddings.errors import ConfigError

KINDS, COLOURS = np.array(["hat", "shoe", "belt"]), np.array(["red", "blue", "green", "grey"])


class Planted:
    """Products whose words tell the kind and whose picture tells the colour, some mislabelled."""

    def __init__(self, size=600, wrong=0.08, seed=0):
        rng = np.random.default_rng(seed)
        kind, colour = rng.integers(0, 3, size), rng.integers(0, 4, size)
        self.true = {"kind": KINDS[kind].astype(object), "color": COLOURS[colour].astype(object)}
        self.labels, self.wrong = {}, {}
        for field, names in (("kind", KINDS), ("color", COLOURS)):
            said = self.true[field].copy()
            for row in np.flatnonzero(rng.random(size) < wrong):
                said[row] = rng.choice(names[names != said[row]])
            said[::25] = ""
            self.labels[field], self.wrong[field] = said, said != self.true[field]
        self.groups = np.arange(size)
        words = np.eye(3)[kind] + 0.35 * rng.normal(size=(size, 3))
        picture = np.eye(4)[colour] + 0.35 * rng.normal(size=(size, 4))
        self.witnesses = {
            "words": Reading(words.astype(np.float32)),
            "picture": Reading(picture.astype(np.float32)),
            "alike": neighbour_votes(picture.astype(np.float32), self.groups, count=10),
        }
        self.ids = np.array([f"p{row:03d}" for row in range(size)], dtype=object)


@pytest.fixture(scope="module")
def planted():
    return Planted()


@pytest.fixture(scope="module")
def found(planted):
    return doubt_labels(planted.labels, planted.witnesses, groups=planted.groups)


@pytest.mark.parametrize("field", ["kind", "color"])
def test_planted_mistakes_come_first_and_the_truth_is_suggested(planted, found, field):
    doubts = found[field]
    labelled = planted.labels[field] != ""
    wrong = planted.wrong[field] & labelled
    assert average_precision_score(wrong[labelled], doubts.wrong[labelled]) > 0.85
    suggested = doubts.values.names[doubts.suggested]
    assert (suggested == planted.true[field])[wrong].mean() > 0.85
    assert (suggested != planted.labels[field])[labelled].all()


@pytest.mark.parametrize("field", ["kind", "color"])
def test_probabilities_sum_to_about_the_number_of_mistakes(planted, found, field):
    wrong = planted.wrong[field] & (planted.labels[field] != "")
    assert found[field].wrong.sum() == pytest.approx(wrong.sum(), rel=0.35)
    assert not found[field].wrong[planted.labels[field] == ""].any()


def test_the_table_lists_every_label_once_likeliest_first(planted, found):
    table = suspects_of(planted.ids, found, tuple(planted.witnesses))
    assert tuple(table.columns) == SUSPECT_COLUMNS
    assert len(table) == sum((labels != "").sum() for labels in planted.labels.values())
    assert table["score"].is_monotonic_decreasing
    first = table[table["field"] == "color"].iloc[0]
    assert first["reasons"].startswith(("picture", "alike"))  # colours are seen, not read
    assert suspects_of(planted.ids, {}, ()).empty


def test_asking_for_one_field_answers_as_asking_for_all(planted, found):
    alone = doubt_labels(
        planted.labels, planted.witnesses, groups=planted.groups, fields=("color",)
    )
    assert list(alone) == ["color"]
    np.testing.assert_array_equal(alone["color"].wrong, found["color"].wrong)


def test_a_field_that_contradicts_another_is_found_by_it_alone():
    """Ten shades of four colours, each shade of one colour: a wrong colour does not go with it."""
    rng = np.random.default_rng(1)
    shade = rng.integers(0, 10, 800)
    colour = COLOURS[shade % 4].astype(object)
    said, wrong = colour.copy(), rng.random(800) < 0.05
    said[wrong] = [rng.choice(COLOURS[name != COLOURS]) for name in colour[wrong]]
    labels = {"shade": np.array([f"s{code}" for code in shade], dtype=object), "color": said}
    doubts = doubt_labels(labels, {}, groups=np.arange(800), fields=("color",))["color"]
    assert average_precision_score(wrong, doubts.wrong) > 0.95


def test_unknown_and_tiny_fields():
    few = {"color": np.array(["red", "blue"] * 5, dtype=object)}
    assert doubt_labels(few, {}, groups=np.arange(10)) == {}
    with pytest.raises(ConfigError, match="there is no field 'colour'"):
        doubt_labels(few, {}, groups=np.arange(10), fields=("colour",))
    with pytest.raises(ConfigError, match="folds must be >= 2"):
        SuspectConfig(folds=1)
    with pytest.raises(ConfigError, match="flips between 0 and"):
        SuspectConfig(flips=0.5)


def test_where_no_flip_met_another_value_all_labels_are_as_likely_right():
    labels = {"color": np.array(["red"] * 19 + ["blue"], dtype=object)}
    config = SuspectConfig(flips=1e-9)
    with np.errstate(all="raise"):
        found = doubt_labels(labels, {}, groups=np.arange(20), config=config)["color"]
    assert found.wrong.tolist() == [0.01] * 20


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(2, 5), st.integers(0, 9))
def test_a_group_is_never_split_over_folds(groups, count, seed):
    groups = np.array(groups)
    folds = group_folds(groups, count=count, seed=seed)
    assert all(len(set(folds[groups == group])) == 1 for group in set(groups.tolist()))
    assert set(folds) <= set(range(count))


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3])
def test_the_base_rate_is_found_whatever_it_was_learned_at(rate):
    """Scores of two normals one apart, in log-odds that hold at one half."""
    rng = np.random.default_rng(2)
    wrong = rng.random(60_000) < rate
    seen = rng.normal(size=60_000) + 3 * wrong
    at_half = 3 * seen - 4.5  # log of the ratio of the densities
    assert base_rate(at_half, learned_at=0.5) == pytest.approx(rate, rel=0.05)
    shifted = at_half + logit(0.2)
    assert base_rate(shifted, learned_at=0.2) == pytest.approx(rate, rel=0.05)


def test_flips_hit_about_their_share_and_no_missing_label():
    values = values_of(np.array(["a", "b", "c", "d", ""] * 1000, dtype=object))
    flipped = flip(values, share=0.1, seed=0)
    assert (flipped.codes == -1).sum() == 1000
    # A quarter of the hits draw the value that is there.
    assert (flipped.codes != values.codes).sum() == pytest.approx(0.075 * 4000, rel=0.15)
