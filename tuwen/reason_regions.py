"""Parts of a picture: where they lie, the picture without one, and what each is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

COARSE: Final = (1 / 2, 4)
FINE: Final = (1 / 4, 5)
"""Side of a window as a share of the thing shown, and windows along each side."""
PRECISE: Final = 0.6
"""A fine window is named where it is worth so much of the best coarse one."""
LEAST: Final = 0.05
"""Log-odds below which a word or a window is not worth naming."""
_DIFFERENT: Final = 24  # of 255: more than a JPEG makes of a plain background


class Box(NamedTuple):
    """A rectangle of pixels: from top and left up to, not including, bottom and right."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left


def border_colour(pixels: Pixels) -> NDArray[np.uint8]:
    """Return the median colour of the outermost pixels of a picture (height, width, 3)."""
    edges = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    return np.median(np.concatenate(edges), axis=0).astype(np.uint8)


def shown_box(pixels: Pixels) -> Box:
    """Return where the thing shown lies: all that differs from the border's colour.

    The whole picture where nothing does, or hardly anything.
    """
    away = np.abs(pixels.astype(np.int16) - border_colour(pixels)).max(axis=2) > _DIFFERENT
    rows, columns = np.flatnonzero(away.any(axis=1)), np.flatnonzero(away.any(axis=0))
    height, width = pixels.shape[:2]
    if len(rows) < height // 8 + 1 or len(columns) < width // 8 + 1:
        return Box(0, 0, height, width)
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def windows(box: Box, scale: tuple[float, int]) -> list[Box]:
    """Return overlapping windows of one size that cover a box, row by row."""
    share, along = scale
    height, width = (max(1, round(side * share)) for side in box.shape)
    tops = np.linspace(box.top, box.bottom - height, along).round().astype(int)
    lefts = np.linspace(box.left, box.right - width, along).round().astype(int)
    places = dict.fromkeys((top, left) for top in tops.tolist() for left in lefts.tolist())
    return [Box(top, left, top + height, left + width) for top, left in places]


def covered(pixels: Pixels, box: Box) -> Pixels:
    """Return the picture with a box filled with the colour of its border."""
    copy = pixels.copy()
    copy[box.top : box.bottom, box.left : box.right] = border_colour(pixels)
    return copy


def random_box(shown: Box, shape: tuple[int, int], rng: np.random.Generator) -> Box:
    """Return a box of that shape anywhere inside the thing shown."""
    top, left = (
        int(rng.integers(start, max(start, end - side) + 1))
        for start, end, side in zip(shown[:2], shown[2:], shape, strict=True)
    )
    return Box(top, left, top + shape[0], left + shape[1])


class Windows(NamedTuple):
    """The windows of a picture at both scales."""

    coarse: list[Box]
    fine: list[Box]

    @classmethod
    def over(cls, shown: Box) -> Windows:
        """Lay them over the thing shown."""
        return cls(windows(shown, COARSE), windows(shown, FINE))

    def named(self, effects: Sequence[float]) -> int | None:
        """Return which window a reason names, given what each is worth, coarse ones first.

        None where covering any of them hardly makes the tag less sure.
        """
        worth = np.asarray(effects)
        split = len(self.coarse)
        coarse, fine = int(worth[:split].argmax()), split + int(worth[split:].argmax())
        best = fine if worth[fine] >= PRECISE * worth[coarse] else coarse
        return best if worth[best] >= LEAST else None

    def heat(self, effects: Sequence[float], shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return what each pixel is worth: the mean over scales of the mean over its windows."""
        split = len(self.coarse)
        groups = ((self.coarse, effects[:split]), (self.fine, effects[split:]))
        return np.mean([_painted(zip(*group, strict=True), shape) for group in groups], axis=0)


def _painted(
    worth: Iterator[tuple[Box, float]] | zip[tuple[Box, float]], shape: tuple[int, int]
) -> NDArray[np.float64]:
    total, count = np.zeros(shape), np.zeros(shape)
    for box, effect in worth:
        area = slice(box.top, box.bottom), slice(box.left, box.right)
        total[area] += effect
        count[area] += 1
    return total / np.maximum(count, 1)
