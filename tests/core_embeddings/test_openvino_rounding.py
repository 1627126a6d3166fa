"""A rounded network gives nearly what it gave, nearer than with every weight rounded alone."""

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("openvino", reason="the extra [fast] is not installed")

from core_embeddings.bfloat16_weights import nearest_bfloat16
from core_embeddings.openvino_engine import _core, _openvino
from core_embeddings.openvino_rounding import with_rounded_weights


@pytest.fixture(scope="module")
def layers():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU6()),
        *(nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.ReLU6()),
        *(nn.Conv2d(16, 8, 1), nn.Conv2d(8, 8, 3, dilation=2)),
    ).eval()


@pytest.fixture(scope="module")
def model(layers):
    with torch.no_grad(), pytest.warns(FutureWarning):
        made = _openvino().convert_model(layers, example_input=torch.zeros(2, 3, 40, 40))
    made.reshape([-1, 3, 40, 40])
    return made


def run(network, inputs):
    found = _core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([inputs])
    return found[0]


def test_what_comes_out_is_nearer_than_with_every_weight_rounded_alone(layers, model):
    generator = np.random.default_rng(0)
    inputs = np.ones((12, 3, 40, 40), np.float32)  # a white ground with something on it
    inputs[:, :, 10:20, 10:30] = generator.uniform(-1, 1, (12, 3, 10, 20))
    expected = run(model, inputs)
    before = {name: value.clone() for name, value in layers.state_dict().items()}
    rounded = with_rounded_weights(_core(), model, inputs[:10])
    constants = [
        node for node in rounded.get_ordered_ops() if "Convolution" in node.get_type_name()
    ]
    weights = [np.array(node.input_value(1).get_node().data) for node in constants]
    exact = [np.array_equal(nearest_bfloat16(own), own) for own in weights]
    assert exact == [True, True, True, False]  # the dilated one is left as it is
    with torch.no_grad():
        for name in ("0.weight", "2.weight", "4.weight"):
            layers.state_dict()[name].copy_(before[name].bfloat16().float())
        plain = layers(torch.from_numpy(inputs)).numpy()
        layers.load_state_dict(before)
    error = np.abs(run(rounded, inputs) - expected)[10:].mean()
    assert error < np.abs(plain - expected)[10:].mean() * 0.7
    np.testing.assert_array_equal(run(model, inputs), expected)  # the given network is left alone
