"""What can be wrong with a catalogue row, one of each kind, and what a reader makes of it."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final, Literal

from core_embeddings.columns import Columns
from tuwen.sample_products import Product

Outcome = Literal["rejected", "text only", "blanked", "cleaned"]


@dataclass(frozen=True)
class Dirt:
    """One planted problem.

    Parameters
    ----------
    kind
        Its name; also what goes wrong.
    column
        Where it sits.
    outcome
        ``rejected``: the row is dropped. ``text only``: it stays without its picture. ``blanked``:
        it stays, the cell is empty. ``cleaned``: it stays, the text is repaired; nothing is
        reported. All but the last give a row in the rejects table.
    image
        Path to put in the image cell instead of the good one; ``{}`` takes the id.
    payload
        What to write there: ``truncated``, ``text``, ``svg``, ``huge``, or "" for no file.
    textless
        Whether the texts are emptied too.
    """

    kind: str
    column: str
    outcome: Outcome
    image: str | None = None
    payload: str = ""
    textless: bool = False

    @property
    def stays(self) -> bool:
        """Whether the product survives."""
        return self.outcome != "rejected"


_IMG: Final = Columns.IMAGE

DIRT: Final = (
    Dirt("duplicate id", Columns.PRODUCT, "rejected"),
    Dirt("missing id", Columns.PRODUCT, "rejected"),
    Dirt("blank id", Columns.PRODUCT, "rejected"),
    Dirt("no text and no image", _IMG, "rejected", image="", textless=True),
    Dirt("truncated image, no text", _IMG, "rejected", "images/{}.jpg", "truncated", textless=True),
    Dirt("absolute path, no text", _IMG, "rejected", "/tuwen-outside/{}.jpg", textless=True),
    Dirt("truncated image", _IMG, "text only", "images/{}.jpg", "truncated"),
    Dirt("text named .jpg", _IMG, "text only", "images/{}.jpg", "text"),
    Dirt("refused format", _IMG, "text only", "images/{}.png", "svg"),
    Dirt("too many pixels", _IMG, "text only", "images/{}.png", "huge"),
    Dirt("path traversal", _IMG, "text only", "../{}.jpg"),
    Dirt("hidden path traversal", _IMG, "text only", "images/../../{}.jpg"),
    Dirt("image file missing", _IMG, "text only", "images/{}-missing.jpg"),
    Dirt("image is a URL", _IMG, "text only", "https://shop.example/{}.jpg"),
    Dirt("price does not parse", "price", "blanked"),
    Dirt("title of 100,000 characters", Columns.TITLE, "cleaned"),
    Dirt("NUL in title", Columns.TITLE, "cleaned"),
    Dirt("bidi and zero-width characters in title", Columns.TITLE, "cleaned"),
)


def spoil(product: Product, dirt: Dirt, *, first_id: str) -> dict[str, str]:
    """Return the cells of a good product with one problem planted.

    Parameters
    ----------
    product
        A product with text and one picture.
    dirt
        What to plant.
    first_id
        An id that an earlier row has, for the duplicate.
    """
    cells = product.cells()
    title = cells[Columns.TITLE]
    planted = {
        "duplicate id": {Columns.PRODUCT: first_id},
        "missing id": {Columns.PRODUCT: ""},
        "blank id": {Columns.PRODUCT: "  "},
        "price does not parse": {"price": "面议"},
        "title of 100,000 characters": {Columns.TITLE: (title + " ") * (100_000 // len(title) + 1)},
        "NUL in title": {Columns.TITLE: title[:3] + "\x00" + title[3:] + "\x00"},
        "bidi and zero-width characters in title": {
            Columns.TITLE: "\u202e\u200b" + "\u200b".join(title) + "\u202c\ufeff"
        },
    }
    cells |= planted.get(dirt.kind, {})
    if dirt.image is not None:
        cells[Columns.IMAGE] = dirt.image.format(product.product_id)
    if dirt.textless:
        cells |= dict.fromkeys((Columns.TITLE, Columns.DESCRIPTION, Columns.BRAND), "")
    return cells


def payload_bytes(payload: str, picture: bytes) -> bytes:
    """Return the bytes of a bad image file; ``picture`` is a good one to damage."""
    if payload == "truncated":
        return picture[: len(picture) // 2]
    if payload == "svg":
        return b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z"/></svg>\n'
    if payload == "huge":
        return _huge_png(30_000)
    return "这不是图片 / this is not a picture\n".encode()


def _huge_png(side: int) -> bytes:
    """Return a PNG of a few dozen bytes that declares ``side`` × ``side`` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(b"\x00" * 64)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
