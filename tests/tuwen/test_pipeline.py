"""A whole fit on a small sample: what it makes, what it skips, that it resumes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import TableError, TuwenError
from tuwen import pipeline
from tuwen.loading import TableOptions
from tuwen.pipeline import stage_digests
from tuwen.recommending import recommend_lists
from tuwen.report import read_report
from tuwen.settings import FitConfig
from tuwen.shop import Shop

ROOT = Path(__file__).resolve().parents[2]
STAGES = [
    *("read", "features", "embedder", "vectors", "taggers", "recommender"),
    *("article", "evaluate", "models"),
]


def test_a_fit_runs_every_stage_once_in_one_run_with_a_child_each(fitted):
    summary, tracker = fitted
    assert [stage.name for stage in summary.stages] == STAGES == tracker.children
    assert tracker.opened == [("shop", "fit", None)]
    assert summary.shop.state.complete and summary.shop.state.runs["fit"] == "run-1"


def test_the_catalogue_is_sorted_split_and_embedded_row_by_row(fitted):
    shop = fitted[0].shop
    products, table = shop.catalogue(), shop.vectors()
    assert products["product_id"].is_monotonic_increasing
    assert set(products["split"]) == {"train", "val", "test"}
    assert table.product_ids == products["product_id"].tolist()
    assert table.fingerprint == shop.embedder().fingerprint == shop.state.fingerprint
    assert np.linalg.norm(table.vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.allclose(shop.embedder().encode(products), table.vectors, atol=1e-5)


def test_a_tracked_fit_draws_the_space_the_metrics_and_each_tagger(fitted):
    assert {"catalogue-map", "neighbours", "confusion-color", "reliability-category"} <= set(
        fitted[1].figures
    )
    assert {"search-ndcg@10", "pairs-accuracy", "tag-macro_f1"} <= set(fitted[1].figures)


def test_the_report_has_every_job_beside_its_baselines(fitted):
    rows = read_report(fitted[0].shop.root)
    models = {
        job: {r["model"] for r in rows if r["job"] == job} for job in {r["job"] for r in rows}
    }
    assert models["pairs"] == {"tuwen", "article"}
    assert models["match"] == {"tuwen", "article", "chance"}  # pixels: nothing frozen for cca
    assert models["search"] >= {"tuwen", "tuwen, text only", "tuwen, image only", "article", "bm25"}
    assert models["tag"] >= {"fused", "majority", "tfidf+svm"}
    assert models["recommend"] >= {"hybrid", "als", "popularity"}
    assert {r["metric"] for r in rows if r["job"] == "search"} >= {"recall@10", "gain_over_bm25@1"}


def test_an_unchanged_fit_runs_no_stage_and_opens_no_run(fitted, request_for, monkeypatch):
    monkeypatch.setattr("tuwen.pipeline._run_stages", lambda *a: pytest.fail("a stage ran"))
    monkeypatch.setattr("core_embeddings.tracking.open_run", lambda *a, **k: pytest.fail("a run"))
    again = pipeline.fit(request_for(), fitted[0].shop.root)
    assert again.skipped and [stage.name for stage in again.stages] == ["fit"]


def test_an_unchanged_fit_still_obeys_strict_and_writes_the_rejects(fitted, request_for, tmp_path):
    root, out = fitted[0].shop.root, tmp_path / "rejects.csv"
    kept = pd.read_parquet(root / "rejects.parquet")
    asked = request_for(options=TableOptions(rejects=out))
    assert pipeline.fit(asked, root).skipped and len(pd.read_csv(out)) == len(kept) > 0
    with pytest.raises(TableError, match="--strict allows no rejected rows"):
        pipeline.fit(request_for(options=TableOptions(strict=True)), root)


def test_an_unchanged_fit_loads_neither_torch_nor_mlflow(fitted, request_for):
    code = (
        "import sys; from tuwen.inputs import FitRequest; "
        "from tuwen.pipeline import fit; "
        f"assert fit({request_for()!r}, {str(fitted[0].shop.root)!r}).skipped; "
        "print(sorted({'torch', 'mlflow', 'sklearn', 'implicit'} & set(sys.modules)))"
    )
    prefix = "from tuwen.loading import TableOptions; from pathlib import PosixPath; "
    done = subprocess.run(
        [sys.executable, "-c", prefix + code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_another_setting_runs_only_the_stages_that_depend_on_it(shop, request_for, tracker):
    summary = pipeline.fit(request_for("half_life_days=10"), shop.root)
    ran = [stage.name for stage in summary.stages if not stage.skipped]
    assert ran == ["recommender", "evaluate", "models"]


def test_an_interrupted_fit_goes_on_where_it_stopped_in_its_run(request_for, tmp_path, tracker):
    request = request_for("article=false", queries=None)

    def killed(self, run):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tuwen.fit_stages.FitStages.run_taggers", killed)
        with pytest.raises(KeyboardInterrupt):
            pipeline.fit(request, tmp_path / "shop")
    with pytest.raises(TuwenError, match="was not finished; run the same tuwen fit again"):
        Shop.open(tmp_path / "shop").validate()
    summary = pipeline.fit(request, tmp_path / "shop")
    done = {stage.name: stage.skipped for stage in summary.stages}
    assert done == {
        **dict.fromkeys(("read", "features", "embedder", "vectors"), True),
        **dict.fromkeys(("taggers", "recommender", "evaluate", "models"), False),
    }
    assert [run_id for _, _, run_id in tracker.opened] == [None, "run-1"]


def test_without_interactions_there_is_no_recommender_and_no_error(request_for, tmp_path, tracker):
    request = request_for("article=false", interactions=None, queries=None)
    shop = pipeline.fit(request, tmp_path / "shop").shop
    assert not shop.has_recommender
    assert {row["job"] for row in read_report(shop.root)} == {"pairs", "match", "tag"}
    with pytest.raises(TuwenError, match="fitted without interactions"):
        recommend_lists(shop)


def test_the_embedder_never_sees_a_test_product(request_for, tmp_path, tracker, monkeypatch):
    seen = {}

    class Stop(Exception):
        pass

    def train(products, *, split, **settings):
        from core_embeddings.embedder_training import train_embedder

        seen["split"] = split
        blank = products.copy()
        test = (split == "test").to_numpy()
        kept = {"product_id", "split", "image", "image_digest"}
        text = [c for c in blank if c not in kept and blank[c].map(type).eq(str).all()]
        assert {"title", "description", "category", "brand"} < set(text)
        blank.loc[test, text] = "poison"
        for column in ("image", "image_digest"):  # another product's pictures
            blank.loc[test, column] = blank.loc[test, column].to_numpy()[::-1]
        ours = train_embedder(products, split=split, **(settings | {"checkpoint": None}))
        other = train_embedder(blank, split=split, **(settings | {"checkpoint": None}))
        seen["prints"] = (ours.fingerprint, other.fingerprint)
        raise Stop

    monkeypatch.setattr("core_embeddings.embedder.FusionEmbedder.train", staticmethod(train))
    with pytest.raises(Stop):
        pipeline.fit(request_for(), tmp_path / "shop")
    assert (seen["split"] == "test").any()
    assert seen["prints"][0] == seen["prints"][1]


def test_an_embedder_depends_on_the_interactions_when_it_learns_from_them(request_for):
    with_log = request_for("article=false")
    without = request_for("article=false", interactions=None)
    for weight, depends in ((0.0, False), (0.1, True)):
        settings = {"embedder": {"co_purchase": weight}}
        one, other = (
            stage_digests(FitConfig.from_settings(settings), asked)["embedder"]
            for asked in (with_log, without)
        )
        assert (one != other) == depends
