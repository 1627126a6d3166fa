"""A product's picture with its deciding region marked, as PNG."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from core_embeddings.errors import ImageError
from core_embeddings.images import decode_image
from tuwen.reason_regions import LEAST
from tuwen.reasons import Region

SIDE: Final = 384
"""Longer side of an overlay."""
_GLOW: Final = np.array([255, 120, 0])
_OUTLINE: Final = (200, 30, 30)
_STRONGEST: Final = 0.6
_FADED: Final = 0.5


def overlay(region: Region) -> bytes:
    """Return the picture as PNG: grey where nothing speaks for the tag, glowing where much does.

    The outline is the region that the reason names, if it names one.
    """
    height, width = region.picture.pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(region.picture.pixels).resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(image, dtype=np.float64)
    worth = np.clip(region.heat, 0, None)
    glow = Image.fromarray((worth / max(float(worth.max()), LEAST) * 255).astype(np.uint8))
    strength = np.asarray(glow.resize(size, Image.Resampling.BILINEAR))[:, :, None] / 255
    grey = pixels.mean(axis=2, keepdims=True)
    dull = _FADED * (1 - strength)
    shown = (1 - dull) * pixels + dull * grey
    alpha = _STRONGEST * strength**2
    mixed = (1 - alpha) * shown + alpha * _GLOW
    marked = Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
    if region.box is not None:
        top, left, bottom, right = (round(edge * scale) for edge in region.box)
        corners = (left, top, max(left, right - 1), max(top, bottom - 1))
        ImageDraw.Draw(marked).rectangle(corners, outline=_OUTLINE, width=3)
    return _encoded(marked, "PNG")


def thumbnail(path: Path | None, *, side: int = 160) -> bytes:
    """Return a small JPEG of an image file; nothing where there is none, or none to be read."""
    if path is None:
        return b""
    try:
        image = decode_image(path, at_least=side)
    except ImageError:
        return b""
    image.thumbnail((side, side))
    return _encoded(image, "JPEG")


def _encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind)
    return buffer.getvalue()
