"""Image files to features, a batch at a time, each batch in whatever thread asks for it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.backbones import Backbone
from core_embeddings.colours import colour_histograms
from core_embeddings.engines import PROBES, Engine, TorchEngine, candidates, choose_engine
from core_embeddings.feature_spec import FeatureSpec
from core_embeddings.images import LoadedImage, read_pixels
from core_embeddings.pooled_tower import PooledTower
from core_embeddings.runtime import Runtime

WORTH: Final = 128
"""Images from which on it pays to build an engine."""

WORTH_ROUNDING: Final = 8192
"""Images from which on it pays to round a network's weights for bfloat16."""


class Described(NamedTuple):
    """What became of a batch.

    Attributes
    ----------
    features
        By digest: float16 of shape (width,), or the pixels themselves.
    failures
        Images that could not be read.
    exact
        Whether the features were computed in float32.
    """

    features: dict[str, NDArray[Any]]
    failures: list[LoadedImage]
    exact: bool


class FeatureWorker:
    """Decodes, resizes, runs the frozen network and describes the colours.

    A thread does all of it for its batch: threads wait for no one, every core is busy, and between
    the steps only bytes travel. Decoders, engines and numpy release the GIL while they work.

    Until `expect` was told of `WORTH` images, the reference answers: another engine takes as long
    to build as those do. From `WORTH_ROUNDING` on, or from the start where the runtime asks for
    ``bfloat16``, engines that must be fitted to the pictures are tried as well. Each is checked on
    the first `PROBES` images met.

    Parameters
    ----------
    spec
        What to compute.
    backbone
        The network; None for pixels.
    runtime
        Which engines may run it.
    max_pixels
        Largest image decoded.
    """

    def __init__(
        self, spec: FeatureSpec, backbone: Backbone | None, runtime: Runtime, *, max_pixels: int
    ) -> None:
        self._spec = spec
        self._backbone = backbone
        self._runtime = runtime
        self._max_pixels = max_pixels
        self._lock = threading.Lock()
        self._expected = 0
        self._reference: Engine | None = None
        self._chosen: Engine | None = None
        self._settled = False
        self._seen: list[NDArray[np.uint8]] = []

    def __call__(self, batch: Mapping[str, Path]) -> Described:
        """Return the features of files, by the digest that names each."""
        loaded = {digest: self._read(path) for digest, path in batch.items()}
        failures = [image for image in loaded.values() if image.pixels is None]
        pixels = {name: image.pixels for name, image in loaded.items() if image.pixels is not None}
        if self._backbone is None or not pixels:
            return Described(dict(pixels), failures, exact=True)
        stacked = np.stack([*pixels.values()])
        engine = self._engine(stacked)
        rows = self._describe(engine(stacked), stacked)
        return Described(dict(zip(pixels, rows, strict=True)), failures, engine.exact)

    def expect(self, count: int) -> None:
        """Say that so many images are about to come, besides those announced before."""
        self._expected += count

    @property
    def engine_name(self) -> str:
        """What runs the network; "" before the first image."""
        engine = self._chosen or self._reference
        return "" if engine is None else engine.name

    def _read(self, path: Path) -> LoadedImage:
        spec = self._spec
        return read_pixels(
            path, size=spec.image_size, mode=spec.resize, max_pixels=self._max_pixels
        )

    def _describe(
        self, means: NDArray[np.float32], pixels: NDArray[np.uint8]
    ) -> NDArray[np.float16]:
        blocks = [means, colour_histograms(pixels)] if self._spec.kind == "stages" else [means]
        limit = np.finfo(np.float16).max
        return np.concatenate(blocks, axis=1).clip(-limit, limit).astype(np.float16)

    def _engine(self, pixels: NDArray[np.uint8]) -> Engine:
        """Return the engine for these images; the first thread with enough of them chooses it."""
        if self._settled or (self._chosen is not None and not self._worth_rounding()):
            return self._chosen or self._open_reference()
        # While one thread looks for something better the others go on with what there is.
        if not self._lock.acquire(blocking=self._chosen is None):
            return self._chosen or self._open_reference()
        try:
            self._choose(pixels)
            return self._chosen or self._open_reference()
        finally:
            self._lock.release()

    def _worth_rounding(self) -> bool:
        return self._runtime.precision == "bfloat16" or self._expected >= WORTH_ROUNDING

    def _choose(self, pixels: NDArray[np.uint8]) -> None:
        self._seen += list(pixels[: PROBES - len(self._seen)])
        rounding = self._worth_rounding()
        due = not self._settled and (self._chosen is None or rounding)
        if self._expected < WORTH or len(self._seen) < PROBES or not due:
            return
        probes = np.stack(self._seen)
        offers = candidates(
            self._tower(),
            self._runtime,
            size=self._spec.image_size,
            pictures=probes if rounding else None,
        )
        self._chosen = choose_engine(offers, self._open_reference(), probes)
        self._settled = rounding or self._runtime.precision == "float32"

    def _open_reference(self) -> Engine:
        if self._reference is None:
            self._reference = TorchEngine(self._tower())
        return self._reference

    def _tower(self) -> PooledTower:
        assert self._backbone is not None
        return PooledTower(self._backbone, last_only=self._spec.kind == "last")
