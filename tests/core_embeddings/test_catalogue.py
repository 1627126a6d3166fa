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
from core_embeddings.errors import TableError
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
    for name, kind in [("a.png", "PNG"), ("b.jpg", "JPEG"), ("sub/c.png", "PNG")]:
        (folder / name).write_bytes(encoded(kind))
    (folder / "html.png").write_bytes(b"<html>not found</html>")
    (folder / "empty.png").write_bytes(b"")
    (folder / "half.jpg").write_bytes(encoded("JPEG")[:400])
    (folder / "half.png").write_bytes(encoded("PNG")[:700])
    (folder / "scan.tiff").write_bytes(encoded("TIFF"))
    (folder / "posing.png").write_bytes(encoded("TIFF"))
    (folder / "icon.ico").write_bytes(encoded("ICO", (16, 16)))
    (folder / "huge.png").write_bytes(encoded("PNG", (51, 50)))
    (folder / "just_right.png").write_bytes(encoded("PNG", (50, 50)))
    (folder / "inside_link.png").symlink_to(folder / "a.png")
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


def test_readable_images_come_as_absolute_paths_with_digests(shop):
    cells = ["a.png|sub/c.png", "sub/../a.png", "inside_link.png", "just_right.png", "sub\\c.png"]
    table = pd.DataFrame({"product_id": list("vwxyz"), "image": cells})
    table.to_parquet(shop / "t.parquet")
    rows, rejects = read_catalogue(shop / "t.parquet", max_pixels=MAX_PIXELS)
    assert rejects.empty
    assert rows.image[0] == (str(shop / "a.png"), str(shop / "sub" / "c.png"))
    assert rows.image_digest[0][0] == rows.image_digest[1][0] == rows.image_digest[2][0]
    assert rows.image[4] == (str(shop / "sub" / "c.png"),)
    assert all(len(p) == len(d) for p, d in zip(rows.image, rows.image_digest, strict=True))


def test_one_bad_image_of_several_leaves_the_others(shop):
    table = pd.DataFrame({"product_id": ["p"], "image": ["a.png|missing.png"]})
    table.to_parquet(shop / "t.parquet")
    rows, rejects = read_catalogue(shop / "t.parquet")
    assert rows.image[0] == (str(shop / "a.png"),)
    assert rejects.reason.tolist() == ["does not exist; product kept with its other images"]


def test_progress_counts_each_distinct_image_once(shop):
    table = pd.DataFrame({"product_id": list("abc"), "image": ["a.png", "b.jpg|a.png", "a.png"]})
    table.to_parquet(shop / "t.parquet")
    seen: list[tuple[int, int]] = []
    read_catalogue(shop / "t.parquet", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_an_unusable_row_does_not_take_the_id_from_a_usable_one(tmp_path):
    (tmp_path / "t.csv").write_text("product_id,title\n1,\n1,good\n1,late\n")
    rows, rejects = read_catalogue(tmp_path / "t.csv")
    assert rows.title.tolist() == ["good"]
    assert rejects["row"].tolist() == [1, 3]


def test_category_levels_are_normalised(tmp_path):
    (tmp_path / "t.csv").write_text(
        "product_id,title,category\n1,a,Shoes>Boots \n2,b, Shoes  > > Boots>\n3,c,Shoes＞Boots\n"
    )
    assert set(read_catalogue(tmp_path / "t.csv").rows.category) == {"Shoes > Boots"}


def test_columns_can_be_mapped_and_the_displaced_one_is_kept(tmp_path):
    (tmp_path / "t.csv").write_text("sku,title,name_zh\n1,dress,连衣裙\n")
    mapping = {"product_id": "sku", "title": "name_zh"}
    row = read_catalogue(tmp_path / "t.csv", columns=mapping).rows.iloc[0]
    assert (row.product_id, row.title, row.title_original) == ("1", "连衣裙", "dress")
    with pytest.raises(TableError, match=r"no column 'nam_zh'.*did you mean 'name_zh'"):
        read_catalogue(tmp_path / "t.csv", columns={"title": "nam_zh"})


def test_one_table_reads_alike_from_every_format(tmp_path, shop):
    table = pd.DataFrame(
        {
            "product_id": ["0007", "8", "9"],
            "title": ["连衣裙", 'say "hi",\nthere', "c"],
            "image": ["a.png", "", "b.jpg|a.png"],
            "price": [1.5, np.nan, 3.0],
            "stock": [1, 2, 30],
            "tags": ["x|y", "", "z"],
            "code": ["01", "02", "03"],
            "split": ["train", "test", ""],
        }
    )
    frames = []
    for name in ("t.parquet", "t.csv", "t.jsonl", "t.csv.gz", "t.jsonl.gz"):
        write_table(table, tmp_path / name)
        loaded = read_catalogue(tmp_path / name, images=shop)
        assert loaded.rejects.empty
        frames.append(loaded.rows)
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])
    assert frames[0].product_id.tolist() == ["0007", "8", "9"]
    assert frames[0].stock.dtype == np.int64
    assert frames[0].code.tolist() == ["01", "02", "03"]


def test_parquet_types_of_every_kind_are_taken(tmp_path):
    table = pd.DataFrame(
        {
            "product_id": pd.array([10**17 + 1, 2], dtype="Int64"),
            "title": pd.Series(["a", "b"], dtype="string"),
            "category": pd.Series([["A", "B"], None], dtype=object),
            "brand": pd.Categorical(["x", None]),
            "size": pd.array([1, None], dtype="Int64"),
            "organic": pd.array([True, None], dtype="boolean"),
            "colors": pd.Series([["red", "blue"], []], dtype=object),
            "extra": pd.Series([{"k": 1}, None], dtype=object),
            "since": pd.to_datetime(["2020-01-01", None]),
        }
    )
    table.to_parquet(tmp_path / "t.parquet")
    rows = read_catalogue(tmp_path / "t.parquet").rows
    first = rows.iloc[0]
    assert rows.product_id.tolist() == ["100000000000000001", "2"]
    assert (first.category, first.brand, first["size"]) == ("A > B", "x", 1.0)
    assert (first.organic, first.colors, first.extra) == ("true", "red|blue", '{"k": 1}')
    assert (rows.brand[1], rows.organic[1], rows.colors[1], rows.since[1]) == ("", "", "", "")
    assert np.isnan(rows["size"][1])


def test_url_images_are_fetched_only_when_asked_for(tmp_path, monkeypatch):
    import fsspec

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with fsspec.open("memory://shop/a.png", "wb") as stream:
        stream.write(encoded("PNG"))
    urls = ["memory://shop/a.png", "memory://shop/none.png", "file:///etc/passwd"]
    table = pd.DataFrame({"product_id": list("abc"), "title": "t", "image": urls})
    table.to_parquet(tmp_path / "t.parquet")
    assert read_catalogue(tmp_path / "t.parquet").rejects.reason.str.contains("--allow-url").all()
    rows, rejects = read_catalogue(tmp_path / "t.parquet", allow_url_images=True)
    assert Path(rows.image[0][0]).read_bytes() == encoded("PNG")
    assert rejects.reason.str.contains(
        "cannot be fetched|'file', which is not allowed"
    ).tolist() == [
        True,
        True,
    ]


def test_a_table_at_a_url_needs_an_images_folder(shop):
    import fsspec

    with fsspec.open("memory://tables/t.csv", "wb") as stream:
        stream.write(b"product_id,title,image\n1,words,a.png\n")
    assert len(read_catalogue("memory://tables/t.csv", images=shop).rows.image[0]) == 1
    rejects = read_catalogue("memory://tables/t.csv").rejects
    assert rejects.reason.str.contains("no images folder was given").all()
    with pytest.raises(TableError, match="is not a folder; check --images"):
        read_catalogue("memory://tables/t.csv", images=shop / "a.png")


def test_a_catalogue_of_bad_rows_only_is_empty_not_fatal(tmp_path):
    (tmp_path / "t.csv").write_text("product_id,title,price\n,a,1\n2,,2\n")
    rows, rejects = read_catalogue(tmp_path / "t.csv")
    assert len(rows) == 0
    assert {"product_id", "title", "image", "image_digest", "price"} <= set(rows.columns)
    assert len(rejects) == 2


def test_a_mapping_meant_for_another_table_of_the_command_is_passed_over(tmp_path):
    (tmp_path / "t.csv").write_text("product_id,name,when\n1,dress,2020\n")
    mapping = {"product_id": "item", "title": "name", "user_id": "uid", "timestamp": "when"}
    row = read_catalogue(tmp_path / "t.csv", columns=mapping).rows.iloc[0]
    assert (row.product_id, row.title, row.when) == ("1", "dress", 2020)
