"""A colour histogram that survives a change of light: what a pretrained network forgets."""

from __future__ import annotations

from typing import Final

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
    # Image by image: what a picture needs stays in the processor's cache.
    counts = np.stack([_counts(image) for image in pixels[:, ::step, ::step]])
    return np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-6))


def _counts(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how much of an image (height, width, 3) falls to each of the 245 points."""
    planes = np.ascontiguousarray(image.reshape(-1, 3).T)
    # Most of a product photo is white, and white weighs nothing, so only the rest is looked at.
    darkest = np.minimum(np.minimum(planes[0], planes[1]), planes[2])
    lab = _lab(planes.take(np.flatnonzero(darkest < _NEARLY_WHITE), axis=1))
    lightness, green_red, blue_yellow = map(_hats, lab, _LAB_CENTRES)
    colours = (green_red[:, None] * blue_yellow).reshape(len(green_red) * len(blue_yellow), -1)
    return (lightness @ colours.T).ravel()


def _hats(values: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share each of n values between its two neighbouring centres, evenly spaced: (centres, n).

    A centre's share falls from 1 to 0 on the way to the next one. Dense rows of mostly zeros are
    made and multiplied many times faster than the few others would be scattered.
    """
    inside = np.clip(values, centres[0], centres[-1])
    away = np.abs(inside - centres[:, None]) / (centres[1] - centres[0])
    return np.maximum(np.float32(1) - away, np.float32(0))


def _lab(planes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert sRGB bytes (3, n) to CIELAB under D65, (3, n)."""
    xyz = _RGB_TO_XYZ @ _LINEAR[planes]
    roots = np.power(xyz, np.float32(1 / 3))  # many times faster than a cube root
    dark = xyz <= 0.008856
    roots[dark] = 7.787 * xyz[dark] + 16 / 116
    x, y, z = roots
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])
