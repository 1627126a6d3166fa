"""A plain JPEG decodes to Pillow's pixels; whatever is odd is left to Pillow."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

pytest.importorskip("simplejpeg", reason="the extra [fast] is not installed")

from core_embeddings import fast_jpeg
from core_embeddings.fast_jpeg import decode_plain_jpeg, fast_pixels
from core_embeddings.images import decode_image, read_pixels, resize_pixels

LIMIT = 10**7


def photo(width, height, seed=0):
    """A smooth picture with some grain."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    grain = generator.integers(-8, 9, smooth.shape)
    return Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))


def jpeg(image, **options):
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    at_least=st.integers(1, 150),
    quality=st.integers(10, 100),
    subsampling=st.integers(0, 2),
    progressive=st.booleans(),
)
def test_a_plain_jpeg_has_the_pixels_of_pillow_at_any_scale(
    width, height, at_least, quality, subsampling, progressive
):
    content = jpeg(
        photo(width, height), quality=quality, subsampling=subsampling, progressive=progressive
    )
    found = decode_plain_jpeg(content, at_least=at_least, max_pixels=LIMIT)
    np.testing.assert_array_equal(found, np.asarray(decode_image(content, at_least=at_least)))


@pytest.mark.parametrize(
    "size", [(60, 80), (80, 60), (400, 400), (301, 200), (128, 128), (900, 801)]
)
@pytest.mark.parametrize("mode", ["pad", "fixed"])
def test_the_square_is_that_of_pillow_to_a_level_or_two(size, mode):
    content = jpeg(photo(*size))
    found = fast_pixels(content, size=128, mode=mode, max_pixels=LIMIT).astype(int)
    expected = resize_pixels(decode_image(content), 128, mode)
    assert np.abs(found - expected).max() <= 2
    assert (found != expected).mean() < 0.01


def test_a_photo_is_decoded_in_full_unless_it_is_many_times_larger(monkeypatch):
    asked = []
    real = fast_jpeg.decode_plain_jpeg
    monkeypatch.setattr(
        fast_jpeg, "decode_plain_jpeg", lambda *a, **k: asked.append(real(*a, **k)) or asked[-1]
    )
    for side in (23 * 16, 24 * 16):
        fast_pixels(jpeg(photo(side, side)), size=16, mode="pad", max_pixels=LIMIT)
    assert [len(pixels) for pixels in asked] == [23 * 16, 12 * 16]


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(photo(40, 30), exif=exif)


def two_in_one():
    stream = io.BytesIO()
    photo(40, 30).save(stream, "MPO", save_all=True, append_images=[photo(40, 30, 1)])
    return stream.getvalue()


ODD = {
    "turned": turned(),
    "two in one": two_in_one(),
    "grey": jpeg(photo(40, 30).convert("L")),
    "four colours": jpeg(photo(40, 30).convert("CMYK")),
    "cut short": jpeg(photo(90, 90))[:-300],
    "a PNG": b"\x89PNG\r\n\x1a\n and more",
    "a mark and nothing": b"\xff\xd8\xff",
    "too large": jpeg(photo(400, 400)),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_left_to_pillow(name):
    assert fast_pixels(ODD[name], size=16, mode="pad", max_pixels=399 * 400) is None


@pytest.mark.parametrize("name", ["turned", "grey", "four colours"])
def test_what_is_left_to_pillow_has_pillows_pixels(name, tmp_path):
    path = tmp_path / "odd.jpg"
    path.write_bytes(ODD[name])
    expected = resize_pixels(decode_image(path, at_least=32), 16, "pad")
    np.testing.assert_array_equal(read_pixels(path, size=16, mode="pad").pixels, expected)


def test_a_file_cut_short_is_refused_with_pillows_reason(tmp_path):
    path = tmp_path / "torn.jpg"
    path.write_bytes(ODD["cut short"])
    found = read_pixels(path, size=16, mode="pad")
    assert (found.pixels, found.error) == (None, "truncated or damaged")


def test_cropping_is_left_to_pillow():
    assert fast_pixels(jpeg(photo(40, 30)), size=16, mode="crop", max_pixels=LIMIT) is None


def test_without_its_package_everything_is_left_to_pillow(monkeypatch):
    monkeypatch.setattr(fast_jpeg, "_simplejpeg", lambda: None)
    assert fast_pixels(jpeg(photo(40, 30)), size=16, mode="pad", max_pixels=LIMIT) is None
