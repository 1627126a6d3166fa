"""Windows lie over the thing shown; covering one changes nothing outside it."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from tuwen.reason_regions import (
    LEAST,
    Box,
    Windows,
    border_colour,
    covered,
    random_box,
    shown_box,
    windows,
)

SIDES = st.integers(min_value=8, max_value=60)


def picture(height=40, width=30, box=(10, 5, 30, 25), background=(250, 250, 250)):
    pixels = np.full((height, width, 3), background, dtype=np.uint8)
    pixels[box[0] : box[2], box[1] : box[3]] = (200, 20, 20)
    return pixels


def test_the_border_colour_is_that_of_the_background():
    assert border_colour(picture(background=(9, 200, 30))).tolist() == [9, 200, 30]


def test_the_thing_shown_is_what_differs_from_the_border():
    assert shown_box(picture()) == Box(10, 5, 30, 25)


def test_a_plain_picture_is_shown_whole():
    assert shown_box(np.full((20, 16, 3), 77, dtype=np.uint8)) == Box(0, 0, 20, 16)


def test_noise_of_a_plain_background_is_not_shown():
    noise = np.random.default_rng(0).integers(-8, 9, size=(40, 30, 3))
    pixels = (picture().astype(int) + noise).clip(0, 255).astype(np.uint8)
    assert shown_box(pixels) == Box(10, 5, 30, 25)


@given(SIDES, SIDES, st.sampled_from([(1 / 2, 4), (1 / 4, 5), (1 / 3, 3)]))
def test_windows_are_of_one_size_inside_the_box_and_cover_its_corners(height, width, scale):
    box = Box(3, 4, 3 + height, 4 + width)
    found = windows(box, scale)
    assert len({window.shape for window in found}) == 1
    assert len(set(found)) == len(found)
    assert min(w.top for w in found) == 3 and max(w.bottom for w in found) == 3 + height
    assert min(w.left for w in found) == 4 and max(w.right for w in found) == 4 + width


def test_covering_changes_the_box_alone_and_fills_it_with_the_border():
    pixels = picture()
    found = covered(pixels, Box(12, 6, 20, 12))
    assert (found[12:20, 6:12] == 250).all()
    changed = (found != pixels).any(axis=2)
    assert changed.sum() == 8 * 6
    assert (pixels == picture()).all()  # the picture itself is left alone


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 20))
def test_a_random_box_has_its_shape_and_lies_inside(seed, height, width):
    shown = Box(5, 7, 25, 27)
    found = random_box(shown, (height, width), np.random.default_rng(seed))
    assert found.shape == (height, width)
    assert shown.top <= found.top and found.bottom <= shown.bottom
    assert shown.left <= found.left and found.right <= shown.right


def test_the_coarse_window_is_named_unless_a_fine_one_says_nearly_as_much():
    laid = Windows([Box(0, 0, 8, 8), Box(0, 8, 8, 16)], [Box(0, 0, 4, 4), Box(4, 4, 8, 8)])
    assert laid.named([1.0, 2.0, 0.5, 1.1]) == 1
    assert laid.named([1.0, 2.0, 0.5, 1.3]) == 3
    assert laid.named([LEAST / 2, -1.0, 0.0, 0.0]) is None


def test_heat_is_the_mean_over_scales_of_the_windows_over_a_pixel():
    laid = Windows([Box(0, 0, 2, 2), Box(0, 1, 2, 3)], [Box(0, 0, 1, 1)])
    heat = laid.heat([4.0, 2.0, 6.0], (2, 4))
    assert heat.tolist() == [[5.0, 1.5, 1.0, 0.0], [2.0, 1.5, 1.0, 0.0]]


def test_windows_over_a_thing_are_of_both_scales():
    laid = Windows.over(Box(0, 0, 40, 20))
    assert {window.shape for window in laid.coarse} == {(20, 10)}
    assert {window.shape for window in laid.fine} == {(10, 5)}
    assert (len(laid.coarse), len(laid.fine)) == (16, 25)
