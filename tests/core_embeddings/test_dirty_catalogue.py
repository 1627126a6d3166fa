"""Fifty bad inputs in one catalogue: each is named in the rejects, every good row goes on."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core_embeddings.catalogue import read_catalogue
from core_embeddings.columns import REJECT_COLUMNS
from core_embeddings.rejects import VALUE_LIMIT, is_warning
from core_embeddings.writing import write_table

MAX_PIXELS = 2_500


def encoded(kind: str, size: tuple[int, int] = (24, 24)) -> bytes:
    noise = np.random.default_rng(sum(size)).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format=kind)
    return buffer.getvalue()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A table's folder with good and bad images, beside a folder that is none of its business."""
    folder, outside = tmp_path / "shop", tmp_path / "outside"
    (folder / "sub" / "folder.png").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.png").write_bytes(encoded("PNG", (5, 5)))
    for name, kind in [("a.png", "PNG"), ("b.jpg", "JPEG")]:
        (folder / name).write_bytes(encoded(kind))
    (folder / "html.png").write_bytes(b"<html>not found</html>")
    (folder / "empty.png").write_bytes(b"")
    (folder / "half.jpg").write_bytes(encoded("JPEG")[:400])
    (folder / "half.png").write_bytes(encoded("PNG")[:700])
    (folder / "scan.tiff").write_bytes(encoded("TIFF"))
    (folder / "posing.png").write_bytes(encoded("TIFF"))
    (folder / "icon.ico").write_bytes(encoded("ICO", (16, 16)))
    (folder / "huge.png").write_bytes(encoded("PNG", (51, 50)))
    (folder / "link.png").symlink_to(outside / "secret.png")
    (folder / "link_folder").symlink_to(outside, target_is_directory=True)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "dangling.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "pipe.png")
    return folder


BAD_IMAGES = {
    "missing.png": "does not exist",
    "html.png": "not an image",
    "empty.png": "empty|not an image",
    "half.jpg": "truncated",
    "half.png": "truncated",
    "scan.tiff": "TIFF is not allowed",
    "posing.png": "TIFF is not allowed",
    "icon.ico": "ICO is not allowed|not an image",
    "huge.png": "2550 pixels, limit 2500",
    "../outside/secret.png": "outside the images folder",
    "sub/../../outside/secret.png": "outside the images folder",
    "..\\outside\\secret.png": "outside the images folder",
    "/etc/passwd": "absolute path",
    "C:\\Windows\\win.ini": "absolute path",
    "\\\\server\\share\\a.png": "absolute path",
    "link.png": "through a symlink",
    "link_folder/secret.png": "through a symlink",
    "loop.png": "cannot be opened|does not exist",
    "dangling.png": "does not exist",
    "pipe.png": "not a file",
    "sub/folder.png": "not a file",
    "http://127.0.0.1:9/a.png": "URL",
    "file:///etc/passwd": "URL",
    "ftp://127.0.0.1/a.png": "URL",
    "simplecache::file:///etc/passwd": "URL",
    "data:image/png;base64,iVBORw0KGgo=": "does not exist",
    "a.png\x00.txt": "not a usable path",
    "\ud800.png": "not a usable path",
    "n" * 5_000 + ".png": "cannot be opened|does not exist",
}
"""Image cell -> what its reject must say."""

BAD_IDS = {
    "": "missing id",
    "   ": "missing id",
    "\u200b\u202e\x00": "missing id",
    "nul": "missing id",
}

GOOD_TITLES = {
    "emoji": ("红色连衣裙 👗🏽", "红色连衣裙 👗🏽"),
    "family": ("tee 👨‍👩‍👧", "tee 👨‍👩‍👧"),
    "zero_width": ("T\u200bshi\ufeffrt", "Tshirt"),
    "bidi": ("\u202eshoe\u2066s\u2069", "shoes"),
    "nul": ("bo\x00ot\x1bs", "boots"),
    "newlines": ("a\r\n b\t\u2028c", "a b c"),
    "surrogate": ("hat \ud83d", "hat \ufffd"),
    "decomposed": ("e\u0301te\u0301", "été"),
    "long": ("x" * 100_000, "x" * 1_000),
    "formula": ('=HYPERLINK("x")', '=HYPERLINK("x")'),
    "markup": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "sql": ("'; DROP TABLE products; --", "'; DROP TABLE products; --"),
}
"""Id -> raw title, and what must come out."""


def dirty_lines() -> tuple[list[str], dict[int, str]]:
    """Return JSON lines, and for each bad row its expected reason (a pattern)."""
    lines: list[str] = []
    expected: dict[int, str] = {}

    def add(line: object, reason: str = "") -> None:
        lines.append(line if isinstance(line, str) else json.dumps(line))
        if reason:
            expected[len(lines)] = reason

    for product, (raw, _) in GOOD_TITLES.items():
        add({"product_id": product, "title": raw, "image": "a.png", "price": 5})
    for place, (cell, reason) in enumerate(BAD_IMAGES.items()):
        add({"product_id": f"kept{place}", "title": "words", "image": cell, "price": 5}, reason)
        add({"product_id": f"lost{place}", "image": cell}, reason)
    for identity, reason in BAD_IDS.items():
        add({"product_id": None if identity == "nul" else identity, "title": "words"}, reason)
    add({"title": "words without an id"}, "missing id")
    add({"product_id": "emoji", "title": "again"}, "duplicate id")
    add({"product_id": " emoji\u200b ", "title": "again, in disguise"}, "duplicate id")
    add({"product_id": "nothing"}, "neither text nor a readable image")
    add({"product_id": "blanks", "title": " ", "description": "\u200b"}, "neither text")
    add({"product_id": "category only", "category": "Shoes"}, "neither text")
    for place, price in enumerate(("cheap", "1,299.00", "1e999", "0x10", "--", "12 EUR")):
        add({"product_id": f"price{place}", "title": "words", "price": price}, "not a number")
    add({"product_id": "infinite", "title": "words", "price": float("inf")}, "not a number")
    for line in ("{", "[1, 2]", "null", '"text"', "{'a': 1}", "[" * 100_000):
        add(line, "JSON")
    for place in range(40):
        add({"product_id": 7_000 + place, "title": "words", "image": "b.jpg", "price": place + 0.5})
    return lines, expected


@pytest.fixture
def dirty(shop: Path) -> tuple[Path, dict[int, str]]:
    lines, expected = dirty_lines()
    (shop / "dirty.jsonl").write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    return shop / "dirty.jsonl", expected


def test_every_bad_row_is_named_with_its_reason_and_no_good_row_is(dirty):
    path, expected = dirty
    rejects = read_catalogue(path, max_pixels=MAX_PIXELS).rejects
    reasons = rejects.groupby("row")["reason"].agg(" ".join)
    assert len(expected) >= 50
    assert set(reasons.index) == set(expected)
    for row, pattern in expected.items():
        assert pd.Series([reasons[row]]).str.contains(pattern, regex=True).all(), (row, pattern)


def test_every_good_row_goes_on_and_a_bad_image_leaves_the_text(dirty):
    path, _ = dirty
    rows = read_catalogue(path, max_pixels=MAX_PIXELS).rows.set_index("product_id")
    good = {*GOOD_TITLES, *(f"kept{place}" for place in range(len(BAD_IMAGES)))}
    good |= {*(str(7_000 + place) for place in range(40)), *(f"price{p}" for p in range(6))}
    assert set(rows.index) == good | {"infinite"}
    assert {name: rows.title[name] for name in GOOD_TITLES} == {
        name: clean for name, (_, clean) in GOOD_TITLES.items()
    }
    assert all(rows.image[f"kept{place}"] == () for place in range(len(BAD_IMAGES)))
    assert rows.price.dtype == np.float64
    assert rows.price[[f"price{place}" for place in range(6)]].isna().all()


def test_a_warning_is_told_from_a_loss_by_its_ending(dirty):
    path, _ = dirty
    rows, rejects = read_catalogue(path, max_pixels=MAX_PIXELS)
    kept = rejects[rejects.product_id.str.startswith("kept")]
    assert kept.reason.str.endswith("; product kept as text only").all()
    assert is_warning(kept).all()
    lost = rejects[rejects.product_id.str.startswith("lost")]
    assert not is_warning(lost).any()
    assert set(rejects.product_id[is_warning(rejects)]) <= set(rows.product_id)


def test_rejects_are_plain_text_that_can_be_stored(dirty, tmp_path):
    path, _ = dirty
    rejects = read_catalogue(path, max_pixels=MAX_PIXELS).rejects
    assert tuple(rejects.columns) == REJECT_COLUMNS
    assert rejects["row"].is_monotonic_increasing
    assert rejects["value"].str.len().max() <= VALUE_LIMIT
    for name in ("r.parquet", "r.csv", "r.jsonl"):
        write_table(rejects, tmp_path / name)
