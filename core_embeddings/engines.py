"""What runs the frozen network: the fastest engine that gives what float32 in torch gives.

An engine is accepted only after it agreed with the reference, float32 in torch, on real images of
the first job: see `likeness`. One that is not installed, fails, or disagrees is passed over with a
line in the log; the reference itself always remains.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core_embeddings.errors import MissingExtraError
from core_embeddings.installed import is_installed
from core_embeddings.pooled_tower import PooledTower
from core_embeddings.runtime import Runtime

logger = logging.getLogger(__name__)

AGREEMENT: Final = 0.999
"""Lowest cosine, per product, between vectors of any engine and of float32: what is promised."""

PASSING: Final = 0.998
"""What `likeness` must reach for it, of each of the `PROBES` images."""

PROBES: Final = 32
"""Real images an engine is checked on."""

_LEAST, _MOST = 1e-2, 8.0  # deviation of a feature that hardly changes, and the largest score

_TOGETHER: Final = 8
_EXACT_CONVOLUTIONS: Final = 15  # of the torch engine in bfloat16: about the first three stages


class Engine(Protocol):
    """Runs one frozen network; safe to call from several threads at once."""

    name: str
    exact: bool
    """Whether it computes in float32 throughout."""

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map pixels (n, size, size, 3) to pooled features (n, width), n at least 1."""


class TorchEngine:
    """Eager torch, channels-last, on the CPU or a GPU.

    Parameters
    ----------
    tower
        Left as it is; the engine runs a copy.
    device
        As torch names it.
    precision
        In ``torch.bfloat16`` all but the first convolutions run in it, norms stay in float32.
    """

    def __init__(
        self, tower: PooledTower, *, device: str = "cpu", precision: torch.dtype = torch.float32
    ) -> None:
        self.name = f"torch {str(precision).removeprefix('torch.')} on {device}"
        self.exact = precision == torch.float32
        self._device = device
        self._tower = copy.deepcopy(tower).to(device).eval()
        self._tower.to(memory_format=torch.channels_last)
        if not self.exact:
            _lower(self._tower, precision)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map pixels (n, size, size, 3) to pooled features (n, width)."""
        with torch.inference_mode():
            blocks = self._tower(torch.from_numpy(pixels).to(self._device))
            return torch.cat(blocks, dim=1).cpu().numpy()


class Candidate(NamedTuple):
    """An engine that could be made, and how."""

    name: str
    make: Callable[[], Engine]


def candidates(
    tower: PooledTower,
    runtime: Runtime,
    *,
    size: int,
    pictures: NDArray[np.uint8] | None = None,
) -> Iterator[Candidate]:
    """Yield what the runtime allows and the machine offers, fastest first.

    Parameters
    ----------
    tower, size
        The network, and the side of its pictures.
    pictures
        Of shape (n, size, size, 3): weights may be rounded to suit them, which takes seconds. None
        for the engines that are made at once.

    Raises
    ------
    MissingExtraError
        If OpenVINO is asked for by name and not installed.
    """
    low = runtime.precision != "float32"
    if runtime.engine != "openvino" and torch.cuda.is_available():
        yield from _torch_candidates(tower, "cuda", low=low and torch.cuda.is_bf16_supported())
    if runtime.engine != "torch" and _has_openvino(runtime):
        from core_embeddings.openvino_engine import has_bfloat16, openvino_candidates

        try:
            lower = low and has_bfloat16()
        except Exception as error:  # an installation that does not load must not stop the work
            logger.warning("OpenVINO cannot be used (%s); trying the next", error)
        else:
            shape = {"size": size, "streams": runtime.threads}
            made = openvino_candidates(tower, **shape, low=lower, pictures=pictures)
            yield from (Candidate(*each) for each in made)
    if runtime.engine != "openvino":
        yield from _torch_candidates(tower, "cpu", low=low and cpu_has_bfloat16())


def _torch_candidates(tower: PooledTower, device: str, *, low: bool) -> Iterator[Candidate]:
    for precision in (torch.bfloat16, torch.float32) if low else (torch.float32,):
        name = f"torch {str(precision).removeprefix('torch.')} on {device}"
        yield Candidate(name, partial(TorchEngine, tower, device=device, precision=precision))


def choose_engine(
    offers: Iterator[Candidate], reference: Engine, pixels: NDArray[np.uint8]
) -> Engine:
    """Return the first engine on offer that agrees with the reference on real images.

    Parameters
    ----------
    offers
        Fastest first.
    reference
        What is right, and what is returned when nothing else is.
    pixels
        The images, of shape (n, size, size, 3), n at least 1.
    """
    # A few at a time: the maps of all probes together would be the most that is ever in memory.
    parts = [pixels[at : at + _TOGETHER] for at in range(0, len(pixels), _TOGETHER)]
    expected = np.concatenate([reference(part) for part in parts])
    for offer in offers:
        if offer.name == reference.name:
            break
        try:
            engine = offer.make()
            found = likeness(np.concatenate([engine(part) for part in parts]), expected)
        except Exception as error:  # each engine fails in its own way; none may stop the work
            logger.warning("%s cannot be used (%s); trying the next", offer.name, error)
            continue
        if found >= PASSING:
            logger.info("images are run by %s (likeness to float32: %.5f)", offer.name, found)
            return engine
        del engine  # before the next one is made
        logger.info(
            "%s gives other features than float32 (likeness %.5f, at least %s is needed); "
            "trying the next",
            *(offer.name, found, PASSING),
        )
    logger.info("images are run by %s", reference.name)
    return reference


def likeness(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the lowest cosine of two matrices' rows as an image tower will see them; NaN for NaN.

    That is with the mean of the expected rows taken away and every column on one scale: of raw
    features a few large ones, the same for all pictures, decide a cosine and little else.
    """
    if not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return float("nan")
    mean, deviation = expected.mean(axis=0), expected.std(axis=0) + _LEAST
    one, other = (((rows - mean) / deviation).clip(-_MOST, _MOST) for rows in (found, expected))
    return lowest_cosine(one, other)


def lowest_cosine(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the lowest cosine of two matrices' rows; 1 for two zero rows, NaN where one has NaN.

    >>> lowest_cosine(np.eye(2, dtype=np.float32), np.ones((2, 2), dtype=np.float32))
    0.7071067690849304
    """
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    both_zero = ~found.any(axis=1) & ~expected.any(axis=1)
    dots = (found * expected).sum(axis=1)
    return float(np.where(both_zero, 1.0, dots / np.where(norms == 0, 1.0, norms)).min())


def cpu_has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 itself; emulated it is slower."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


def _has_openvino(runtime: Runtime) -> bool:
    if is_installed("openvino"):
        return True
    if runtime.engine == "openvino":
        raise MissingExtraError("the OpenVINO engine", "openvino", "fast")
    return False


def _lower(tower: nn.Module, precision: torch.dtype) -> None:
    """Bring the later convolutions to a lower precision; each casts what it is given."""
    kinds = (nn.Conv2d, nn.Linear)
    for layer in [part for part in tower.modules() if isinstance(part, kinds)][
        _EXACT_CONVOLUTIONS:
    ]:
        layer.to(precision)
        layer.register_forward_pre_hook(_cast)


def _cast(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return tuple(given.to(weight.dtype) for given in inputs)
