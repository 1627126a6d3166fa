"""A colour histogram that survives a change of light: what a pretrained network forgets."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

COLOUR_BINS: Final = 5 * 7 * 7
_LAB_CENTRES: Final = (
    np.linspace(5, 95, 5, dtype=np.float32),
    np.linspace(-40, 50, 7, dtype=np.float32),
    np.linspace(-40, 50, 7, dtype=np.float32),
)
# Linear sRGB to CIE XYZ, each row divided by its sum: the white point becomes (1, 1, 1).
_RGB_TO_XYZ: Final = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]],
    dtype=np.float32,
) / np.array([[0.9505], [1.0], [1.0890]], dtype=np.float32)
_BYTES: Final = np.arange(256, dtype=np.float32) / 255
_LINEAR: Final = np.where(
    _BYTES <= 0.04045, _BYTES / 12.92, ((_BYTES + 0.055) / 1.055) ** 2.4
).astype(np.float32)
_NEARLY_WHITE: Final = 240
_COLOUR_SIDE: Final = 64


def colour_histograms(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Describe the colours of what stands on white.

    Each pixel that is not nearly white spreads its weight over the eight nearest of 5 x 7 x 7
    points of CIELAB (trilinear, so that a small change of light is a small change of the result);
    the square root of the shares evens out large and small areas.

    Parameters
    ----------
    pixels
        uint8 of shape (n, height, width, 3), sRGB.

    Returns
    -------
    numpy.ndarray
        float32 of shape (n, 245), rows of unit length; zeros for an image that is all white.
    """
    step = max(1, min(pixels.shape[1:3]) // _COLOUR_SIDE)
    thin = pixels[:, ::step, ::step].reshape(len(pixels), -1, 3)
    # Image by image: what a picture needs stays in the processor's cache. Most of a product photo
    # is white, and white weighs nothing, so only the rest is looked at.
    counts = np.stack([_counts(image[image.min(axis=1) < _NEARLY_WHITE]) for image in thin])
    return np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-6))


def _counts(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how much of n pixels (n, 3) falls to each of the 245 points."""
    lightness, green_red, blue_yellow = (
        _neighbours(channel, centres)
        for channel, centres in zip(_lab(pixels).T, _LAB_CENTRES, strict=True)
    )
    # Both neighbours along each axis make eight points: (2, 1, 1, n), (1, 2, 1, n), (1, 1, 2, n).
    points = (lightness.place[:, None, None] * 7 + green_red.place[:, None]) * 7 + blue_yellow.place
    weights = lightness.share[:, None, None] * green_red.share[:, None] * blue_yellow.share
    counts = np.bincount(points.ravel(), weights.ravel(), minlength=COLOUR_BINS)
    return counts.astype(np.float32)


class _Neighbours(NamedTuple):
    place: NDArray[np.int32]  # (2, n): the centres below and above
    share: NDArray[np.float32]  # (2, n), sums of 1


def _neighbours(values: NDArray[np.float32], centres: NDArray[np.float32]) -> _Neighbours:
    """Share each of n values between its two neighbouring centres, which are evenly spaced."""
    inside = np.clip(values, centres[0], centres[-1])
    position = (inside - centres[0]) / (centres[1] - centres[0])
    below = np.minimum(position.astype(np.int32), len(centres) - 2)
    above = position - below
    return _Neighbours(np.stack([below, below + 1]), np.stack([1 - above, above]))


def _lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert sRGB bytes (n, 3) to CIELAB under D65."""
    xyz = _LINEAR[pixels] @ _RGB_TO_XYZ.T
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
