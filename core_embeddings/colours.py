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
    weights = (thin.min(axis=2) < _NEARLY_WHITE).astype(np.float32)
    lightness, green_red, blue_yellow = (
        _spread(channel, centres)
        for channel, centres in zip(np.moveaxis(_lab(thin), 2, 0), _LAB_CENTRES, strict=True)
    )
    # As a product of two matrices per image: (pixels, 5 x 7)' (pixels, 7).
    planes = (lightness * weights[..., None])[..., :, None] * green_red[..., None, :]
    planes = planes.reshape(*weights.shape, -1)
    counts = (planes.transpose(0, 2, 1) @ blue_yellow).reshape(len(pixels), COLOUR_BINS)
    return np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-6))


def _lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert sRGB bytes (..., 3) to CIELAB under D65."""
    values = np.arange(256, dtype=np.float32) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = linear.astype(np.float32)[pixels] @ _RGB_TO_XYZ.T
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _spread(values: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share each value between its two neighbouring centres: (...,) to (..., centres)."""
    inside = np.clip(values, centres[0], centres[-1])
    return np.clip(1 - np.abs(inside[..., None] - centres) / (centres[1] - centres[0]), 0, 1)
