"""Rounded weights are numbers of bfloat16, and a layer's output is nearer than with the nearest."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core_embeddings.bfloat16_weights import nearest_bfloat16, round_to_bfloat16

NUMBERS = st.floats(-(2.0**100), 2.0**100, width=32)


@given(arrays(np.float32, st.integers(0, 20), elements=NUMBERS))
def test_the_nearest_number_is_that_of_torch(values):
    expected = torch.from_numpy(values).bfloat16().float().numpy()
    np.testing.assert_array_equal(nearest_bfloat16(values), expected)


def squares(error, inputs):
    return float(np.square(inputs.astype(np.float64) @ error.T.astype(np.float64)).mean())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 4), columns=st.integers(1, 12))
def test_every_weight_is_exact_in_bfloat16_and_the_output_no_further_off(seed, rows, columns):
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=(rows, columns)).astype(np.float32)
    inputs = (generator.normal(size=(50, columns)) + 1).astype(np.float32)
    found = round_to_bfloat16(weights, inputs.T @ inputs / 50)
    np.testing.assert_array_equal(nearest_bfloat16(found), found)
    plain = squares(nearest_bfloat16(weights) - weights, inputs)
    # Beside the output a little is asked of the weights themselves, hence the hundredth.
    assert squares(found - weights, inputs) <= 1.01 * plain + 1e-9


def test_on_one_white_plane_the_errors_of_many_weights_cancel():
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(8, 64)).astype(np.float32)
    white = np.ones((1, 64), np.float32)
    found = round_to_bfloat16(weights, white.T @ white)
    plain = np.abs((nearest_bfloat16(weights) - weights) @ white.T)
    assert np.abs((found - weights) @ white.T).max() < plain.max() / 20


def test_a_matrix_per_row_is_what_each_row_alone_would_get():
    generator = np.random.default_rng(1)
    weights = generator.normal(size=(3, 9)).astype(np.float32)
    inputs = generator.normal(size=(3, 40, 9)).astype(np.float32) + 1
    moments = np.matmul(inputs.transpose(0, 2, 1), inputs) / 40
    order_free = [np.diag(np.arange(9, 0, -1, dtype=np.float32)) + 0.5 for _ in range(3)]
    together = round_to_bfloat16(weights, np.stack(order_free))
    alone = [round_to_bfloat16(weights[row : row + 1], order_free[row]) for row in range(3)]
    np.testing.assert_array_equal(together, np.vstack(alone))
    for row in range(3):
        found = round_to_bfloat16(weights[row : row + 1], moments[row : row + 1])
        plain = nearest_bfloat16(weights[row : row + 1])
        assert squares(found - weights[row], inputs[row]) <= squares(
            plain - weights[row], inputs[row]
        )


def test_an_input_that_is_never_there_leaves_its_weight_the_nearest():
    moments = np.diag(np.array([1, 0, 2], np.float32))
    weights = np.array([[1.003, 1.003, 1.005]], np.float32)
    assert round_to_bfloat16(weights, moments).tolist() == [
        [pytest.approx(v) for v in nearest_bfloat16(weights)[0].tolist()]
    ]
