import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core_embeddings.image_augmentation import augmented

BYTES = st.integers(0, 255)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def photos(count=16, side=24):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def test_without_strength_a_view_is_the_photo_itself():
    views = augmented(photos(), strength=0, generator=chance())
    assert torch.equal(views, photos().permute(0, 3, 1, 2).float())
    assert views.is_contiguous(memory_format=torch.channels_last)


def test_the_generator_decides_the_views_and_the_global_one_is_left_alone():
    before = torch.get_rng_state()
    first, again, other = (
        augmented(photos(), strength=1, generator=chance(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_with_next_to_no_strength_a_view_is_the_photo_or_its_mirror_image():
    plain = photos(32).permute(0, 3, 1, 2).float()
    views = augmented(photos(32), strength=1e-7, generator=chance())
    same = ((views - plain).abs().amax((1, 2, 3)) < 0.1).tolist()
    mirrored = ((views - plain.flip(3)).abs().amax((1, 2, 3)) < 0.1).tolist()
    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert 4 < sum(same) < 28


@settings(max_examples=20, deadline=None)
@given(st.tuples(BYTES, BYTES, BYTES), st.integers(0, 1000))
def test_a_view_keeps_the_ratio_of_the_colours_in_every_pixel(colour, seed):
    """The distance from white may shrink or grow; which colour it is may not."""
    pixels = torch.tensor(colour, dtype=torch.uint8).expand(4, 16, 16, 3)
    ink = 255 - augmented(pixels, strength=1, generator=chance(seed))
    wanted = 255 - torch.tensor(colour, dtype=torch.float32)
    inside = (ink.amax(1) > 1) & (ink.amax(1) < 254)  # the brightest and darkest are cut off
    for channel in range(3):
        left, right = ink[:, channel] * wanted.max(), ink.amax(1) * wanted[channel]
        torch.testing.assert_close(left[inside], right[inside], atol=1.0, rtol=1e-3)


def test_white_stays_white_and_what_a_view_uncovers_is_white():
    white = torch.full((8, 16, 16, 3), 255, dtype=torch.uint8)
    assert torch.equal(
        augmented(white, strength=1, generator=chance()), torch.full((8, 3, 16, 16), 255.0)
    )
    black = torch.zeros((64, 16, 16, 3), dtype=torch.uint8)
    views = augmented(black, strength=1, generator=chance())
    assert float(views.max()) == 255.0  # a shift uncovered a border somewhere
    assert float((views < 64).float().mean()) > 0.8  # and only a border


def test_a_crop_shows_at_least_the_area_it_promises():
    """Of a left half in black, a view of 60 % of the area or more cannot show white alone."""
    halves = torch.full((200, 32, 32, 3), 255, dtype=torch.uint8)
    halves[:, :, :16] = 0
    dark = (augmented(halves, strength=1, generator=chance()) < 128).float().mean((1, 2, 3))
    assert float(dark.min()) > 0.1
    assert float(dark.max()) < 0.9


@pytest.mark.parametrize("side", [12, 40])
def test_views_have_the_side_asked_for(side):
    for strength in (0, 1):
        views = augmented(photos(2), strength=strength, generator=chance(), side=side)
        assert views.shape == (2, 3, side, side)
