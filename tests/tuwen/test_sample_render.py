"""Pictures: colour, silhouette and pattern can be read back from the pixels by simple rules."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tuwen.sample_render import SIZE, Look, render, to_bytes
from tuwen.sample_shapes import SHAPES
from tuwen.sample_taxonomy import COLOURS, LEAVES, PATTERNS


def _pixels(look: Look, seed: int) -> np.ndarray:
    return np.asarray(render(look, np.random.default_rng(seed)), dtype=np.float32)


def _silhouette(pixels: np.ndarray) -> np.ndarray:
    """Return where a picture differs from its own margins, on a coarse grid."""
    margin = (pixels[:, :4].mean(axis=1) + pixels[:, -4:].mean(axis=1)) / 2
    inside = np.abs(pixels - margin[:, None]).max(axis=2) > 40
    return inside.reshape(24, SIZE // 24, 24, SIZE // 24).mean(axis=(1, 3)).ravel()


def test_one_state_gives_one_picture_and_the_next_another():
    look = Look("mug", "red", "dotted")
    assert np.array_equal(_pixels(look, 1), _pixels(look, 1))
    assert not np.array_equal(_pixels(look, 1), _pixels(look, 2))


def test_a_picture_is_a_square_of_the_stated_size():
    image = render(Look("phone", "blue", "solid"), np.random.default_rng(0))
    assert (image.size, image.mode) == ((SIZE, SIZE), "RGB")


@pytest.mark.parametrize("colour", COLOURS, ids=lambda colour: colour.term.name)
def test_a_plain_product_has_the_colour_it_is_said_to_have(colour):
    for seed in range(4):
        pixels = _pixels(Look("cushion", colour.term.name, "solid"), seed)
        middle = np.median(pixels[45:65, 45:65].reshape(-1, 3), axis=0)
        nearest = min(COLOURS, key=lambda other: float(np.abs(middle - other.rgb).sum()))
        assert nearest is colour


def test_silhouettes_are_told_apart_by_the_nearest_mean_picture():
    names = sorted(SHAPES)
    means = np.stack(
        [
            np.mean(
                [_silhouette(_pixels(Look(name, "red", "solid"), seed)) for seed in range(5)],
                axis=0,
            )
            for name in names
        ]
    )
    right = 0
    for name in names:
        for seed, pattern in ((11, "solid"), (12, "checked")):
            unseen = _silhouette(_pixels(Look(name, "black", pattern), seed))
            right += names[int(np.argmin(((means - unseen) ** 2).sum(axis=1)))] == name
    assert right >= 0.8 * 2 * len(names)


def test_a_pattern_varies_more_than_plain_cloth_and_each_in_its_own_way():
    spread = {}
    for pattern in PATTERNS:
        parts = []
        for seed in range(6):
            grey = _pixels(Look("cushion", "blue", pattern.name), seed)[40:100, 30:110].mean(axis=2)
            parts.append((grey.std(), (grey > grey.mean()).mean()))
        spread[pattern.name] = np.mean(parts, axis=0)
    assert all(spread[name][0] > 2 * spread["solid"][0] for name in spread if name != "solid")
    assert spread["dotted"][1] < spread["striped"][1]


def test_every_leaf_has_a_drawing_and_every_drawing_a_leaf():
    assert {leaf.shape for leaf in LEAVES} == set(SHAPES)


def test_every_drawing_carries_the_colour_and_stays_on_the_board():
    for name, parts in SHAPES.items():
        assert any(part.paint == "fabric" for part in parts), name
        points = [value for part in parts for point in part.points for value in point]
        assert min(points) >= 0 and max(points) <= 100, name


@pytest.mark.parametrize(("suffix", "kind"), [(".jpg", "JPEG"), (".png", "PNG")])
def test_files_are_of_the_kind_their_name_says(suffix, kind):
    image = render(Look("lamp", "green", "zigzag"), np.random.default_rng(0))
    with Image.open(io.BytesIO(to_bytes(image, suffix))) as read:
        assert read.format == kind
        difference = np.abs(np.asarray(read, dtype=float) - np.asarray(image, dtype=float))
    assert difference.mean() < (0.001 if kind == "PNG" else 6)
