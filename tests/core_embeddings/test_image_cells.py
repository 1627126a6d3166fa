from pathlib import Path

import pytest

from core_embeddings.image_cells import ImageFolder, image_names, images_folder


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("a.png | b.png||a.png", ["a.png", "b.png"]),
        (["a.png", None, "b.png"], ["a.png", "b.png"]),
        ("", []),
        (None, []),
        (float("nan"), []),
    ],
)
def test_a_cell_names_each_image_once(cell, names):
    assert image_names(cell) == names


def test_paths_are_relative_to_the_given_folder_or_the_tables_own(tmp_path):
    assert images_folder(tmp_path / "t.csv", None) == tmp_path
    assert images_folder(f"file://{tmp_path}/t.csv", None) == tmp_path
    assert images_folder("https://host/t.csv", None) is None
    assert images_folder("https://host/t.csv", tmp_path) == tmp_path
    assert images_folder("t.csv", None) == Path()


def test_a_folder_with_a_common_prefix_is_still_outside(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop2").mkdir()
    (tmp_path / "shop2" / "a.png").write_bytes(b"x")
    checked = ImageFolder(tmp_path / "shop").check(["../shop2/a.png", ".", "sub/.."])
    assert checked["../shop2/a.png"].problem == "outside the images folder"
    assert checked["."].problem == checked["sub/.."].problem == "not a file"
    assert all(image.path == image.digest == "" for image in checked.values())
