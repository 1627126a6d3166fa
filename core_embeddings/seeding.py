"""One seed in, generators out; no global state is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def numpy_generator(seed: int | np.random.Generator) -> np.random.Generator:
    """Return a Generator: the given one, or one made from an integer seed (Scientific SPEC 7)."""
    return np.random.default_rng(seed)


def torch_generator(seed: int) -> torch.Generator:
    """Return a CPU torch Generator seeded with ``seed``."""
    import torch

    return torch.Generator().manual_seed(seed)
