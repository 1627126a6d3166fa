import io
import os
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core_embeddings.artefact import digest_file
from core_embeddings.errors import ConfigError, ImageError
from core_embeddings.images import (
    check_image,
    decode_image,
    read_pixels,
    resize_pixels,
)

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP"]
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(width=60, height=40, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def write(folder, content, name="image"):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_check_image_of_a_sound_file_returns_the_digest_of_its_bytes(tmp_path, kind):
    path = write(tmp_path, encoded(noise(), kind))
    assert check_image(path) == digest_file(path)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.03, 0.5, 0.9, 0.98])
def test_check_image_of_a_file_cut_anywhere_says_truncated(tmp_path, kind, share):
    content = encoded(noise(200, 150), kind)
    path = write(tmp_path, content[: int(len(content) * share)])
    with pytest.raises(ImageError, match="truncated"):
        check_image(path)


def test_check_image_finds_a_progressive_jpeg_cut_short(tmp_path):
    content = encoded(noise(200, 150), "JPEG", progressive=True)
    with pytest.raises(ImageError, match="truncated"):
        check_image(write(tmp_path, content[: len(content) * 9 // 10]))


def test_check_image_of_nothing_there_says_does_not_exist(tmp_path):
    with pytest.raises(ImageError, match=r"^does not exist$"):
        check_image(tmp_path / "absent.png")


def test_check_image_of_a_folder_or_a_pipe_says_not_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ImageError, match=r"^is not a file$"):
            check_image(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"title,price\nshirt,3\n", "not an image"),
        (b"BM is also how a text may begin", "not an image"),
        (encoded(noise(), "TIFF"), "format TIFF is not allowed"),
        (encoded(noise(), "ICO"), "format ICO is not allowed"),
        (b"%PDF-1.7\n", "format PDF is not allowed"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "format SVG is not allowed"),
        (b"\0\0\0\x1cftypavif", "format AVIF is not allowed"),
    ],
)
def test_check_image_names_what_is_wrong_with_the_first_bytes(tmp_path, content, reason):
    with pytest.raises(ImageError, match=f"^{reason}$"):
        check_image(write(tmp_path, content))


def test_pixel_limit_holds_to_the_pixel(tmp_path):
    path = write(tmp_path, encoded(noise(60, 40)))
    assert check_image(path, max_pixels=2400)
    with pytest.raises(ImageError, match=r"^2400 pixels, limit 2399$"):
        check_image(path, max_pixels=2399)
    with pytest.raises(ImageError, match=r"^2400 pixels, limit 2399$"):
        decode_image(path, max_pixels=2399)


def test_a_decompression_bomb_is_refused_by_its_header():
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + check

    header = (50_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(ImageError, match=r"^2500000000 pixels, limit 64000000$"):
        decode_image(bomb)


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(FORMATS), place=st.floats(0, 1), junk=st.binary(max_size=30))
def test_damaged_bytes_decode_or_raise_image_error_and_nothing_else(kind, place, junk):
    content = bytearray(encoded(noise(20, 12), kind))
    start = int(place * len(content))
    content[start : start + len(junk)] = junk
    try:
        assert decode_image(bytes(content), max_pixels=10_000).mode == "RGB"
    except ImageError as error:
        assert str(error)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation):
    corners = np.zeros((16, 24, 3), dtype=np.uint8)
    corners[:8, :12] = 255  # white in the upper left corner of the upright picture
    turned = {
        1: corners,
        2: corners[:, ::-1],
        3: corners[::-1, ::-1],
        4: corners[::-1],
        5: corners.swapaxes(0, 1),
        6: np.rot90(corners),
        7: np.rot90(corners, 2).swapaxes(0, 1),
        8: np.rot90(corners, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(np.ascontiguousarray(turned)), "PNG", exif=exif)
    np.testing.assert_array_equal(np.asarray(decode_image(content)), corners)


def palette_with_transparency():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((3, 3), 1)
    return encoded(image, "PNG", transparency=0)


@pytest.mark.parametrize(
    ("content", "corner"),
    [
        (encoded(Image.new("RGBA", (4, 4), (0, 0, 255, 0))), WHITE),
        (encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 51))), (255, 204, 204)),
        (encoded(Image.new("LA", (4, 4), (0, 0))), WHITE),
        (encoded(Image.new("RGB", (4, 4), BLUE), transparency=BLUE), WHITE),
        (palette_with_transparency(), WHITE),
        (encoded(Image.new("1", (4, 4), 1)), WHITE),
        (encoded(Image.new("L", (4, 4), 77)), (77, 77, 77)),
        (encoded(Image.new("I;16", (4, 4), 0x8080)), (128, 128, 128)),
        (encoded(Image.new("I;16", (4, 4), 0x0300)), (3, 3, 3)),
        (encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG"), WHITE),
        (encoded(Image.new("P", (4, 4), 0), "GIF"), (0, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb_on_white(content, corner):
    image = decode_image(content)
    assert image.mode == "RGB"
    assert image.getpixel((0, 0)) == corner


def test_palette_colours_that_are_not_transparent_stay():
    assert decode_image(palette_with_transparency()).getpixel((3, 3)) == BLUE


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    for kind in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert decode_image(content).getpixel((4, 4)) == RED


def test_at_least_keeps_that_many_pixels_and_about_the_same_picture():
    ramp = np.linspace(0, 255, 800).astype(np.uint8)
    content = encoded(
        Image.fromarray(np.tile(ramp[None, :, None], (400, 1, 3))), "JPEG", quality=95
    )
    small = decode_image(content, at_least=100)
    assert small.size == (200, 100)
    full = decode_image(content).resize(small.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(small, dtype=int) - np.asarray(full, dtype=int)).max() <= 4


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    size=st.integers(1, 40),
    mode=st.sampled_from(["fixed", "crop", "pad"]),
)
def test_resize_always_gives_a_square_of_bytes_and_keeps_a_plain_colour(width, height, size, mode):
    pixels = resize_pixels(Image.new("RGB", (width, height), WHITE), size, mode)
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == 255).all()


def three_bands():
    """Red, green and blue thirds, side by side: 90 x 30."""
    return Image.fromarray(
        np.repeat(np.array([[RED, GREEN, BLUE]], dtype=np.uint8), 30, 1).repeat(30, 0)
    )


def test_fixed_squashes_crop_cuts_the_centre_and_pad_adds_white():
    fixed, crop, pad = (resize_pixels(three_bands(), 30, mode) for mode in ("fixed", "crop", "pad"))
    assert [tuple(fixed[15, column]) for column in (4, 15, 25)] == [RED, GREEN, BLUE]
    assert (crop == GREEN).all()
    assert [tuple(pad[15, column]) for column in (4, 15, 25)] == [RED, GREEN, BLUE]
    assert (pad[:10] == 255).all() and (pad[20:] == 255).all()


def test_resize_refuses_an_unknown_mode_and_an_empty_square():
    with pytest.raises(ConfigError, match="resize must be one of fixed, crop, pad; got 'stretch'"):
        resize_pixels(three_bands(), 30, "stretch")
    with pytest.raises(ConfigError, match="at least 1 pixel; got 0"):
        resize_pixels(three_bands(), 0, "pad")


def test_read_pixels_is_decoding_and_resizing_and_carries_the_reason_of_a_failure(tmp_path):
    path = write(tmp_path, encoded(noise()))
    found = read_pixels(path, size=9, mode="pad")
    expected = resize_pixels(decode_image(path, at_least=18), 9, "pad")
    np.testing.assert_array_equal(found.pixels, expected)
    absent = read_pixels(tmp_path / "absent.png", size=9, mode="pad")
    assert (absent.pixels, absent.error) == (None, "does not exist")
