"""Clean tables: every format and type reads alike, columns map, images resolve."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core_embeddings.catalogue import read_catalogue
from core_embeddings.errors import TableError
from core_embeddings.writing import write_table


def encoded(kind: str, size: tuple[int, int] = (24, 24)) -> bytes:
    noise = np.random.default_rng(sum(size)).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format=kind)
    return buffer.getvalue()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A table's folder with images."""
    folder = tmp_path / "shop"
    (folder / "sub").mkdir(parents=True)
    for name, kind in [("a.png", "PNG"), ("b.jpg", "JPEG"), ("sub/c.png", "PNG")]:
        (folder / name).write_bytes(encoded(kind))
    (folder / "just_right.png").write_bytes(encoded("PNG", (50, 50)))
    (folder / "inside_link.png").symlink_to(folder / "a.png")
    return folder


def test_readable_images_come_as_absolute_paths_with_digests(shop):
    cells = ["a.png|sub/c.png", "sub/../a.png", "inside_link.png", "just_right.png", "sub\\c.png"]
    table = pd.DataFrame({"product_id": list("vwxyz"), "image": cells})
    table.to_parquet(shop / "t.parquet")
    rows, rejects = read_catalogue(shop / "t.parquet", max_pixels=50 * 50)
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


def test_text_in_another_language_is_text_and_alone_it_is_enough(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "product_id": ["a", "b", "c"],
            "title": ["red dress", None, None],
            "title_zh": ["红色\u200b连衣裙", "牛仔裤", None],
            "description_en": [None, None, 7],
            "title_long": ["1", "2", "3"],
        }
    )
    path = tmp_path / "catalogue.csv"
    frame.to_csv(path, index=False)
    rows = read_catalogue(path).rows
    assert rows["product_id"].tolist() == ["a", "b", "c"]
    assert rows["title_zh"].tolist() == ["红色连衣裙", "牛仔裤", ""]
    assert rows["description_en"].tolist()[:2] == ["", ""]
    assert rows["title_long"].tolist() == [1, 2, 3]
