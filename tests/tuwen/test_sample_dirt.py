"""Planted problems: each kind is what its name says, and nothing else is touched."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from tuwen.sample_dirt import DIRT, payload_bytes, spoil
from tuwen.sample_products import Product, plan_products
from tuwen.sample_render import render, to_bytes


@pytest.fixture(scope="module")
def product() -> Product:
    return plan_products(1, np.random.default_rng(0), prefix="X", plain=True)[0]


@pytest.fixture(scope="module")
def picture(product: Product) -> bytes:
    return to_bytes(render(product.design.look, np.random.default_rng(0)), ".jpg")


def _planted(product: Product, kind: str) -> dict[str, str]:
    dirt = next(dirt for dirt in DIRT if dirt.kind == kind)
    return spoil(product, dirt, first_id="P00001")


@pytest.mark.parametrize("dirt", DIRT, ids=lambda dirt: dirt.kind)
def test_only_the_stated_column_changes_unless_the_text_is_emptied(product, dirt):
    before, after = product.cells(), spoil(product, dirt, first_id="P00001")
    changed = {name for name in before if before[name] != after[name]}
    texts = {"title", "description", "brand"} if dirt.textless else set()
    assert changed - texts <= {dirt.column}
    assert dirt.column in changed or dirt.payload


def test_kinds_are_unique_and_all_outcomes_occur():
    assert len({dirt.kind for dirt in DIRT}) == len(DIRT)
    assert {dirt.outcome for dirt in DIRT} == {"rejected", "text only", "blanked", "cleaned"}


def test_ids_are_duplicate_missing_or_blank(product):
    kinds = ("duplicate id", "missing id", "blank id")
    assert [_planted(product, kind)["product_id"] for kind in kinds] == ["P00001", "", "  "]


def test_titles_are_hostile_but_hold_the_good_title(product):
    assert len(_planted(product, "title of 100,000 characters")["title"]) >= 100_000
    nul = _planted(product, "NUL in title")["title"]
    assert nul.count("\x00") == 2
    assert nul.replace("\x00", "") == product.title
    hidden = _planted(product, "bidi and zero-width characters in title")["title"]
    assert {"\u202e", "\u200b", "\ufeff"} <= set(hidden)
    kept = "".join(letter for letter in hidden if letter not in "\u202e\u202c\u200b\ufeff")
    assert kept == product.title


def test_paths_lead_outside_or_nowhere(product):
    assert _planted(product, "path traversal")["image"].startswith("../")
    assert "/../../" in _planted(product, "hidden path traversal")["image"]
    assert _planted(product, "absolute path, no text")["image"].startswith("/")
    assert _planted(product, "image is a URL")["image"].startswith("https://shop.example/")


def test_a_price_in_words_is_no_number(product):
    with pytest.raises(ValueError, match="could not convert"):
        float(_planted(product, "price does not parse")["price"])


def test_a_truncated_picture_opens_and_then_breaks_off(picture):
    with (
        Image.open(io.BytesIO(payload_bytes("truncated", picture))) as image,
        pytest.raises(OSError, match="truncated"),
    ):
        image.load()


@pytest.mark.parametrize("payload", ["text", "svg"])
def test_other_files_are_no_pictures(payload, picture):
    with pytest.raises(UnidentifiedImageError, match="cannot identify"):
        Image.open(io.BytesIO(payload_bytes(payload, picture)))


def test_a_tiny_file_declares_nine_hundred_million_pixels(picture):
    content = payload_bytes("huge", picture)
    assert len(content) < 200
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Image.DecompressionBombError, match="900000000 pixels"):
            Image.open(io.BytesIO(content))
