"""What MLflow is told by a whole fit: enough to judge it by, and nothing of any user."""

import sqlite3
from contextlib import closing

import pandas as pd
import pytest

from core_embeddings.tracking_names import entity_name
from tuwen import pipeline
from tuwen.fit_logging import headline_metrics, report_metrics
from tuwen.held_out import HeldOut, evaluate_held_out
from tuwen.inputs import FitRequest
from tuwen.loading import TableOptions

PERSON = "Zorblax"
TINY = (
    *("backbone=pixels", "image_size=16", "word_vectors=none", "embedding_size=16"),
    *("tower_size=16", "rnn_size=8", "word_size=8", "embedder.epochs=1", "article=false"),
    *("factors=4", "iterations=2", "classify.heads=['softmax']", "lexical=false"),
)


@pytest.fixture(scope="module")
def tracked(tracking_db, tmp_path_factory):
    """A fit and an evaluation of a small sample whose users have a name found nowhere else."""
    from tuwen.sample import write_sample

    folder = tmp_path_factory.mktemp("tracked")
    write_sample(folder / "s", products=60, users=24, seed=0)
    log = pd.read_parquet(folder / "s" / "interactions.parquet")
    log["user_id"] = PERSON + log["user_id"].astype(str)
    slipped = log.head(3).assign(product_id=f"{PERSON}-slipped", value=f"{PERSON}-too")
    text = log.astype(object).where(log.notna(), None)
    pd.concat([text, slipped.astype(object)]).to_csv(folder / "log.csv", index=False)
    store = tracking_db(folder / "mlruns")
    request = FitRequest(
        str(folder / "s" / "catalogue.parquet"),
        str(folder / "log.csv"),
        str(folder / "s" / "queries.parquet"),
        overrides=TINY,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/mlflow.db")
        shop = pipeline.fit(request, folder / "shop").shop
        tables = HeldOut(queries=folder / "s" / "queries.parquet")
        rows = evaluate_held_out(shop, tables, TableOptions(), note=lambda text: None)
    return shop, store, rows


@pytest.fixture(scope="module")
def client(tracked):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{tracked[1]}/mlflow.db")


def runs_named(client, name):
    experiment = client.get_experiment_by_name("shop").experiment_id
    return [r for r in client.search_runs([experiment]) if r.info.run_name == name]


def test_the_run_of_a_fit_shows_its_data_its_headlines_and_its_pictures(tracked, client):
    shop, store, _ = tracked
    run = client.get_run(shop.state.runs["fit"])
    assert {"tag/category/accuracy", "pairs/test/accuracy"} <= set(run.data.metrics)
    assert any(name.startswith("search/") for name in run.data.metrics)
    assert any(name.startswith("recommend/") for name in run.data.metrics)
    assert all(name.count("/") == 2 for name in run.data.metrics)
    assert run.data.params["embedder.embedding_size"] == "16"
    inputs = {i.dataset.name: i.dataset.digest for i in run.inputs.dataset_inputs}
    assert set(inputs) == {
        *(f"catalogue ({split})" for split in ("training", "validation", "test")),
        *("interactions (training)", "queries (test)"),
    }
    assert all(len(digest) == 32 for digest in inputs.values())
    files = store / "artifacts" / run.info.run_id / "artifacts"
    assert {path.stem for path in (files / "tables").iterdir()} == {"rejects", "report"}
    assert {path.stem for path in (files / "figures").iterdir()} >= {
        *("training-embedder", "catalogue-map", "neighbours"),
        *("confusion-category", "confusion-color", "reliability-color"),
    }


def test_every_number_of_the_report_is_a_metric_of_the_stage_that_measured_it(tracked, client):
    rows = pd.read_parquet(tracked[0].root / "report.parquet").to_dict("records")
    logged = client.get_run(runs_named(client, "evaluate")[-1].info.run_id).data.metrics
    wanted = {entity_name(name): value for name, value in report_metrics(rows).items()}
    assert {"search/text/bm25/recall_at_10", "tag/color/majority/accuracy"} <= set(wanted)
    assert {name: logged.get(name) for name in wanted} == pytest.approx(wanted)


def test_an_evaluation_logs_its_metrics_its_settings_and_its_tables(tracked, client):
    run = runs_named(client, "evaluate")[0]
    assert "mlflow.parentRunId" not in run.data.tags
    assert run.data.params == {"k": "10", "list_k": "10", "queries": "queries.parquet"}
    assert [i.dataset.name for i in run.inputs.dataset_inputs] == ["queries (test)"]
    row = next(r for r in tracked[2] if (r["model"], r["metric"]) == ("bm25", "ndcg@10"))
    name = f"search/{row['segment']}/bm25/ndcg_at_10"
    assert run.data.metrics[name] == pytest.approx(row["value"])


def test_no_user_is_named_anywhere_in_mlflow(tracked):
    shop, store, _ = tracked
    kept = pd.read_parquet(shop.root / "rejects.parquet")
    assert kept.astype(str).apply(lambda c: c.str.contains(PERSON)).to_numpy().any()
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        assert PERSON not in "\n".join(database.iterdump())
    files = [path for path in (store / "artifacts").rglob("*") if path.is_file()]
    for path in files:
        raw = path.read_bytes()
        assert PERSON.encode() not in raw and PERSON.encode("utf-32-le") not in raw, path
        if path.suffix == ".parquet":  # compressed: what it says, not what it looks like
            assert PERSON not in pd.read_parquet(path).astype(str).to_csv(), path
    assert [path for path in files if path.name == "interactions.parquet"] == []


def test_rejected_interactions_are_told_by_row_and_reason_alone(tracked):
    shop, store, _ = tracked
    folder = store / "artifacts" / shop.state.runs["fit"] / "artifacts" / "tables"
    told = pd.read_parquet(folder / "rejects.parquet")
    kept = pd.read_parquet(shop.root / "rejects.parquet")
    columns = ["row", "column", "reason"]
    pd.testing.assert_frame_equal(told[columns], kept[columns])
    unknown = told["reason"] == "unknown product"
    assert unknown.sum() >= 3 and (told.loc[unknown, "value"] == "").all()
    assert (told["value"] != "").any(), "the catalogue's own cells may be seen"


def test_headlines_are_those_of_the_model_that_serves():
    row = {"job": "search", "segment": "all", "model": "tuwen", "metric": "ndcg@10", "value": 0.5}
    rows = [row, row | {"model": "bm25"}, row | {"metric": "f1@10"}, row | {"value": None}]
    assert headline_metrics(rows[:3]) == {"search/all/ndcg@10": 0.5}
    assert set(report_metrics(rows[:2])) == {"search/all/tuwen/ndcg@10", "search/all/bm25/ndcg@10"}
    assert report_metrics(rows[3:]) == {}
