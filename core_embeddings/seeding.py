"""One seed in, a generator out; no global state is touched."""

from __future__ import annotations

import numpy as np


def numpy_generator(seed: int | np.random.Generator) -> np.random.Generator:
    """Return a Generator: the given one, or one made from an integer seed."""
    return np.random.default_rng(seed)
