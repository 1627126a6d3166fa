"""A whole fit on a small sample: what it makes, that it resumes, that changes leave no trace."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import FingerprintError, TableError, TuwenError
from core_embeddings.tracking import NullRun
from tuwen import changes, pipeline
from tuwen.held_out import HeldOut, evaluate_held_out
from tuwen.inputs import FitRequest
from tuwen.loading import TableOptions, load_products
from tuwen.recommending import recommend_lists
from tuwen.report import read_report
from tuwen.search import search_shop, similar_products
from tuwen.shop import Shop
from tuwen.tagging import tag_products

ROOT = Path(__file__).resolve().parents[2]
STAGES = [
    *("read", "features", "embedder", "vectors", "taggers", "recommender"),
    *("article", "evaluate", "models"),
]
TINY = (
    *("backbone=pixels", "image_size=16", "word_vectors=none", "embedding_size=16"),
    *("tower_size=16", "rnn_size=8", "word_size=8", "embedder.epochs=1", "article_epochs=1"),
    *("factors=4", "iterations=2", "classify.heads=['softmax']", "lexical=false"),
)


class Tracker:
    """Stands in for MLflow: remembers runs, children and the ids asked for."""

    def __init__(self, *, child_id=""):
        self.opened, self.children, self.figures, self.child_id = [], [], [], child_id

    @contextmanager
    def open_run(self, experiment, name, *, run_id=None, replaces=None):
        self.opened.append((experiment, name, run_id))
        yield Recorder(self, run_id or f"run-{len(self.opened)}")


class Recorder(NullRun):
    """A run that notes its children."""

    def __init__(self, tracker, run_id):
        self.tracker, self.run_id = tracker, run_id

    @contextmanager
    def child(self, name):
        self.tracker.children.append(name)
        yield Recorder(self.tracker, self.tracker.child_id)

    def log_figure(self, figure, name):
        self.tracker.figures.append(name)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    from tuwen.sample import write_sample

    folder = tmp_path_factory.mktemp("data") / "sample"
    write_sample(folder, products=60, users=30, seed=0)
    return folder


def request_for(sample, **changes):
    tables = {
        "catalogue": str(sample / "catalogue.parquet"),
        "interactions": str(sample / "interactions.parquet"),
        "queries": str(sample / "queries.parquet"),
    }
    return FitRequest(**(tables | {"overrides": TINY} | changes))


@pytest.fixture(scope="module")
def fitted(sample, tmp_path_factory):
    """One fit shared by the reading tests, with its tracker."""
    tracker = Tracker(child_id="child")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core_embeddings.tracking.open_run", tracker.open_run)
        summary = pipeline.fit(request_for(sample), tmp_path_factory.mktemp("out") / "shop")
    return summary, tracker


@pytest.fixture
def shop(fitted, tmp_path):
    """A copy that a test may change."""
    import shutil

    shutil.copytree(fitted[0].shop.root, tmp_path / "copy")
    return Shop.open(tmp_path / "copy")


def text_of_files(root: Path) -> str:
    """Everything a shop's files say, tables and arrays decoded."""
    parts = []
    for file in sorted(root.rglob("*")):
        if file.suffix == ".parquet":
            parts.append(pd.read_parquet(file).astype(str).to_csv())
        elif file.suffix == ".npz":
            arrays = np.load(file)
            parts += [str(arrays[name].tolist()) for name in arrays.files]
        elif file.is_file():
            parts.append(file.read_bytes().decode("latin-1"))
    return "\n".join(parts)


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
    assert models["search"] >= {"tuwen", "tuwen, text only", "tuwen, image only", "article", "bm25"}
    assert models["tag"] >= {"fused", "majority", "tfidf+svm"}
    assert models["recommend"] >= {"hybrid", "als", "popularity"}
    assert {r["metric"] for r in rows if r["job"] == "search"} >= {"recall@10", "gain_over_bm25@1"}


def test_an_unchanged_fit_runs_no_stage_and_opens_no_run(fitted, sample, monkeypatch):
    monkeypatch.setattr("tuwen.pipeline._run_stages", lambda *a: pytest.fail("a stage ran"))
    monkeypatch.setattr("core_embeddings.tracking.open_run", lambda *a, **k: pytest.fail("a run"))
    again = pipeline.fit(request_for(sample), fitted[0].shop.root)
    assert again.skipped and [stage.name for stage in again.stages] == ["fit"]


def test_an_unchanged_fit_still_obeys_strict_and_writes_the_rejects(fitted, sample, tmp_path):
    root, out = fitted[0].shop.root, tmp_path / "rejects.csv"
    kept = pd.read_parquet(root / "rejects.parquet")
    asked = request_for(sample, options=TableOptions(rejects=out))
    assert pipeline.fit(asked, root).skipped and len(pd.read_csv(out)) == len(kept) > 0
    with pytest.raises(TableError, match="--strict allows no rejected rows"):
        pipeline.fit(request_for(sample, options=TableOptions(strict=True)), root)


def test_an_unchanged_fit_loads_neither_torch_nor_mlflow(fitted, sample):
    code = (
        "import sys; from tuwen.inputs import FitRequest; "
        "from tuwen.pipeline import fit; "
        f"assert fit({request_for(sample)!r}, {str(fitted[0].shop.root)!r}).skipped; "
        "print(sorted({'torch', 'mlflow', 'sklearn', 'implicit'} & set(sys.modules)))"
    )
    prefix = "from tuwen.loading import TableOptions; from pathlib import PosixPath; "
    done = subprocess.run(
        [sys.executable, "-c", prefix + code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_another_setting_runs_only_the_stages_that_depend_on_it(shop, sample, monkeypatch):
    monkeypatch.setattr("core_embeddings.tracking.open_run", Tracker().open_run)
    changed = request_for(sample, overrides=(*TINY, "half_life_days=10"))
    summary = pipeline.fit(changed, shop.root)
    ran = [stage.name for stage in summary.stages if not stage.skipped]
    assert ran == ["recommender", "evaluate", "models"]


def test_an_interrupted_fit_goes_on_where_it_stopped_in_the_same_run(sample, tmp_path, monkeypatch):
    tracker = Tracker()
    monkeypatch.setattr("core_embeddings.tracking.open_run", tracker.open_run)
    request = request_for(sample, overrides=(*TINY, "article=false"), queries=None)

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


def test_without_interactions_there_is_no_recommender_and_no_failure(sample, tmp_path, monkeypatch):
    monkeypatch.setattr("core_embeddings.tracking.open_run", Tracker().open_run)
    overrides = (*TINY, "article=false")
    request = request_for(sample, interactions=None, queries=None, overrides=overrides)
    shop = pipeline.fit(request, tmp_path / "shop").shop
    assert not shop.has_recommender
    assert {row["job"] for row in read_report(shop.root)} == {"pairs", "tag"}
    with pytest.raises(TuwenError, match="fitted without interactions"):
        recommend_lists(shop)


def test_the_embedder_never_sees_a_test_product(sample, tmp_path, monkeypatch):
    seen = {}

    class Stop(Exception):
        pass

    def train(products, *, split, **settings):
        from core_embeddings.embedder_training import train_embedder

        seen["split"] = split
        blank = products.copy()
        test = (split == "test").to_numpy()
        blank.loc[test, ["title", "description"]] = "poison"
        ours = train_embedder(products, split=split, **(settings | {"checkpoint": None}))
        other = train_embedder(blank, split=split, **(settings | {"checkpoint": None}))
        seen["prints"] = (ours.fingerprint, other.fingerprint)
        raise Stop

    monkeypatch.setattr("core_embeddings.tracking.open_run", Tracker().open_run)
    monkeypatch.setattr("core_embeddings.embedder.FusionEmbedder.train", staticmethod(train))
    with pytest.raises(Stop):
        pipeline.fit(request_for(sample), tmp_path / "shop")
    assert (seen["split"] == "test").any()
    assert seen["prints"][0] == seen["prints"][1]


def test_search_fills_k_obeys_the_filter_and_takes_all_kinds_of_query(fitted):
    shop = fitted[0].shop
    products = shop.catalogue().set_index("product_id")
    picture = next(paths[0] for paths in products["image"] if paths)
    hits = search_shop(
        shop,
        texts=["红色 连衣裙", "", "black"],
        images=["", picture, picture],
        k=4,
        where="price < 300",
        query_ids=["zh", "image", "both"],
    )
    assert hits.groupby("query_id")["rank"].apply(list).tolist() == [[1, 2, 3, 4]] * 3
    assert (products.loc[hits["product_id"], "price"] < 300).all()
    assert (hits["title"] == products.loc[hits["product_id"], "title"].to_numpy()).all()


def test_a_personal_search_moves_towards_the_user_and_an_unknown_user_changes_nothing(fitted):
    shop, heard = fitted[0].shop, []
    user = shop.recommender().user_ids[0]

    def ask(who, text="red"):
        found = search_shop(shop, texts=[text], images=[""], user=who, note=heard.append)
        return found["cosine"].tolist()

    assert ask("nobody") == ask("") and len(heard) == 1 and "nobody" in heard[0]
    assert ask(user) != ask("")
    with pytest.raises(TuwenError, match="nothing to search with"):
        ask("nobody", text="")


def test_tags_cover_each_product_and_field_and_unknown_users_get_lists(fitted, tmp_path):
    shop = fitted[0].shop
    products = shop.catalogue().head(5)
    tags = tag_products(shop, products)
    assert len(tags) == 5 * tags["field"].nunique()
    assert set(tags["decision"]) <= {"auto", "review"}
    pd.DataFrame({"who": ["stranger", "stranger", None]}).to_csv(tmp_path / "u.csv", index=False)
    lists = recommend_lists(shop, tmp_path / "u.csv", k=3, columns={"user_id": "who"})
    assert lists["user_id"].tolist() == ["stranger"] * 3 and lists["rank"].tolist() == [1, 2, 3]


def test_an_added_product_is_found_and_listed_at_once(shop, tmp_path):
    table = tmp_path / "new.csv"
    table.write_text("product_id,title\nNEW1,zanzibar umbrella\n")
    assert changes.add_products(shop, load_products(table, TableOptions())) == (1, 0)
    hits = search_shop(shop, texts=["zanzibar umbrella"], images=[""], k=1)
    assert hits["product_id"].tolist() == ["NEW1"]
    assert shop.catalogue()["product_id"].is_monotonic_increasing
    everything = recommend_lists(shop, k=len(shop.catalogue()))
    assert "NEW1" in set(everything["product_id"])
    assert changes.add_products(shop, load_products(table, TableOptions())) == (0, 1)


def test_a_removed_product_is_gone_from_every_file(shop):
    gone = shop.recommender().state.interactions["product_id"].iloc[0]
    count = len(shop.catalogue())
    assert gone in text_of_files(shop.root)
    assert changes.remove_products(shop, [gone]) == 1
    assert gone not in text_of_files(shop.root)
    assert len(shop.catalogue()) == len(shop.vectors().product_ids) == count - 1
    with pytest.raises(TuwenError, match="there is no product"):
        similar_products(shop, gone)
    with pytest.raises(TuwenError, match=r"holds no product .*nothing was removed"):
        changes.remove_products(shop, [gone])
    with pytest.raises(TuwenError, match="would remove every product"):
        changes.remove_products(shop, shop.vectors().product_ids)


def test_a_forgotten_user_is_gone_from_every_file(shop):
    user = shop.recommender().user_ids[0]
    assert user in text_of_files(shop.root)
    assert changes.forget_users(shop, [user, "nobody"]) == 1
    assert user not in text_of_files(shop.root)
    assert user not in shop.recommender().user_ids


def test_parts_of_another_embedder_are_refused(shop):
    shop.update(fingerprint="0" * 32)
    for part in (shop.vectors, shop.embedder, shop.taggers):
        with pytest.raises(FingerprintError, match="was made with embedder"):
            part()


def test_held_out_tables_are_measured_and_old_interactions_refused(
    fitted, sample, tmp_path, monkeypatch
):
    monkeypatch.setattr("core_embeddings.tracking.open_run", Tracker().open_run)
    shop, options = fitted[0].shop, TableOptions()
    with pytest.raises(TableError, match=r"nothing to measure; give interactions .* after the fit"):
        old = HeldOut(interactions=sample / "interactions.parquet")
        evaluate_held_out(shop, old, options, note=lambda text: None)
    users, items = shop.recommender().user_ids, shop.vectors().product_ids
    new = pd.DataFrame({"user_id": list(users) * 2, "product_id": (items * 9)[: 2 * len(users)]})
    new.to_csv(tmp_path / "new.csv", index=False)
    rows = evaluate_held_out(
        shop,
        HeldOut(sample / "queries.parquet", None, tmp_path / "new.csv"),
        options,
        note=lambda text: None,
    )
    assert {row["job"] for row in rows} == {"search", "recommend"}
