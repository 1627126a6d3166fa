import numpy as np
import pandas as pd
import pytest

from core_embeddings.artefact import read_json, write_json
from core_embeddings.errors import ArtefactError, FingerprintError
from recommend import HybridRecommender


@pytest.fixture
def fitted(timed, products, vectors, config):
    return HybridRecommender(config, seed=5).fit(timed, product_ids=products.all, vectors=vectors)


@pytest.fixture
def folder(fitted, tmp_path):
    fitted.save_pretrained(tmp_path / "recommender", "fp")
    return tmp_path / "recommender"


def test_a_loaded_recommender_gives_the_same_lists(fitted, folder, products, vectors):
    loaded = HybridRecommender.from_pretrained(folder, "fp", products.all, vectors)
    asked = ["u01", "stranger", "u30"]
    pd.testing.assert_frame_equal(loaded.recommend(asked, 6), fitted.recommend(asked, 6))
    assert loaded.config == fitted.config and loaded.seed == 5
    assert loaded.validation == fitted.validation


def test_saving_what_was_loaded_changes_no_factor(folder, products, vectors, tmp_path):
    loaded = HybridRecommender.from_pretrained(folder, "fp", products.all, vectors)
    loaded.save_pretrained(tmp_path / "again", "fp")
    with np.load(folder / "factors.npz") as one, np.load(tmp_path / "again/factors.npz") as two:
        assert all(np.array_equal(one[name], two[name]) for name in one.files)


def test_the_folder_holds_exactly_its_four_files(folder):
    assert sorted(file.name for file in folder.iterdir()) == [
        "config.json",
        "factors.npz",
        "interactions.parquet",
        "manifest.json",
    ]


def test_another_catalogue_is_aligned_on_loading(folder, products, vectors):
    loaded = HybridRecommender.from_pretrained(folder, "fp", products.all[:6], vectors[:6])
    assert set(loaded.recommend(k=12)["product_id"]) <= set(products.all[:6])


def test_another_embedder_is_refused(folder, products, vectors):
    with pytest.raises(FingerprintError, match="was made with embedder fp"):
        HybridRecommender.from_pretrained(folder, "other", products.all, vectors)


def traces(folder, name):
    """Files that hold a name: in their bytes (npz writes text as UTF-32) or, packed, in a cell."""
    raw = (name.encode(), name.encode("utf-32-le"))
    found = {f.name for f in folder.iterdir() if any(word in f.read_bytes() for word in raw)}
    table = pd.read_parquet(folder / "interactions.parquet")
    return found | ({"interactions.parquet"} if (table == name).to_numpy().any() else set())


def test_the_forgotten_leave_no_trace_in_the_folder(fitted, folder):
    assert traces(folder, "u07") == {"factors.npz", "interactions.parquet"}
    fitted.forget(["u07"])
    fitted.save_pretrained(folder, "fp")
    assert traces(folder, "u07") == set()
    assert traces(folder, "u08") == {"factors.npz", "interactions.parquet"}


def test_removed_products_leave_no_trace_in_the_folder(fitted, folder, products, vectors):
    assert traces(folder, "p03") == {"factors.npz", "interactions.parquet"}
    kept = np.array(products.all) != "p03"
    fitted.align(np.array(products.all)[kept], vectors[kept])
    fitted.save_pretrained(folder, "fp")
    assert traces(folder, "p03") == set()
    assert traces(folder, "p04") == {"factors.npz", "interactions.parquet"}


def test_a_head_start_is_kept_and_folders_without_one_still_load(folder, products, vectors):
    values = read_json(folder / "config.json")
    values["validation"]["blend"]["head_start"] = 0.25
    write_json(folder / "config.json", values)
    loaded = HybridRecommender.from_pretrained(folder, "fp", products.all, vectors)
    assert loaded.validation.blend.head_start == 0.25
    del values["validation"]["blend"]["head_start"], values["config"]["newcomer_cost"]
    write_json(folder / "config.json", values)
    loaded = HybridRecommender.from_pretrained(folder, "fp", products.all, vectors)
    assert loaded.validation.blend.head_start == 0 and loaded.config.newcomer_cost == 0.005


def test_a_shop_without_times_survives_the_folder(
    checkerboard, products, vectors, config, tmp_path
):
    model = HybridRecommender(config).fit(checkerboard, product_ids=products.all, vectors=vectors)
    model.save_pretrained(tmp_path / "r", "fp")
    loaded = HybridRecommender.from_pretrained(tmp_path / "r", None, products.all, vectors)
    pd.testing.assert_frame_equal(loaded.recommend(k=3), model.recommend(k=3))


@pytest.mark.parametrize("name", ["factors.npz", "interactions.parquet", "config.json"])
@pytest.mark.parametrize("damage", ["gone", "torn"])
def test_a_damaged_file_is_named(folder, products, vectors, name, damage):
    file = folder / name
    whole = file.read_bytes()
    file.unlink()
    if damage == "torn":
        file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtefactError, match=name):
        HybridRecommender.from_pretrained(folder, "fp", products.all, vectors)


def test_settings_of_another_time_are_refused(folder, products, vectors):
    values = read_json(folder / "config.json")
    values["config"]["flux"] = 1
    write_json(folder / "config.json", values)
    with pytest.raises(ArtefactError, match="unknown setting 'flux'"):
        HybridRecommender.from_pretrained(folder, "fp", products.all, vectors)


def test_factors_that_do_not_fit_their_ids_are_refused(folder, products, vectors):
    with np.load(folder / "factors.npz") as arrays:
        parts = dict(arrays)
    parts["users"] = parts["users"][1:]
    np.savez(folder / "factors.npz", **parts)
    with pytest.raises(ArtefactError, match="for 40 users and 12 products"):
        HybridRecommender.from_pretrained(folder, "fp", products.all, vectors)
