"""Logged models answer as the shop does, load from source alone, and hold nothing pickled."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.taggers import TaggerSet
from core_embeddings.embedder import FusionEmbedder
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedding import embed_products
from core_embeddings.errors import ImageError
from core_embeddings.run import NullRun
from core_embeddings.tables import read_catalogue
from core_embeddings.tracking import open_run
from recommend.hybrid import HybridRecommender
from tuwen.models import PARTS, log_models
from tuwen.pyfuncs.requests import read_products, read_queries
from tuwen.search import search_shop
from tuwen.shop import Shop
from tuwen.tagging import tag_products, tagger_views

COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200)}
THINGS = ("shirt", "boot", "lamp")


def write_catalogue(folder):
    """48 products: three things in two colours, each with a plain picture of its colour."""
    rows = []
    for number in range(48):
        colour, thing = list(COLOURS)[number % 2], THINGS[number % 3]
        Image.new("RGB", (24, 24), COLOURS[colour]).save(folder / f"{number}.png")
        row = {"product_id": f"p{number:02d}", "title": f"{colour} {thing} 商品 {number}"}
        rows.append(
            {**row, "category": f"All > {thing}", "color": colour, "image": f"{number}.png"}
        )
    pd.DataFrame(rows).to_parquet(folder / "catalogue.parquet")
    return folder / "catalogue.parquet"


def write_log():
    """12 users who buy within one colour."""
    pairs = [(f"u{u:02d}", f"p{2 * i + u % 2:02d}") for u in range(12) for i in range(u % 3, 20, 3)]
    log = pd.DataFrame(pairs, columns=["user_id", "product_id"])
    when = pd.date_range("2026-01-01", periods=len(log), freq="h", tz="UTC")
    return log.assign(event="purchase", value=np.nan, timestamp=when)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    products = read_catalogue(write_catalogue(folder)).rows
    products["split"] = ["val" if n % 8 == 6 else "train" for n in range(len(products))]
    settings = {
        "epochs": 1,
        "image_size": 32,
        "embedding_size": 16,
        "rnn_size": 8,
        "tower_size": 16,
    }
    config = EmbedderConfig(backbone="pixels", word_vectors="none", **settings)
    embedder = FusionEmbedder.train(
        products, split=products["split"], fields=["category", "color"], config=config
    )
    made = Shop.create(folder / "shop")
    embedder.save_pretrained(made.path("embedder"))
    table = embed_products(embedder, products, "fused")
    made.write_products(products, table)
    views = embedder.views(products)
    taggers = TaggerSet.fit(
        tagger_views(views), products, fields=["category", "color"], split=products["split"]
    )
    taggers.save(made.path("taggers"), embedder.fingerprint)
    recommender = HybridRecommender().fit(
        write_log(), product_ids=table.product_ids, vectors=table.vectors
    )
    recommender.save_pretrained(made.path("recommender"), embedder.fingerprint)
    made.update(fingerprint=embedder.fingerprint, complete=True)
    return made


@pytest.fixture(scope="module")
def logged(shop, tracking_db, tmp_path_factory):
    """The shop's models logged to a store of their own: URIs, and the store's folder."""
    folder = tracking_db(tmp_path_factory.mktemp("store"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        with open_run("shop", "fit") as run:
            yield log_models(run, shop), folder


@pytest.fixture(scope="module")
def models(logged):
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    yield {name: mlflow.pyfunc.load_model(uri) for name, uri in logged[0].items()}
    mlflow.set_tracking_uri(before)


def as_request(products):
    """Products as a client sends them: pictures as paths in one string."""
    return products.assign(image=["|".join(paths) for paths in products["image"]]).drop(
        columns=["image_digest", "split"]
    )


def test_every_model_of_a_whole_shop_is_logged(logged):
    assert set(logged[0]) == set(PARTS)


@pytest.mark.parametrize("rows", [1, 8])
def test_the_embedder_gives_the_vectors_of_the_shop(models, shop, rows):
    products = shop.catalogue().head(rows)
    found = models["embedder"].predict(as_request(products))
    assert found["product_id"].tolist() == products["product_id"].tolist()
    expected = shop.vectors().vectors[:rows]
    np.testing.assert_allclose(np.stack(found["vector"].tolist()), expected, atol=1e-5)
    assert found["has_image"].all() and found["has_text"].all()


@pytest.mark.parametrize("rows", [1, 8])
def test_the_tagger_gives_the_tags_of_the_shop(models, shop, rows):
    products = shop.catalogue().head(rows)
    found, expected = models["tagger"].predict(as_request(products)), tag_products(shop, products)
    columns = ["product_id", "field", "value", "decision"]
    pd.testing.assert_frame_equal(found[columns], expected[columns])
    np.testing.assert_allclose(found["confidence"], expected["confidence"], atol=1e-5)


def test_the_tagger_tags_only_the_fields_asked_for(models, shop):
    found = models["tagger"].predict(
        as_request(shop.catalogue().head(2)), params={"fields": "color"}
    )
    assert set(found["field"]) == {"color"}


@pytest.mark.parametrize("rows", [1, 8])
def test_the_recommender_knows_nobody_and_gives_everyone_the_cold_start_list(models, shop, rows):
    users = [f"u{n:02d}" for n in range(rows - 1)] + ["a stranger"]
    found = models["recommender"].predict(pd.DataFrame({"user_id": users}), params={"k": 4})
    cold = shop.recommender().recommend(["nobody"], 4)
    assert found["product_id"].tolist() == cold["product_id"].tolist() * rows
    assert found["user_id"].tolist() == [user for user in users for _ in range(4)]


def test_the_recommender_follows_a_history_sent_along(models):
    log = write_log()
    asked = pd.DataFrame(
        {
            "user_id": ["red", "blue", "nobody", "red"],
            "history": ["p00|p06|no such product", " p01 | p07 ", None, "p12"],
        }
    )
    found = models["recommender"].predict(asked, params={"k": 5})
    assert list(dict.fromkeys(found["user_id"])) == ["red", "blue", "nobody"]
    listed = found.groupby("user_id")["product_id"].apply(set)
    assert not listed["red"] & {"p00", "p06", "p12"} and not listed["blue"] & {"p01", "p07"}
    bought = set(log["product_id"])
    for user, parity in (("red", 0), ("blue", 1)):
        assert all(int(name[1:]) % 2 == parity for name in listed[user] & bought)
        assert listed[user] & bought
    again = models["recommender"].predict(asked, params={"k": 48, "keep_seen": True})
    assert set(again["product_id"]) >= {"p00", "p06", "p12", "p01"}


@pytest.mark.parametrize("rows", [1, 8])
def test_the_search_gives_the_hits_of_the_shop(models, shop, rows):
    products = shop.catalogue().head(rows)
    texts, images = products["title"].tolist(), [paths[0] for paths in products["image"]]
    asked = pd.DataFrame({"query": texts, "image": images})
    found = models["search"].predict(asked, params={"k": 3})
    expected = search_shop(shop, texts=texts, images=images, k=3)
    assert found["product_id"].tolist() == expected["product_id"].tolist()
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-5)


def test_the_search_keeps_to_its_filter(models, shop):
    asked = pd.DataFrame({"query": ["shirt"]})
    found = models["search"].predict(asked, params={"k": 5, "where": "color = 'blue'"})
    colour = dict(zip(shop.catalogue()["product_id"], shop.catalogue()["color"], strict=True))
    assert [colour[name] for name in found["product_id"]] == ["blue"] * 5


def test_no_model_holds_a_pickle_or_another_part_of_the_shop(logged):
    files = [path for path in logged[1].rglob("*") if path.is_file()]
    assert sum(path.name == "MLmodel" for path in files) == len(PARTS)
    pickled = {".pkl", ".pickle", ".pt", ".pth", ".joblib", ".bin"}
    assert [path for path in files if path.suffix in pickled] == []
    assert [path for path in files if path.name == "interactions.parquet"] == []


def test_a_model_names_its_packages_and_its_code(logged):
    for model in (path.parent for path in logged[1].rglob("MLmodel")):
        needed = (model / "requirements.txt").read_text()
        assert "torch==" in needed and "mlflow==" in needed
        assert (model / "code" / "tuwen" / "shop.py").is_file()


ELSEWHERE = """
import json, os, sys
outbound = []
def watch(event, args):
    if event == "socket.connect":
        outbound.append(str(args[1]))
sys.addaudithook(watch)
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
found = model.predict(pd.DataFrame({"query": ["red boot"]}), params={"k": 2})
import tuwen.shop
print(json.dumps([found["product_id"].tolist(), tuwen.shop.__file__, outbound]))
"""


def test_a_model_moved_elsewhere_answers_with_its_own_code_and_calls_nobody(
    logged, models, tmp_path
):
    metadata = models["search"].metadata
    source = next(
        p.parent for p in logged[1].rglob("MLmodel") if metadata.model_uuid in p.read_text()
    )
    moved = Path(shutil.copytree(source, tmp_path / "moved"))
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(moved)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer, file, outbound = json.loads(done.stdout.splitlines()[-1])
    expected = models["search"].predict(pd.DataFrame({"query": ["red boot"]}), params={"k": 2})
    assert answer == expected["product_id"].tolist()
    assert Path(file).is_relative_to(moved)
    assert outbound == []


def test_a_run_that_keeps_nothing_builds_nothing(shop):
    assert log_models(NullRun(), shop) == dict.fromkeys(PARTS, "")


def test_a_picture_sent_as_base64_equals_the_same_picture_as_a_path(tmp_path):
    Image.new("RGB", (20, 20), (1, 2, 3)).save(tmp_path / "a.png")
    text = base64.b64encode((tmp_path / "a.png").read_bytes()).decode()
    cells = [str(tmp_path / "a.png"), text, f"data:image/png;base64,{text}", f"{text}|no", ""]
    with read_products(pd.DataFrame({"image": cells}), []) as products:
        digests = products["image_digest"].tolist()
        assert len({digests[row] for row in range(4)}) == 1 and digests[4] == ()
        assert all(Path(path).is_file() for paths in products["image"] for path in paths)
        sent = products["image"][1][0]
    assert not Path(sent).exists()


def test_text_is_cleaned_and_missing_columns_are_empty():
    with read_products(pd.DataFrame({"title": ["  a\u200b  b\x00 ", None]}), ["color"]) as products:
        assert products["title"].tolist() == ["a b", ""]
        assert products["product_id"].tolist() == ["0", "1"]
        assert products["color"].tolist() == ["", ""]


def test_a_query_without_words_and_picture_is_refused_by_its_row():
    with (
        pytest.raises(ValueError, match="row 1 has neither"),
        read_queries(pd.DataFrame({"query": ["x", " "]})),
    ):
        pass


@pytest.mark.parametrize("cell", ["no file", base64.b64encode(b"no picture").decode()])
def test_a_query_with_a_bad_picture_is_refused(cell):
    with (
        pytest.raises(ImageError, match=r"base64|not an image"),
        read_queries(pd.DataFrame({"image": [cell]})),
    ):
        pass


def test_a_truncated_picture_is_left_out_of_a_product():
    stream = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(stream, "PNG")
    half = base64.b64encode(stream.getvalue()[:900]).decode()
    with read_products(pd.DataFrame({"title": ["x"], "image": [half]}), []) as products:
        assert products["image"].tolist() == [()]
