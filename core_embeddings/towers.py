"""Products or queries through both towers, a block at a time, pictures one block ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_embeddings.ahead import started_ahead
from core_embeddings.columns import Columns
from core_embeddings.frozen_features import FrozenFeatures
from core_embeddings.runtime import torch_threads

ROWS_AT_ONCE: Final = 256
"""Products encoded together: bounds memory, whatever the catalogue's size."""

_INLINE: Final = 4  # products that are not worth a thread

What = Literal["fused", "image", "text"]


class Views(NamedTuple):
    """What each part of the embedder knows of n products.

    Attributes
    ----------
    fused
        The network's part of the stored vectors (see `closed_form`), unit rows, float32.
    image, text
        What a tower knows on its own, wider than the shared space; zero rows where it lacks.
    has_image, has_text
        bool of shape (n,).
    """

    fused: NDArray[np.float32]
    image: NDArray[np.float32]
    text: NDArray[np.float32]
    has_image: NDArray[np.bool_]
    has_text: NDArray[np.bool_]


class Towers(NamedTuple):
    """What both towers make of n rows.

    Attributes
    ----------
    features
        Frozen image features or pixels, n rows.
    image, text
        F_image and F_text, (n, D).
    has_image, has_text
        bool of shape (n,).
    tokens
        Of the texts that were read.
    """

    features: Tensor
    image: Tensor
    text: Tensor
    has_image: Tensor
    has_text: Tensor
    tokens: list[list[str]]


class Block:
    """Some rows of a frame and what is computed once per image, one row per product.

    Parameters
    ----------
    frame
        The rows.
    features
        Their image features, or the promise of them.
    """

    def __init__(self, frame: pd.DataFrame, features: NDArray[Any] | Future[NDArray[Any]]) -> None:
        self.frame = frame
        self._features = features

    @property
    def features(self) -> NDArray[Any]:
        """The image features; waits where they are being computed, so ask as late as possible."""
        known = self._features
        return known.result() if isinstance(known, Future) else known


def blocks_ahead(
    frame: pd.DataFrame, features: FrozenFeatures, *, see: bool = True
) -> Iterator[Block]:
    """Yield a frame's rows in blocks whose pictures are computed meanwhile, and the next one's.

    Never are more than three blocks of features in memory. Torch works with one thread per
    operation meanwhile, because the pictures have a thread per core already.

    Parameters
    ----------
    frame
        As `product_frame.as_products` returns it.
    features
        What computes the features.
    see
        False leaves the pictures alone and gives zeros.
    """
    frames = [frame.iloc[at : at + ROWS_AT_ONCE] for at in range(0, len(frame), ROWS_AT_ONCE)]
    compute = partial(block_features, features=features, see=see)
    if len(frame) <= _INLINE or not see:
        yield from (Block(rows, compute(rows)) for rows in frames)
        return
    with torch_threads(1):
        started = started_ahead(compute, frames, workers=1, ahead=1, name="blocks")
        for rows, promise in zip(frames, started, strict=True):
            yield Block(rows, promise)


def block_features(
    frame: pd.DataFrame, features: FrozenFeatures, *, see: bool = True
) -> NDArray[Any]:
    """Return the image features of a frame's rows, zeros where there is no picture."""
    nothing: list[tuple[str, ...]] = [()] * len(frame)
    if not see:
        return features.for_products(nothing, nothing)
    return features.for_products(list(frame[Columns.IMAGE]), list(frame[Columns.IMAGE_DIGEST]))


def present(cells: Sequence[Sequence[object]]) -> Tensor:
    """Return which of n cells hold something, bool of shape (n,)."""
    return torch.from_numpy(np.fromiter((len(cell) > 0 for cell in cells), np.bool_, len(cells)))


def asked(towers: Towers, what: What) -> tuple[Tensor, Tensor]:
    """Return which pictures and which texts are looked at, two bool masks of shape (n,)."""
    nothing = torch.zeros_like(towers.has_image)
    see = nothing if what == "text" else towers.has_image
    return see, nothing if what == "image" else towers.has_text
