"""Plain JPEG photos to a square of bytes, faster than Pillow; whatever is odd is Pillow's.

Decoding gives Pillow's pixels to the bit (both stand on libjpeg-turbo). Resizing is torch's
antialiased bicubic, which differs from Pillow's by one level of 255 in a value of some hundreds.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_JPEG: Final = b"\xff\xd8\xff"
_ODD: Final = (b"Exif\0", b"MPF\0")
"""Marks of what needs Pillow: a photo that may lie on its side, several photos in one file."""

_HEADER: Final = 1 << 16
_PILLOW_GAP: Final = 3.0
_PILLOW_SHORTCUT: Final = 6  # from here on `images.resize_pixels` averages pixels beforehand

FULL: Final = 12
"""A photo is decoded in full unless it keeps so many times the pixels it is brought to.

The 8 x 8 blocks of a JPEG can be decoded as 4 x 4 and fewer, which is faster and a level of 255
away from averaging the pixels: on a plain ground it is so everywhere, and vectors notice.
"""
_WHITE: Final = 255


def fast_pixels(
    content: bytes, *, size: int, mode: Literal["fixed", "crop", "pad"], max_pixels: int
) -> NDArray[np.uint8] | None:
    """Return what `images.decode_image` and `images.resize_pixels` would give, or None.

    Parameters
    ----------
    content
        A whole file.
    size, mode
        Side of the square, and how a photo gets there.
    max_pixels
        Largest width x height; what is larger is left to Pillow, which says so.

    Returns
    -------
    numpy.ndarray
        uint8 of shape (size, size, 3); None where the file is no plain YCbCr JPEG, is damaged, has
        metadata that may turn it, where the mode is ``crop``, or where simplejpeg (extra
        ``[fast]``) is not installed.
    """
    if mode == "crop" or not content.startswith(_JPEG):
        return None
    photo = decode_plain_jpeg(content, at_least=FULL * size, max_pixels=max_pixels)
    if photo is None:
        return None
    height, width = photo.shape[:2]
    scale = size / max(width, height)
    inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
    if mode == "fixed":
        inner_width, inner_height = size, size
    square = np.full((size, size, 3), _WHITE, dtype=np.uint8)
    left, top = (size - inner_width) // 2, (size - inner_height) // 2
    square[top : top + inner_height, left : left + inner_width] = _resized(
        photo, inner_height, inner_width
    )
    return square


def decode_plain_jpeg(
    content: bytes, *, at_least: int, max_pixels: int
) -> NDArray[np.uint8] | None:
    """Return the RGB pixels (height, width, 3) of a plain JPEG, to the bit those of Pillow.

    Decoded at 1/2, 1/4 or 1/8 of its size while both sides keep ``at_least`` pixels. None where
    Pillow must decide.
    """
    decoder = _simplejpeg()
    if decoder is None or any(mark in content[:_HEADER] for mark in _ODD):
        return None
    try:
        height, width, colours, _ = decoder.decode_jpeg_header(content)
        if colours != "YCbCr" or height * width > max_pixels:
            return None
        room = min(width // at_least, height // at_least)
        step = next((step for step in (8, 4, 2) if room >= step), 1)
        wanted = (-(-height // step), -(-width // step), 3)
        photo: NDArray[np.uint8] = decoder.decode_jpeg(
            content, "RGB", min_height=wanted[0], min_width=wanted[1]
        )
    except ValueError:  # damaged, cut short, or of a kind it does not know
        return None
    return photo if photo.shape == wanted else None


@cache
def _simplejpeg() -> ModuleType | None:
    try:
        return import_module("simplejpeg")
    except ImportError:
        return None


def _resized(photo: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    import torch
    from torch.nn.functional import interpolate

    if photo.shape[:2] == (height, width):
        return photo
    if max(photo.shape[0] / height, photo.shape[1] / width) >= _PILLOW_SHORTCUT:
        whole = Image.fromarray(photo)
        smaller = whole.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=_PILLOW_GAP)
        return np.asarray(smaller)
    with torch.inference_mode():
        image = torch.from_numpy(photo).permute(2, 0, 1)[None]
        resized = interpolate(image, size=(height, width), mode="bicubic", antialias=True)
    return resized[0].permute(1, 2, 0).numpy()
