import pytest
from PIL import Image

from core_embeddings.image_cells import ImageFolder
from core_embeddings.known_images import KnownImages


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for place, color in enumerate(("red", "blue")):
        Image.new("RGB", (20, 10), color).save(folder / f"{place}.png")
    (folder / "bad.png").write_bytes((folder / "0.png").read_bytes()[:40])
    return folder


def decoded(monkeypatch):
    """Return the names of the images that are decoded from now on."""
    from core_embeddings import images

    names, real = [], images.verify_image

    def spy(path, **limits):
        names.append(path.name)
        real(path, **limits)

    monkeypatch.setattr(images, "verify_image", spy)
    return names


def test_a_good_image_is_decoded_once_and_a_bad_one_every_time(pictures, tmp_path, monkeypatch):
    names = decoded(monkeypatch)
    asked = ["0.png", "1.png", "bad.png"]
    first = ImageFolder(pictures, known=KnownImages(tmp_path / "cache")).check(asked)
    assert sorted(names) == asked
    names.clear()
    again = ImageFolder(pictures, known=KnownImages(tmp_path / "cache")).check(asked)
    assert names == ["bad.png"]
    assert again == first
    assert first["bad.png"].problem
    assert not first["0.png"].problem


def test_changed_bytes_and_a_lower_limit_are_looked_at_again(pictures, tmp_path, monkeypatch):
    known = KnownImages(tmp_path / "cache")
    ImageFolder(pictures, known=known).check(["0.png", "1.png"])
    names = decoded(monkeypatch)
    Image.new("RGB", (20, 10), "green").save(pictures / "1.png")
    ImageFolder(pictures, known=known).check(["0.png", "1.png"])
    assert names == ["1.png"]
    found = ImageFolder(pictures, known=known, max_pixels=100).check(["0.png"])
    assert found["0.png"].problem == "200 pixels, limit 100"


def test_without_a_folder_nothing_is_remembered(pictures, monkeypatch):
    names = decoded(monkeypatch)
    for _ in range(2):
        ImageFolder(pictures).check(["0.png"])
    assert names == ["0.png", "0.png"]
    assert KnownImages(None).among(["a"], max_pixels=1) == set()


def test_the_reasons_name_what_is_wrong(pictures):
    (pictures / "empty.png").touch()
    found = ImageFolder(pictures).check(["none.png", "empty.png", "bad.png"])
    assert found["none.png"].problem == "does not exist"
    assert found["empty.png"].problem == "empty file"
    assert found["bad.png"].problem == "truncated or damaged"
