"""The written sample: what is on disk agrees with what was planted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from core_embeddings.catalogue import read_catalogue
from core_embeddings.errors import ArtefactError, ConfigError
from core_embeddings.fields import numeric_fields, taggable_fields
from core_embeddings.interactions import read_interactions
from core_embeddings.queries import read_queries
from tuwen.sample import SampleSummary, write_sample

PRODUCTS, USERS = 120, 40


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> SampleSummary:
    return write_sample(
        tmp_path_factory.mktemp("sample") / "shop", products=PRODUCTS, users=USERS, seed=3
    )


@pytest.fixture(scope="module")
def truth(summary: SampleSummary) -> dict[str, Any]:
    return json.loads((summary.folder / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def catalogue(summary: SampleSummary) -> pd.DataFrame:
    return pd.read_parquet(summary.folder / "catalogue.parquet")


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_equal_arguments_give_equal_bytes_and_another_seed_gives_others(tmp_path):
    first, again, other = (
        write_sample(tmp_path / name, products=20, users=5, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert _bytes(first.folder) == _bytes(again.folder)
    assert _bytes(first.folder)["catalogue.parquet"] != _bytes(other.folder)["catalogue.parquet"]


def test_an_older_sample_is_replaced_and_leaves_no_stray_file(tmp_path):
    write_sample(tmp_path / "shop", products=30, users=5)
    smaller = write_sample(tmp_path / "shop", products=20, users=5)
    assert len(list((tmp_path / "shop" / "images").rglob("*.*"))) == smaller.images
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(ArtefactError, match="holds something else; name another --out"):
        write_sample(tmp_path, products=40, users=5)
    assert (tmp_path / "letters.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"products": 19}, "products must be at least 20; got 19"),
        ({"users": 0}, "users must be at least 1; got 0"),
        ({"seed": -1}, "seed must be at least 0; got -1"),
    ],
)
def test_a_number_out_of_range_is_refused(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        write_sample(tmp_path / "shop", **arguments)
    assert not (tmp_path / "shop").exists()


def test_counts_in_the_summary_are_those_on_disk(summary, truth, catalogue):
    interactions = pd.read_parquet(summary.folder / "interactions.parquet")
    queries = pd.read_parquet(summary.folder / "queries.parquet")
    files = [path for path in (summary.folder / "images").rglob("*") if path.is_file()]
    assert summary.products == PRODUCTS
    assert len(catalogue) == PRODUCTS + summary.dirty_products
    assert summary.dirty_products == len(truth["dirty_products"])
    assert summary.near_duplicates == len(truth["near_duplicates"]) == round(0.03 * PRODUCTS)
    assert len(interactions) == summary.interactions + summary.dirty_interactions
    assert queries["query_id"].nunique() == summary.queries
    assert len(queries) == summary.judgements
    assert len(files) == summary.images
    assert len(truth["user_tastes"]) == summary.users == USERS


def test_the_catalogue_is_broad_and_three_levels_deep(catalogue):
    paths = {path for path in catalogue["category"] if path}
    assert len(paths) >= 12
    assert {path.count(" > ") for path in paths} == {2}
    assert len({path.split(" > ")[0] for path in paths}) == 5


def test_ids_keep_leading_zeros(catalogue):
    assert {"0007", "0057", "0107"} <= set(catalogue["product_id"])


def test_every_good_picture_opens_and_no_other_file_does(summary, truth, catalogue):
    dirty = {item["row"] for item in truth["dirty_products"] if item["column"] == "image"}
    cells = catalogue["image"][[row + 1 not in dirty for row in catalogue.index]]
    paths = [path for cell in cells for path in cell.split("|") if path]
    for path in paths:
        with Image.open(summary.folder / path) as image:
            assert (image.size, image.mode) == ((144, 144), "RGB")
            image.load()
    assert any("|" in cell for cell in cells)


def test_a_repost_has_the_same_bytes_and_a_new_photograph_has_not(summary, truth, catalogue):
    pictures = catalogue.drop_duplicates("product_id").set_index("product_id")["image"]
    kinds = set()
    for pair in truth["near_duplicates"]:
        one, two = (
            (summary.folder / pictures[pair[key]].split("|")[0]).read_bytes()
            for key in ("product_id", "copy_of")
        )
        assert (one == two) is pair["same_picture"]
        kinds.add(pair["same_picture"])
    assert kinds == {True, False}


def test_the_reader_does_to_every_planted_row_what_the_truth_says(summary, truth):
    loaded = read_catalogue(summary.folder / "catalogue.parquet")
    rows = loaded.rows.set_index("product_id")
    reported = set(loaded.rejects["row"].astype(int))
    for item in truth["dirty_products"]:
        name, outcome = item["product_id"], item["outcome"]
        assert (name in rows.index) is (outcome != "rejected"), item
        assert (item["row"] in reported) is (outcome != "cleaned"), item
        if outcome != "rejected":
            assert (len(rows.loc[name, "image"]) == 0) is (outcome == "text only"), item
    assert reported == {
        item["row"] for item in truth["dirty_products"] if item["outcome"] != "cleaned"
    }
    assert set(rows.index) == set(truth["designs"])


def test_the_reader_finds_the_fields_that_can_be_tagged_and_the_number(summary):
    rows = read_catalogue(summary.folder / "catalogue.parquet").rows
    assert {"category", "color", "pattern", "material", "season"} <= set(taggable_fields(rows))
    assert numeric_fields(rows) == ["price"]
    assert (rows["price"] > 0).sum() == len(rows) - 1


def test_the_reader_rejects_the_planted_interactions_and_no_others(summary, truth):
    loaded = read_interactions(
        summary.folder / "interactions.parquet", known_products=set(truth["designs"])
    )
    assert len(loaded.rows) == summary.interactions
    assert sorted(loaded.rejects["row"]) == [item["row"] for item in truth["dirty_interactions"]]


def test_the_reader_takes_every_query(summary):
    loaded = read_queries(summary.folder / "queries.parquet")
    assert len(loaded.queries) == summary.queries
    assert len(loaded.judgements) == summary.judgements
    assert loaded.rejects.empty


def test_every_query_picture_exists_and_every_judged_product_is_kept(summary, truth):
    queries = pd.read_parquet(summary.folder / "queries.parquet")
    for path in queries["image"].unique():
        assert not path or (summary.folder / path).is_file()
    assert set(queries["product_id"]) <= set(truth["designs"])
    assert set(queries["relevance"]) == {1, 2}
    assert not queries.duplicated(["query_id", "product_id"]).any()
