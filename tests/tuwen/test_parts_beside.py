"""Every command works where vectors hold more than what taggers see: parts in closed form."""

import json
import shutil

import pandas as pd
import pytest

from core_embeddings.installed import missing_weights
from core_embeddings.tracking import NullRun
from tuwen import cli, pipeline
from tuwen.inputs import FitRequest
from tuwen.sample import write_sample
from tuwen.shop import Shop

SETTINGS = (
    *("backbone=efficientnet_lite0", "image_size=32", "embedding_size=16", "tower_size=16"),
    *("rnn_size=8", "word_size=8", "embedder.epochs=1", "article=false", "factors=4"),
    *("iterations=2", "classify.heads=['softmax']"),
)
pytestmark = pytest.mark.skipif(bool(missing_weights()), reason="needs the extra [weights]")


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A shop whose vectors are wider than the network's."""
    folder = tmp_path_factory.mktemp("wide")
    write_sample(folder / "sample", products=240, users=20, seed=0)
    later = pd.read_parquet(folder / "sample" / "catalogue.parquet").head(60)
    later["product_id"] = "later-" + later["product_id"].astype(str)
    later.to_parquet(folder / "sample" / "later.parquet")
    tables = {
        name: str(folder / "sample" / f"{name}.parquet") for name in ("catalogue", "interactions")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core_embeddings.tracking.open_run", lambda *_, **__: _NoRun())
        pipeline.fit(FitRequest(**tables, overrides=SETTINGS), folder / "shop")
    return folder


class _NoRun:
    def __enter__(self):
        return NullRun()

    def __exit__(self, *_):
        return None


def test_the_vectors_are_wider_than_what_taggers_see(wide):
    shop = Shop.open(wide / "shop")
    stored = shop.vectors().vectors
    seen = shop.embedder().views(shop.catalogue().head(3)).fused
    assert seen.shape[1] == 16 < stored.shape[1]


@pytest.mark.parametrize(
    "command",
    [
        ["why", "{shop}", "{id}", "--out", "{out}/why"],
        ["describe", "{shop}", "{id}", "--fewer-than", "99", "--out", "{out}/words.csv"],
        ["drift", "{shop}", "{new}"],
        ["review", "{shop}", "--out", "{out}/review.csv"],
        ["suspects", "{shop}", "--out", "{out}/suspects.csv"],
        ["teach", "{shop}", "color", "teal", "{id}", "--out", "{out}/likely.csv"],
        ["tag", "{shop}", "{table}", "--out", "{out}/tags.parquet"],
        ["similar", "{shop}", "{id}"],
        ["search", "{shop}", "红色 连衣裙"],
        ["recommend", "{shop}", "--out", "{out}/lists.parquet"],
        ["add", "{shop}", "{table}"],
    ],
    ids=lambda words: words[0],
)
def test_commands_work_with_wider_vectors(wide, tmp_path, capsys, command):
    shutil.copytree(wide / "shop", tmp_path / "shop")
    names = {
        "shop": tmp_path / "shop",
        "id": Shop.open(tmp_path / "shop").catalogue()["product_id"].iloc[0],
        "table": wide / "sample" / "catalogue.parquet",
        "new": wide / "sample" / "later.parquet",
        "out": tmp_path,
    }
    code = cli.run(["--json", "--quiet", *(word.format(**names) for word in command)])
    told = capsys.readouterr()
    assert code == 0, told.err
    assert isinstance(json.loads(told.out), dict)
