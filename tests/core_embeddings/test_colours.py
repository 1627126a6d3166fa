import colorsys

import numpy as np
import pytest

from core_embeddings.colours import COLOUR_BINS, colour_histograms


def plain(colour, size=16):
    return np.full((1, size, size, 3), colour, dtype=np.uint8)


def test_colour_histograms_have_unit_length_and_ignore_the_white_ground():
    small = np.full((1, 16, 16, 3), 255, dtype=np.uint8)
    small[:, 4:8, 4:8] = (200, 30, 30)
    histogram = colour_histograms(small)
    assert histogram.shape == (1, COLOUR_BINS)
    assert np.linalg.norm(histogram) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(histogram, colour_histograms(plain((200, 30, 30))), atol=1e-5)


def test_colour_histograms_of_all_white_are_zero():
    assert not colour_histograms(plain((255, 255, 255))).any()


def test_colour_histograms_do_not_depend_on_where_the_colour_is():
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (1, 16, 16, 3), dtype=np.uint8)
    shuffled = generator.permutation(pixels.reshape(-1, 3)).reshape(pixels.shape)
    np.testing.assert_allclose(colour_histograms(pixels), colour_histograms(shuffled), atol=1e-4)


def test_near_colours_have_nearer_histograms_than_other_hues():
    def shade(hue: float) -> np.ndarray:
        return colour_histograms(plain([255 * c for c in colorsys.hsv_to_rgb(hue, 0.8, 0.8)]))[0]

    for hue in (0.0, 0.3, 0.6):
        assert shade(hue) @ shade(hue + 0.02) > shade(hue) @ shade(hue + 0.33) + 0.3


def test_grey_and_black_go_to_their_own_points_of_lightness_and_between_two_of_chroma():
    """Byte 119 has L = 50, the third of five points; black is nearest to the first, L = 5.

    No chroma (0) lies between the points -10 and 5, one third of the way from the latter.
    """
    dark, grey = (colour_histograms(plain(value))[0].reshape(5, 7, 7) ** 2 for value in (0, 119))
    np.testing.assert_allclose(dark.sum(axis=(1, 2)), [1, 0, 0, 0, 0], atol=1e-4)
    np.testing.assert_allclose(grey.sum(axis=(1, 2)), [0, 0, 1, 0, 0], atol=0.02)
    for other_axes in ((0, 2), (0, 1)):
        found = grey.sum(axis=other_axes)
        np.testing.assert_allclose(found, [0, 0, 1 / 3, 2 / 3, 0, 0, 0], atol=0.02)
