"""An OpenVINO network whose convolutions have bfloat16 weights, rounded on what they see."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from core_embeddings.bfloat16_weights import round_to_bfloat16

_BATCH: Final = 2  # maps and patches of more at once would be the most that is ever in memory
_MOST_COLUMNS: Final = 1536  # the work grows with their square; wider layers are rounded plainly
_WIDE: Final = 16  # maps from this side on are looked at in every second row and column


def with_rounded_weights(core: Any, model: Any, inputs: NDArray[Any]) -> Any:
    """Return a copy of a network with weights that bfloat16 can hold, and nearly the same outputs.

    Parameters
    ----------
    core
        OpenVINO's.
    model
        A network with one input of any batch size; norms are folded into the convolutions.
    inputs
        What it is given in use, some dozens: the rounding is chosen for them.
    """
    from openvino import op
    from openvino._offline_transformations import apply_moc_transformations

    rounded = model.clone()
    apply_moc_transformations(rounded, True)
    moments = _moments(core, rounded, inputs)
    for layer, seen in zip(_layers(rounded), moments, strict=True):
        given = np.array(layer.input_value(1).get_node().data, np.float32)
        flat = given.reshape(given.shape[0], -1)
        new = op.Constant(round_to_bfloat16(flat, seen).reshape(given.shape))
        layer.input(1).replace_source_output(new.output(0))
    return rounded


def _layers(model: Any) -> list[Any]:
    """Return the convolutions that can be rounded: full or one channel at a time, not too wide."""
    found = []
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind not in ("Convolution", "GroupConvolution"):
            continue
        constant = node.input_value(1).get_node()
        shape = list(node.input_value(1).get_shape())
        plain = list(node.get_attributes()["dilations"]) == [1, 1]
        single = kind == "Convolution" or shape[1:3] == [1, 1]
        narrow = int(np.prod(shape[1:])) <= _MOST_COLUMNS
        if constant.get_type_name() == "Constant" and plain and single and narrow:
            found.append(node)
    return found


def _moments(core: Any, model: Any, inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Return the mean products of what each layer is given, per layer."""
    spy = model.clone()
    layers = _layers(spy)
    spy.add_outputs([layer.input_value(0) for layer in layers])
    run = core.compile_model(
        spy, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    )
    sums: list[Any] = [0.0] * len(layers)
    count = 0
    for at in range(0, len(inputs), _BATCH):
        results = run([inputs[at : at + _BATCH]])
        maps = [results[place] for place in range(len(results))][-len(layers) :]
        sums = [
            total + _products(layer, own)
            for total, layer, own in zip(sums, layers, maps, strict=True)
        ]
        count += 1
    return [(total / count).astype(np.float32) for total in sums]


def _products(layer: Any, maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean products of a layer's patches, one matrix per channel if it takes one."""
    patches = _patches(layer, maps)  # (n, height, width, channels, columns of one channel)
    count, channels = np.float32(np.prod(patches.shape[:3])), patches.shape[3]
    if layer.get_type_name() == "Convolution":
        flat = patches.reshape(-1, channels * patches.shape[4])
        return flat.T @ flat / count
    own = np.ascontiguousarray(patches.reshape(-1, channels, patches.shape[4]).transpose(1, 2, 0))
    return np.matmul(own, own.transpose(0, 2, 1)) / count


def _patches(layer: Any, maps: NDArray[np.float32]) -> NDArray[np.float32]:
    attributes = layer.get_attributes()
    height, width = list(layer.input_value(1).get_shape())[-2:]
    rows, columns = zip(attributes["pads_begin"], attributes["pads_end"], strict=True)
    padded = np.pad(maps, ((0, 0), (0, 0), rows, columns))
    windows = sliding_window_view(padded, (height, width), axis=(2, 3))
    down, across = attributes["strides"]
    windows = windows[:, :, ::down, ::across]
    if windows.shape[2] >= _WIDE:
        windows = windows[:, :, ::2, ::2]
    shape = (*windows.shape[:2], *windows.shape[2:4], height * width)
    return windows.reshape(shape).transpose(0, 2, 3, 1, 4)
