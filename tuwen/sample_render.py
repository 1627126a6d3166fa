"""Draw a product: silhouette, colour, pattern, and the small accidents of a photograph."""

from __future__ import annotations

import colorsys
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tuwen.sample_shapes import SHAPES, Part
from tuwen.sample_taxonomy import COLOURS

SIZE: Final = 144
"""Side of a finished picture, in pixels."""

# Drawn larger and reduced: smooth edges without a vector library.
_BOARD: Final = SIZE * 3 // 2
_PEN: Final = round(_BOARD / 96)
_GREYS: Final = {
    "dark": (46, 46, 52, 255),
    "pale": (240, 240, 238, 255),
    "metal": (190, 182, 160, 255),
}
_COLOURS: Final = {colour.term.name: colour for colour in COLOURS}

Pixels = NDArray[np.float32]
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """What a picture shows, and nothing else.

    Parameters
    ----------
    shape
        A key of ``SHAPES``.
    color, pattern
        Canonical names.
    """

    shape: str
    color: str
    pattern: str


def render(look: Look, generator: np.random.Generator) -> Image.Image:
    """Return one photograph of ``look``, RGB, ``SIZE`` × ``SIZE``; no two calls are alike."""
    product = _pose(_product(look, generator), generator)
    scene = _background(generator)
    shadow = product.getchannel("A").resize((_BOARD // 4, _BOARD // 4))
    shadow = shadow.filter(ImageFilter.GaussianBlur(_BOARD / 96)).resize((_BOARD, _BOARD))
    scene.paste(
        (70, 66, 72), (_BOARD // 48, _BOARD // 28), shadow.point(lambda value: value * 0.42)
    )
    scene.paste(product, (0, 0), product.getchannel("A"))
    small = np.asarray(scene.resize((SIZE, SIZE), Image.Resampling.BILINEAR), dtype=np.float32)
    noisy = small + generator.normal(0, 3.0, size=(SIZE, SIZE, 1)).astype(np.float32)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def to_bytes(image: Image.Image, suffix: str) -> bytes:
    """Return the picture as a file's bytes; ``suffix`` is ``.jpg`` or ``.png``."""
    stream = io.BytesIO()
    if suffix == ".png":
        image.save(stream, "PNG", compress_level=1)
    else:
        image.save(stream, "JPEG", quality=88)
    return stream.getvalue()


def _product(look: Look, generator: np.random.Generator) -> Image.Image:
    """Return the product alone, RGBA, upright."""
    colour = _COLOURS[look.color]
    base = _jitter(colour.rgb, generator)
    weave = _weave(look.pattern, generator)[..., None]
    accent, plain = (np.array(rgb, dtype=np.float32) for rgb in (colour.accent, base))
    fabric = weave * accent + (1 - weave) * plain
    shade = _shade(generator)[..., None]
    cloth = Image.fromarray(np.clip(fabric * shade, 0, 255).astype(np.uint8)).convert("RGBA")
    paints = {**_GREYS, "trim": _darker(base, 0.72), "clear": (0, 0, 0, 0)}
    board = Image.new("RGBA", (_BOARD, _BOARD), (0, 0, 0, 0))
    for part in SHAPES[look.shape]:
        mask = Image.new("L", (_BOARD, _BOARD), 0)
        _trace(mask, part)
        board.paste(cloth if part.paint == "fabric" else paints[part.paint], (0, 0), mask)
        if part.paint == "fabric" and part.kind != "line":
            _outline(board, part, _darker(base, 0.55))
    return board


def _darker(rgb: Rgb, share: float) -> tuple[int, int, int, int]:
    """Return a darker, opaque tone."""
    return int(rgb[0] * share), int(rgb[1] * share), int(rgb[2] * share), 255


def _trace(mask: Image.Image, part: Part) -> None:
    draw = ImageDraw.Draw(mask)
    scale = _BOARD / 100
    points = [(x * scale, y * scale) for x, y in part.points]
    if part.kind == "ellipse":
        draw.ellipse(points, fill=255)
    elif part.kind == "box":
        draw.rounded_rectangle(points, radius=part.width * scale, fill=255)
    elif part.kind == "line":
        width = max(1, round(part.width * scale))
        draw.line(_smooth(points, closed=False), fill=255, width=width, joint="curve")
    else:
        draw.polygon(_smooth(points, closed=True) if part.kind == "blob" else points, fill=255)


def _outline(board: Image.Image, part: Part, colour: tuple[int, int, int, int]) -> None:
    draw = ImageDraw.Draw(board)
    scale = _BOARD / 100
    points = [(x * scale, y * scale) for x, y in part.points]
    if part.kind == "box":
        draw.rounded_rectangle(points, radius=part.width * scale, outline=colour, width=_PEN)
        return
    around = _smooth(points, closed=True) if part.kind == "blob" else points
    draw.line([*around, around[0]], fill=colour, width=_PEN, joint="curve")


def _smooth(
    points: list[tuple[float, float]], *, closed: bool, rounds: int = 3
) -> list[tuple[float, float]]:
    """Round the corners by cutting them (Chaikin 1974)."""
    for _ in range(rounds):
        following = [*points[1:], points[0]] if closed else points[1:]
        cut = [
            (a[0] * (1 - share) + b[0] * share, a[1] * (1 - share) + b[1] * share)
            for a, b in zip(points, following, strict=False)
            for share in (0.25, 0.75)
        ]
        points = cut if closed else [points[0], *cut, points[-1]]
    return points


def _weave(pattern: str, generator: np.random.Generator) -> Pixels:
    """Return how much accent colour shows at each pixel, 0-1, of shape (_BOARD, _BOARD)."""
    y, x = np.mgrid[0:_BOARD, 0:_BOARD].astype(np.float32)
    period = float(generator.uniform(0.087, 0.118)) * _BOARD
    x, y = x + generator.uniform(0, period), y + generator.uniform(0, period)
    vertical = bool(generator.random() < 0.25)
    if pattern == "striped":
        weave = ((x if vertical else y) % period) < 0.42 * period
    elif pattern == "dotted":
        shift = (y // period % 2) * period / 2
        dx, dy = (x + shift) % period - period / 2, y % period - period / 2
        weave = dx * dx + dy * dy < (0.3 * period) ** 2
    elif pattern == "checked":
        across, down = x % period < period / 2, y % period < period / 2
        return np.float32(0.42) * across.astype(np.float32) + np.float32(0.42) * down
    elif pattern == "zigzag":
        wave = np.abs(x % period - period / 2)
        weave = ((y + wave) % period) < 0.42 * period
    else:
        return np.zeros((_BOARD, _BOARD), dtype=np.float32)
    return weave.astype(np.float32) * np.float32(0.92)


def _shade(generator: np.random.Generator) -> Pixels:
    """Return a soft light from one side, about 0.84-1.08, of shape (_BOARD, _BOARD)."""
    ramp = np.linspace(-1, 1, _BOARD, dtype=np.float32)
    angle = generator.uniform(-0.6, 0.6)
    light = np.cos(angle) * ramp[:, None] + np.sin(angle) * ramp[None, :]
    return (0.96 - 0.1 * light).astype(np.float32)


def _jitter(rgb: Rgb, generator: np.random.Generator) -> Rgb:
    """Return a near shade of the same colour."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in rgb))
    hue = (hue + generator.uniform(-0.012, 0.012)) % 1
    value = float(np.clip(value * generator.uniform(0.92, 1.06), 0, 1))
    saturation = float(np.clip(saturation * generator.uniform(0.9, 1.05), 0, 1))
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _pose(product: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Turn, scale and shift the product a little: one affine map, from the new place to the old."""
    scale, angle = generator.uniform(0.74, 0.9), np.deg2rad(generator.normal(0, 5))
    half, room = _BOARD / 2, _BOARD * (1 - scale)
    right, down = (room * generator.uniform(-0.2, 0.2) for _ in range(2))
    cos, sin = float(np.cos(angle) / scale), float(np.sin(angle) / scale)
    x, y = half + right, half + down
    back = (cos, sin, half - cos * x - sin * y, -sin, cos, half + sin * x - cos * y)
    return product.transform(
        (_BOARD, _BOARD), Image.Transform.AFFINE, back, Image.Resampling.BILINEAR
    )


def _background(generator: np.random.Generator) -> Image.Image:
    """Return a pale tinted wall, a little darker towards the floor."""
    tint = colorsys.hsv_to_rgb(
        generator.random(), generator.uniform(0.02, 0.1), generator.uniform(0.82, 0.92)
    )
    ramp = np.linspace(1.05, 0.94, _BOARD, dtype=np.float32)[:, None, None]
    wall = 255 * np.array(tint, dtype=np.float32) * ramp
    wide = np.broadcast_to(np.clip(wall, 0, 255), (_BOARD, _BOARD, 3))
    return Image.fromarray(wide.astype(np.uint8))
