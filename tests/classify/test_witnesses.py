"""What witnesses say: votes counted by hand, and a label that is never heard by its own witness."""

import numpy as np
from scipy import sparse

from classify.witnesses import (
    SHARPNESS,
    Votes,
    hear,
    neighbour_votes,
    other_fields,
    values_of,
)


def test_labels_become_numbers_and_nothing_is_no_label():
    values = values_of(np.array(["red", "", "blue", "red"], dtype=object))
    assert values.names.tolist() == ["blue", "red"]
    assert values.codes.tolist() == [1, -1, 0, 1]
    np.testing.assert_allclose(np.exp(values.log_prior), [1.5 / 4, 2.5 / 4])
    assert values.without(np.array([True, False, False, False])).codes.tolist() == [-1, -1, 0, 1]
    assert values_of(np.array(["", ""], dtype=object)).codes.tolist() == [-1, -1]


def test_neighbours_vote_by_nearness_duplicates_aside():
    rows = np.array([[1, 0], [1, 0], [0.6, 0.8], [0, 1], [0, 0]], dtype=np.float32)
    groups = np.array([0, 0, 1, 2, 3])
    weights = neighbour_votes(rows, groups, count=2).weights.toarray()
    # The first's duplicate is passed over: .6 and 0 are the cosines of the next two.
    strength = np.exp(SHARPNESS * np.array([0.6, 0.0]))
    np.testing.assert_allclose(weights[0, 2:4], 2 * strength / strength.sum(), rtol=1e-5)
    np.testing.assert_allclose(weights.sum(axis=1)[:4], 2, rtol=1e-6)
    assert not weights[4].any() and not weights[:, 4].any()  # a row of zeros has no neighbours
    assert np.trace(weights) == 0


def test_two_products_with_nothing_in_common_are_no_neighbours():
    assert neighbour_votes(np.zeros((3, 2), np.float32), np.arange(3), count=2).weights.nnz == 0


def test_other_fields_are_one_column_per_value_and_leave_the_asked_out():
    fields = {
        "color": values_of(np.array(["red", "blue"], dtype=object)),
        "kind": values_of(np.array(["hat", ""], dtype=object)),
    }
    assert other_fields(fields, "color").rows.tolist() == [[1], [0]]
    assert other_fields(fields, "kind").rows.tolist() == [[0, 1], [1, 0]]
    assert other_fields({"kind": fields["kind"]}, "kind").rows.shape == (2, 0)


def test_votes_are_pulled_to_the_frequencies_and_weighed_by_how_often_they_are_right():
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b"], dtype=object)[rng.integers(0, 2, 400)]
    values = values_of(labels)
    same = (labels[:, None] == labels).astype(float)
    right = sparse.csr_array(np.where(rng.random((400, 400)) < 0.03, same, 0))
    told = np.exp(hear(Votes(right), values))
    assert (told.argmax(axis=1) == values.codes).mean() > 0.95
    noise = sparse.csr_array((rng.random((400, 400)) < 0.03).astype(float))
    said = np.exp(hear(Votes(noise), values))
    assert np.abs(said - 0.5).max() < 0.25  # votes that are right by chance count for little
    nobody = hear(Votes(sparse.csr_array((400, 400))), values)
    np.testing.assert_allclose(nobody, np.tile(values.log_prior, (400, 1)), atol=0.01)
