"""The frozen network in OpenVINO, extra ``[fast]``: bfloat16 as far as the check allows."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from core_embeddings.pooled_tower import PooledTower

_BATCH: Final = (
    8  # the fastest of 1, 4, 8, 16 and 32 for EfficientNet-Lite0: maps stay in the cache
)
_MOST_EXACT_STAGES: Final = 3


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
    tower: PooledTower, *, size: int, streams: int, low: bool
) -> Iterator[tuple[str, Callable[[], OpenVINOEngine]]]:
    """Yield names and makers, as much bfloat16 as possible first; the network is converted once."""
    convert = cache(partial(_converted, tower, size))

    def make(exact: int | None) -> OpenVINOEngine:
        return OpenVINOEngine(convert(), exact_stages=exact, streams=streams)

    most = 0 if tower.last_only else _MOST_EXACT_STAGES
    for exact in (*range(most + 1), None) if low else (None,):
        yield f"openvino {_precision_name(exact)}", partial(make, exact)


def _precision_name(exact: int | None) -> str:
    if not exact:
        return "float32" if exact is None else "bfloat16"
    return f"bfloat16 behind stage {exact}"


class OpenVINOEngine:
    """A converted network, compiled for one image and for eight.

    Parameters
    ----------
    model
        As `_converted` returns it.
    exact_stages
        Stages that run in float32, the rest in bfloat16; None for all of them.
    streams
        Calls that may run at once, one thread each; a single image takes all threads.
    """

    def __init__(self, model: Any, *, exact_stages: int | None, streams: int) -> None:
        self.name = f"openvino {_precision_name(exact_stages)}"
        self.exact = exact_stages is None
        self._model = model
        self._exact_stages = exact_stages
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
        model = self._model.clone()
        model.reshape([count, *list(model.input().partial_shape)[1:]])
        if self._exact_stages:
            early, late = _cut(model, self._exact_stages)
            parts = [(early, "f32"), (late, "bf16")]
        else:
            parts = [(model, "f32" if self.exact else "bf16")]
        # One image has the machine to itself; eight share it with the calls beside them.
        options = {
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": 1 if count == 1 else self._threads,
        }
        return [
            _core().compile_model(part, "CPU", {**options, "INFERENCE_PRECISION_HINT": hint})
            for part, hint in parts
        ]


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
