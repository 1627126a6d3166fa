"""Images from outside: checked, decoded to RGB, resized to one square.

Image files are hostile input. The defences: an allow-list of formats, the pixel count read from the
header before anything is decoded, no tolerance of truncated files, and every failure turned into
one ImageError whose text is the short reason.

Pillow's DecompressionBombWarning is not turned into an error by ``warnings.catch_warnings``, which
swaps the filters of the whole process while other threads decode, nor is ``MAX_IMAGE_PIXELS`` set,
which is as global. ``Image.open`` reads only the header, so our limit is checked between open and
load; Pillow's own stays in force behind it (more than 179 million pixels never pass).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core_embeddings.artefact import digest_file
from core_embeddings.errors import ConfigError, ImageError
from core_embeddings.fast_jpeg import FULL, fast_pixels
from core_embeddings.image_formats import FORMATS, HEAD_BYTES, check_head

MAX_PIXELS: Final = 64_000_000
"""Default limit of width x height."""

ResizeMode = Literal["fixed", "crop", "pad"]
RESIZE_MODES: Final[tuple[ResizeMode, ...]] = ("fixed", "crop", "pad")

_Box = tuple[float, float, float, float]
_WHITE: Final = (255, 255, 255)
_WHOLE_FILE: Final = 1 << 26  # read at once at most; of a larger file Pillow takes what it needs
_EXIF_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def check_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> str:
    """Decode a file to its end and return the digest of its bytes.

    Parameters
    ----------
    path
        A file; symbolic links are followed: who must stay in a folder resolves the path first.
    max_pixels
        Largest allowed width x height.

    Raises
    ------
    ImageError
        With the short reason: ``does not exist``, ``is not a file``, ``empty file``,
        ``not an image``, ``format TIFF is not allowed``, ``truncated or damaged``,
        ``N pixels, limit M``.
    """
    verify_image(path, max_pixels=max_pixels)
    return image_digest(path)


def verify_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> None:
    """Raise what :func:`check_image` raises for an image that cannot be used; decodes it whole."""
    with _stream(path) as stream, _image(stream, max_pixels) as image:
        # At an eighth of its size a JPEG still passes every compressed byte, at less work.
        image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()


def image_digest(path: Path) -> str:
    """Return the digest of an image file's bytes, the key of every cached feature."""
    return digest_file(path)


def decode_image(
    source: bytes | Path, *, max_pixels: int = MAX_PIXELS, at_least: int | None = None
) -> Image.Image:
    """Decode an image to RGB, upright, on white.

    EXIF orientation is applied; transparency is laid on white, as a shop page shows it; 16-bit
    greys are scaled, not clipped; of an animation the first frame is taken.

    Parameters
    ----------
    source
        The bytes of an image file, or the path of one.
    max_pixels
        Largest allowed width x height, read from the header.
    at_least
        A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size while both sides keep this many pixels:
        several times cheaper for large photos. None decodes in full.

    Returns
    -------
    Image.Image
        Mode RGB.

    Raises
    ------
    ImageError
        As of :func:`check_image`.
    """
    with _stream(source) as stream, _image(stream, max_pixels) as image:
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        image.load()
        return _upright(image, _to_rgb(image))


def resize_pixels(image: Image.Image, size: int, mode: ResizeMode) -> NDArray[np.uint8]:
    """Bring an RGB image to one square (the article's question of unequal image sizes).

    Parameters
    ----------
    image
        Mode RGB, of any shape.
    size
        Side of the square, at least 1.
    mode
        ``fixed`` squashes; ``crop`` keeps the ratio and cuts the centre; ``pad`` keeps the ratio
        and fills with white, because product photos stand on white: the border is more background.

    Returns
    -------
    numpy.ndarray
        uint8 of shape (size, size, 3).

    Raises
    ------
    ConfigError
        If the mode is unknown or the size is below 1.
    """
    check_resize(size, mode)
    width, height = image.size
    if mode == "pad":
        scale = size / max(width, height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        canvas = Image.new("RGB", (size, size), _WHITE)
        canvas.paste(_resized(image, inner), ((size - inner[0]) // 2, (size - inner[1]) // 2))
        return np.asarray(canvas)
    side = min(width, height)
    left, top = ((width - side) / 2, (height - side) / 2) if mode == "crop" else (0.0, 0.0)
    box = (left, top, width - left, height - top)
    return np.asarray(_resized(image, (size, size), box))


def check_resize(size: int, mode: str) -> None:
    """Refuse a side below 1 or an unknown mode with a ConfigError."""
    if mode not in RESIZE_MODES:
        raise ConfigError(f"resize must be one of {', '.join(RESIZE_MODES)}; got {mode!r}")
    if size < 1:
        raise ConfigError(f"image size must be at least 1 pixel; got {size}")


@dataclass(frozen=True)
class LoadedImage:
    """One image of a stream: its uint8 pixels (size, size, 3), or None and the reason why."""

    path: Path
    pixels: NDArray[np.uint8] | None
    error: str = ""


def read_pixels(
    path: Path, *, size: int, mode: ResizeMode, max_pixels: int = MAX_PIXELS
) -> LoadedImage:
    """Decode and resize one file; a bad one gives an item with an ``error``.

    A plain JPEG takes `fast_jpeg`'s way where its package is installed, all else Pillow's.
    """
    try:
        with _stream(path) as stream:
            content = stream.read(_WHOLE_FILE)
        fast = fast_pixels(content, size=size, mode=mode, max_pixels=max_pixels)
        if fast is not None:
            return LoadedImage(path, fast)
        source = content if len(content) < _WHOLE_FILE else path
        image = decode_image(source, max_pixels=max_pixels, at_least=FULL * size)
    except ImageError as error:
        return LoadedImage(path, None, str(error))
    return LoadedImage(path, resize_pixels(image, size, mode))


@contextmanager
def _stream(source: bytes | Path) -> Iterator[IO[bytes]]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    if not source.is_file():  # a pipe or a device would block for ever
        raise ImageError("is not a file" if source.exists() else "does not exist")
    try:
        stream = source.open("rb")
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}") from None
    with stream:
        yield stream


@contextmanager
def _image(stream: IO[bytes], max_pixels: int) -> Iterator[Image.Image]:
    """Open by header, refuse by size, and turn whatever a decoder raises into an ImageError."""
    check_head(stream.read(HEAD_BYTES))
    stream.seek(0)
    try:
        with Image.open(stream, formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise ImageError(f"{image.width * image.height} pixels, limit {max_pixels}")
            yield image
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        found = re.search(r"\d+", str(error))
        raise ImageError(
            f"{found.group() if found else 'too many'} pixels, limit {max_pixels}"
        ) from None
    except Exception:  # decoders of hostile bytes raise nearly anything, SyntaxError included
        raise ImageError("truncated or damaged") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion clips at 255
        grey = np.asarray(image, dtype=np.float64) / 257.0
        return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), layer).convert("RGB")
    return image.convert("RGB")


def _upright(original: Image.Image, image: Image.Image) -> Image.Image:
    try:
        orientation = original.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # broken metadata is no reason to refuse good pixels
        return image
    step = _UPRIGHT.get(orientation)
    return image if step is None else image.transpose(step)


def _resized(image: Image.Image, size: tuple[int, int], box: _Box | None = None) -> Image.Image:
    # Bicubic with antialiasing, as the backbones were trained; the gap makes large photos cheap.
    return image.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
