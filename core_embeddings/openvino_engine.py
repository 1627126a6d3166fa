"""The frozen network in OpenVINO, extra ``[fast]``: bfloat16 as far as the check allows."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from core_embeddings.pooled_tower import PooledTower

_BATCH: Final = (
    8  # the fastest of 1, 4, 8, 16 and 32 for EfficientNet-Lite0: maps stay in the cache
)
_EXACT_STAGES: Final = 3  # in float32 where bfloat16 throughout is too rough


@contextmanager
def _no_telemetry() -> Iterator[None]:
    """Keep OpenVINO's telemetry out: its converter reports every import and looks for consent.

    With the package hidden OpenVINO takes its own stub, for the rest of the process.
    """
    name = "openvino_telemetry"
    hidden = name not in sys.modules
    if hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # what import documents for "absent"
    try:
        yield
    finally:
        if hidden:
            del sys.modules[name]


@cache
def _openvino() -> Any:
    with _no_telemetry():
        import openvino
        from openvino.frontend.pytorch import ts_decoder  # noqa: F401  # loaded while hidden
    return openvino


@cache
def _core() -> Any:
    return _openvino().Core()


def has_bfloat16() -> bool:
    """Return whether OpenVINO runs bfloat16 natively here."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def openvino_candidates(
    tower: PooledTower,
    *,
    size: int,
    streams: int,
    low: bool,
    pictures: NDArray[np.uint8] | None = None,
) -> Iterator[tuple[str, Callable[[], OpenVINOEngine]]]:
    """Yield names and makers, as much bfloat16 as possible first; the network is converted once.

    Parameters
    ----------
    tower, size
        What is run, and the side of its pictures.
    streams
        Calls that may run at once.
    low
        Whether bfloat16 is offered.
    pictures
        Some dozens of those to come (n, size, size, 3): weights are rounded for their like, which
        takes seconds. None for the engines that are made at once.
    """
    convert = cache(partial(_converted, tower, size))

    def made(name: str, parts: Callable[[], list[Part]]) -> tuple[str, Any]:
        return f"openvino {name}", lambda: OpenVINOEngine(name, parts(), streams=streams)

    if low:
        yield made("bfloat16", lambda: [Part(convert(), "bf16")])
    if low and pictures is not None and not tower.last_only:
        shown = pictures
        yield made(
            f"bfloat16 behind stage {_EXACT_STAGES}", lambda: _mostly_reduced(convert(), shown)
        )
    yield made("float32", lambda: [Part(convert(), "f32")])


class Part(NamedTuple):
    """A network and the precision it runs in, as OpenVINO spells it."""

    model: Any
    precision: str


class OpenVINOEngine:
    """A converted network, compiled for one image and for eight.

    Parameters
    ----------
    name
        What is said of its precision.
    parts
        Networks for any batch size; each but the last one ends in the map that the next begins
        with.
    streams
        Calls that may run at once, one thread each; a single image takes all threads.
    """

    def __init__(self, name: str, parts: Sequence[Part], *, streams: int) -> None:
        self.name = f"openvino {name}"
        self.exact = all(part.precision == "f32" for part in parts)
        self._parts = parts
        self._threads = streams
        self._lock = threading.Lock()
        self._compiled: dict[int, list[Any]] = {}
        self._own = threading.local()

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map pixels (n, size, size, 3) to pooled features (n, width), n at least 1."""
        if len(pixels) == 1:
            return self._run(pixels)
        whole = -(-len(pixels) // _BATCH) * _BATCH
        filling = np.zeros((whole - len(pixels), *pixels.shape[1:]), np.uint8)
        filled = np.concatenate([pixels, filling]) if len(filling) else pixels
        parts = [self._run(filled[at : at + _BATCH]) for at in range(0, whole, _BATCH)]
        return np.concatenate(parts)[: len(pixels)]

    def _run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        blocks: list[NDArray[np.float32]] = []
        given: Any = pixels
        for request in self._requests(len(pixels)):
            results = request.infer([given], share_inputs=True, share_outputs=True)
            blocks += [results[place] for place in range(len(results))]
            given = blocks[-1]
            if given.ndim == 4:  # not features: the map that the next part begins with
                blocks.pop()
        return np.concatenate(blocks, axis=1)

    def _requests(self, count: int) -> list[Any]:
        """Return this thread's own requests; a request holds the buffers of one call."""
        own = self._own.__dict__
        name = f"of {count}"
        if name not in own:
            with self._lock:
                if count not in self._compiled:
                    self._compiled[count] = self._compile(count)
            own[name] = [part.create_infer_request() for part in self._compiled[count]]
        return own[name]

    def _compile(self, count: int) -> list[Any]:
        # One image has the machine to itself; eight share it with the calls beside them.
        options = {
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": 1 if count == 1 else self._threads,
        }
        compiled = []
        for part in self._parts:
            model = part.model.clone()
            model.reshape([count, *list(model.input().partial_shape)[1:]])
            hint = {"INFERENCE_PRECISION_HINT": part.precision}
            compiled.append(_core().compile_model(model, "CPU", options | hint))
        return compiled


def _converted(tower: PooledTower, size: int) -> Any:
    """Return the network as OpenVINO has it: bytes in, one matrix per stage out."""
    openvino = _openvino()
    decoder = openvino.frontend.pytorch.ts_decoder.TorchScriptPythonDecoder
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated, and warns of what shapes decide
        traced = decoder(tower, example_input=(example,))
    frontend = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
    model = frontend.convert(frontend.load(traced))
    model.reshape([-1, size, size, 3])
    return model


def _mostly_reduced(model: Any, pictures: NDArray[np.uint8]) -> list[Part]:
    """Return the first stages in float32, the others in bfloat16 with weights rounded for it."""
    from core_embeddings.openvino_rounding import with_rounded_weights

    early, late = _cut(model.clone(), _EXACT_STAGES)
    white = np.full((max(1, len(pictures) // 8), *pictures.shape[1:]), 255, np.uint8)
    shown = np.concatenate([pictures, white])  # the ground that most pictures share
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    run, last = _core().compile_model(early, "CPU", options), len(early.outputs) - 1
    blocks = [shown[at : at + _BATCH] for at in range(0, len(shown), _BATCH)]
    maps = np.concatenate([run([block])[last].copy() for block in blocks])
    return [Part(early, "f32"), Part(with_rounded_weights(_core(), late, maps), "bf16")]


def _cut(model: Any, stages: int) -> tuple[Any, Any]:
    """Cut a model in two behind a stage: the last output of the first part is that stage's map."""
    openvino, results = _openvino(), model.get_results()
    mean = results[stages - 1]
    while mean.get_type_name() != "ReduceMean":
        mean = mean.input_value(0).get_node()
    border = mean.input_value(0)
    behind = [
        place
        for place in border.get_target_inputs()
        if place.get_node().get_type_name() != "ReduceMean"
    ]
    result = openvino.opset13.result(border)
    early = openvino.Model([*results[:stages], result], model.get_parameters())
    entry = openvino.opset13.parameter(border.get_partial_shape(), np.float32)
    for place in behind:
        place.replace_source_output(entry.output(0))
    return early, openvino.Model(results[stages:], [entry])
