"""The log: append-only, the last word counts, what is taken back or removed is gone."""

import json

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import ArtefactError
from core_embeddings.vector_table import VectorTable
from tuwen.corrections import Answer, Corrections, Version, cells_of, said


def version(number, *answers, **more):
    return Version(number, "2026-01-01T00:00:00+00:00", "taggers", answers, **more)


def vectors(*ids):
    here = np.ones(len(ids), dtype=bool)
    return VectorTable(list(ids), np.eye(len(ids), 3, dtype=np.float32), here, here, "f")


@pytest.fixture
def log(tmp_path):
    written = Corrections(tmp_path, 3)
    written.write(version(1, Answer("a", "color", "red", ""), Answer("b", "price", 2.5, None)))
    written.write(version(2, Answer("a", "color", "blue", "red")), vectors("a", "b"))
    written.write(version(3, Answer("c", "color", "red", "pink"), refitted=("color",)))
    return written


def test_versions_come_back_as_they_were_written(log):
    assert [one.number for one in log.versions()] == [1, 2, 3]
    assert log.versions()[0].answers[1] == Answer("b", "price", 2.5, None)
    assert log.versions()[2].refitted == ("color",)
    assert log.vectors_before(2).product_ids == ["a", "b"]
    assert log.vectors_before(1) is None


def test_the_last_word_on_a_cell_counts(log):
    final = {("a", "color"): "blue", ("b", "price"): 2.5, ("c", "color"): "red"}
    assert log.final() == final
    assert Corrections(log.folder.parent, 1).final()[("a", "color")] == "red"
    assert Corrections(log.folder.parent, 0).final() == {}


def test_what_was_taken_back_leaves_the_word_before_it(log):
    log.write(version(4, Answer("c", "color", "pink", "red"), undoes=3))
    log.write(version(5, Answer("a", "color", "red", "blue"), undoes=2))
    log.newest = 5
    assert log.final() == {("a", "color"): "red", ("b", "price"): 2.5}
    assert [one.number for one in log.standing()] == [1]
    states = [row.state for row in log.history()]
    assert states == ["stands", "taken back", "taken back", "takes back 3", "takes back 2"]


def test_the_digest_tells_what_stands_and_is_empty_without_a_word(log):
    assert Corrections(log.folder.parent, 0).digest() == ""
    before = Corrections(log.folder.parent, 2).digest()
    assert before and before != log.digest()
    log.write(version(4, Answer("c", "color", "pink", "red"), undoes=3))
    assert Corrections(log.folder.parent, 4).digest() == before


def test_a_version_that_was_cut_leaves_nothing_to_the_one_that_takes_its_number(log):
    cut = Corrections(log.folder.parent, 1)
    cut.write(version(2, Answer("b", "color", "red", "")))
    assert cut.vectors_before(2) is None


def test_a_removed_product_is_in_no_file(log):
    log.forget(["a"])
    assert {cell[0] for cell in log.final()} == {"b", "c"}
    assert log.vectors_before(2).product_ids == ["b"]
    assert log.vectors_before(2).vectors.tolist() == [[0, 1, 0]]
    assert all('"a"' not in file.read_text() for file in log.folder.glob("*.json"))


def test_a_damaged_version_says_which(log):
    path = log.folder / "0002.json"
    path.write_text(json.dumps({"number": 2}))
    with pytest.raises(ArtefactError, match=r"0002\.json is damaged"):
        log.versions()


def test_cells_are_written_without_changing_a_type_and_strangers_are_passed():
    frame = pd.DataFrame(
        {"product_id": ["a", "b"], "color": ["", "red"], "price": [1.0, 2.0], "stock": [1, 2]}
    )
    cells = {
        ("a", "color"): "blue",
        ("b", "price"): None,
        ("b", "stock"): 5,
        ("c", "color"): "red",
        ("a", "size"): "xl",
    }
    now = said(frame, cells)
    assert now["color"].tolist() == ["blue", "red"]
    assert now["stock"].tolist() == [1, 5]
    assert now["price"][0] == 1 and np.isnan(now["price"][1])
    assert now.dtypes.equals(frame.dtypes)
    assert frame["color"].tolist() == ["", "red"]
    assert cells_of(now, list(cells)[:3]) == ["blue", None, 5]


def test_a_value_fits_a_column_that_has_another_type_since_it_was_said():
    frame = pd.DataFrame({"product_id": ["a", "b"], "size": [40, 41], "note": ["", "x"]})
    assert said(frame, {("a", "size"): "42", ("b", "size"): "XL"})["size"].tolist() == [42, 41]
    assert said(frame, {("a", "size"): 42.5})["size"].tolist() == [42.5, 41]
    assert said(frame, {("a", "size"): 42.0})["size"].dtype.kind == "i"
    now = said(frame, {("a", "note"): 7.0, ("b", "note"): None})
    assert now["note"].tolist() == ["7", ""]
