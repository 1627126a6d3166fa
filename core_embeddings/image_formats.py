"""Which image formats are decoded, told by the first bytes of a file."""

from __future__ import annotations

import re
from typing import Final

from core_embeddings.errors import ImageError

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
"""Formats that are decoded; all are common in shops, and all decoders are compiled into Pillow."""

HEAD_BYTES: Final = 256
"""How much of a file :func:`check_head` looks at."""

_ALLOWED_HEAD: Final = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF.{4}WEBP|GIF8[79]a|BM.{4}\0\0\0\0", re.DOTALL
)
# For the reader of the rejects table: refused files are told by their first bytes, never parsed.
_REFUSED_HEADS: Final = (
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("AVIF", re.compile(rb".{4}ftypavi[fs]", re.DOTALL)),
    ("HEIF", re.compile(rb".{4}ftyp(?:hei|hev|mif|msf)", re.DOTALL)),
    ("JPEG2000", re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51")),
    ("PSD", re.compile(rb"8BPS")),
    ("ICO", re.compile(rb"\0\0[\1\2]\0")),
    ("PDF", re.compile(rb"%PDF")),
    ("EPS", re.compile(rb"%!PS")),
    ("SVG", re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<svg")),
)


def check_head(head: bytes) -> None:
    """Refuse a file by its first bytes, before any decoder sees it.

    Raises
    ------
    ImageError
        ``empty file``, ``format TIFF is not allowed``, ``not an image``.
    """
    if not head:
        raise ImageError("empty file")
    if _ALLOWED_HEAD.match(head):
        return
    for name, pattern in _REFUSED_HEADS:
        if pattern.match(head):
            raise ImageError(f"format {name} is not allowed")
    raise ImageError("not an image")
