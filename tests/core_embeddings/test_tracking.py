"""Runs end as they should, resume, keep to MLflow's limits and tell nobody."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from core_embeddings.run import NullRun
from core_embeddings.tracking import MlflowRun, open_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tracking_db, tmp_path, monkeypatch):
    """A working directory with an empty, migrated store in its default place."""
    tracking_db(tmp_path / "mlruns")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def client(store):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{store}/mlruns/mlflow.db")


def files_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_run_is_an_mlflow_run_and_nothing_lies_outside_mlruns(store, client):
    with open_run("shop", "fit", tags={"fingerprint": "f1"}) as run:
        assert client.get_run(run.run_id).info.status == "RUNNING"
        run.log_figure(Figure(), "map")
    found = client.get_run(run.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "fit")
    assert found.data.tags["fingerprint"] == "f1"
    assert "python" in json.loads(found.data.tags["versions"])
    assert client.get_experiment(found.info.experiment_id).name == "shop"
    assert {path.name for path in store.iterdir()} == {"mlruns"}
    assert files_in(store / "mlruns" / "artifacts") == [f"{run.run_id}/artifacts/figures/map.png"]


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_a_run_that_is_left_by_an_error_says_so_and_so_does_its_child(client, error, status):
    ids = []

    def work():
        with open_run("shop", "fit") as run, run.child("train") as child:
            ids.extend([run.run_id, child.run_id])
            raise error("stop")

    with pytest.raises(error, match="stop"):
        work()
    assert [client.get_run(run_id).info.status for run_id in ids] == [status, status]


def test_an_interrupted_run_goes_on_in_itself_and_in_its_unfinished_child(client):
    with (
        pytest.raises(ValueError, match="stop"),
        open_run("shop", "fit") as first,
        first.child("train") as broken,
    ):
        raise ValueError("stop")
    with open_run("shop", "fit", run_id=first.run_id) as again:
        with again.child("train") as resumed:
            pass
        with again.child("train") as anew:
            pass
    assert (again.run_id, resumed.run_id) == (first.run_id, broken.run_id)
    assert anew.run_id != resumed.run_id, "a finished child is not opened again"
    found = client.get_run(resumed.run_id)
    assert found.data.tags["mlflow.parentRunId"] == first.run_id
    assert client.get_run(first.run_id).info.status == found.info.status == "FINISHED"


def test_a_run_that_a_kill_left_running_ends_when_another_takes_its_place(client):
    with open_run("shop", "other") as other, open_run("shop", "fit") as first:
        with first.child("read") as done:
            pass
        with first.child("train") as broken:
            pass
        for run_id in (first.run_id, broken.run_id):
            client.update_run(run_id, status="RUNNING")  # as SIGKILL leaves them
        with open_run("shop", "fit", replaces=first.run_id):
            status = {
                run.run_id: client.get_run(run.run_id).info.status
                for run in (first, done, broken, other)
            }
    assert list(status.values()) == ["KILLED", "FINISHED", "KILLED", "RUNNING"]
    with open_run("shop", "fit", replaces="0" * 32):
        pass  # whoever cleared the store is not told of it


def test_an_unknown_deleted_or_foreign_run_id_starts_a_new_run(client):
    with open_run("shop", "fit") as run:
        pass
    client.delete_run(run.run_id)
    with open_run("other", "fit") as foreign:
        pass
    for run_id in ("0" * 32, run.run_id, foreign.run_id):
        with open_run("shop", "fit", run_id=run_id) as new:
            assert new.run_id != run_id


def test_a_deleted_experiment_comes_back(client):
    with open_run("shop", "fit"):
        pass
    client.delete_experiment(client.get_experiment_by_name("shop").experiment_id)
    with open_run("shop", "fit") as run:
        pass
    assert client.get_run(run.run_id).info.status == "FINISHED"


def test_params_are_flat_and_a_changed_one_becomes_a_tag(client):
    with open_run("shop", "fit") as run:
        run.log_params({"model": {"epochs": 3, "rnn": "gru"}})
        run.log_params({"model.epochs": 3, "model": {"rnn": "lstm"}})
        run.log_params({f"many.{n}": n for n in range(250)})
    data = client.get_run(run.run_id).data
    assert (data.params["model.epochs"], data.params["model.rnn"]) == ("3", "gru")
    assert data.tags["changed.model.rnn"] == "lstm"
    assert "changed.model.epochs" not in data.tags
    assert len(data.params) == 252


def test_metrics_have_steps_and_what_is_not_finite_is_left_out_with_a_note(client, caplog):
    with open_run("shop", "fit") as run:
        run.log_metrics({"val/recall@10": 0.25, "loss": math.nan, "margin": math.inf}, step=1)
        run.log_metrics({"val/recall@10": 0.5}, step=2)
    found = client.get_metric_history(run.run_id, "val/recall_at_10")
    assert [(m.step, m.value) for m in found] == [(1, 0.25), (2, 0.5)]
    assert set(client.get_run(run.run_id).data.metrics) == {"val/recall_at_10"}
    assert "not finite are not logged: loss, margin" in caplog.text


def test_a_history_has_a_row_per_step_and_spans_an_interruption(store):
    with open_run("shop", "fit") as run:
        run.log_metrics({"loss": 3.0}, step=1)
        run.log_metrics({"seconds": 9.0})
    with open_run("shop", "fit", run_id=run.run_id) as again:
        again.log_metrics({"loss": 2.0, "recall": 0.5}, step=2)
        found = again.history()
    expected = pd.DataFrame({"epoch": [1, 2], "loss": [3.0, 2.0], "recall": [math.nan, 0.5]})
    pd.testing.assert_frame_equal(found, expected)
    assert NullRun().history().empty


def test_a_table_is_logged_whole_and_readable_but_never_with_user_ids(store, client):
    table = pd.DataFrame({"user_id": ["u1"], "title": ["=1+1"], "tags": [["a", "b"]]})
    with open_run("shop", "fit") as run:
        run.log_table(table, "hits")
    folder = store / "mlruns" / "artifacts" / run.run_id / "artifacts" / "tables"
    exact = pd.read_parquet(folder / "hits.parquet")
    assert exact.columns.tolist() == ["title", "tags"] and exact["title"].tolist() == ["=1+1"]
    assert (folder / "hits.csv").read_text().splitlines() == ["title,tags", "'=1+1,a|b"]


def test_files_and_folders_are_logged_as_they_are(store, client):
    (store / "part").mkdir()
    (store / "part" / "a.txt").write_text("a")
    with open_run("shop", "fit") as run:
        run.log_file(store / "part", "models")
        run.log_file(store / "part" / "a.txt")
    found = files_in(store / "mlruns" / "artifacts" / run.run_id / "artifacts")
    assert found == ["a.txt", "models/part/a.txt"]


def test_three_splits_of_one_data_set_are_three_inputs_without_a_copy(store, client):
    with open_run("shop", "fit") as run:
        for rows, context in ((70, "training"), (10, "validation"), (20, "test")):
            run.log_dataset("catalogue", "d" * 40, rows, context)
    inputs = client.get_run(run.run_id).inputs.dataset_inputs
    assert {(i.tags[0].value, json.loads(i.dataset.profile)["num_rows"]) for i in inputs} == {
        ("training", 70),
        ("validation", 10),
        ("test", 20),
    }
    assert {i.dataset.digest for i in inputs} == {"d" * 36}
    assert not (store / "mlruns" / "artifacts" / run.run_id).exists()


def test_a_model_that_cannot_be_written_is_marked_and_the_error_passes(client):
    def write(folder, run_id, model_id):
        raise OSError("disk full")

    with open_run("shop", "fit") as run, pytest.raises(OSError, match="disk full"):
        run.log_model("search", write)
    experiment = client.get_run(run.run_id).info.experiment_id
    assert [m.status for m in client.search_logged_models([experiment])] == ["FAILED"]


def test_a_model_is_an_output_of_its_run(client):
    def write(folder, run_id, model_id):
        folder.mkdir()
        (folder / "MLmodel").write_text(model_id)

    with open_run("shop", "fit") as run:
        uri = run.log_model("search", write)
    model = client.get_logged_model(uri.removeprefix("models:/"))
    assert (model.name, model.status, model.source_run_id) == ("search", "READY", run.run_id)
    outputs = client.get_run(run.run_id).outputs.model_outputs
    assert [output.model_id for output in outputs] == [model.model_id]


def test_the_store_named_in_the_environment_wins(tracking_db, tmp_path, monkeypatch):
    folder = tracking_db(tmp_path / "named")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    with open_run("shop", "fit") as run:
        run.log_figure(Figure(), "map")
    assert {path.name for path in tmp_path.iterdir()} == {"named"}
    assert (folder / "artifacts" / run.run_id).is_dir()


def test_pickles_are_refused_once_a_run_was_opened(store, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", raising=False)
    with open_run("shop", "fit"):
        assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"


def test_both_runs_offer_all_of_the_protocol():
    from core_embeddings.run import Run

    wanted = {name for name in vars(Run) if not name.startswith("_")}
    assert wanted == {name for name in vars(NullRun) if not name.startswith("_")}
    assert wanted <= set(vars(MlflowRun))


QUIET = """
import json, sys
outbound = []
def watch(event, args):
    if event == "socket.connect":
        outbound.append(str(args[1]))
sys.addaudithook(watch)
import pandas as pd
from matplotlib.figure import Figure
from core_embeddings.tracking import open_run
before = "mlflow" in sys.modules
with open_run("shop", "fit") as run, run.child("train") as child:
    child.log_params({"a": 1})
    child.log_metrics({"b": 2.0})
    child.log_table(pd.DataFrame({"c": [3]}), "t")
    child.log_figure(Figure(), "f")
    child.log_dataset("d", "0", 1, "training")
from mlflow.telemetry import get_telemetry_client
print(json.dumps([before, outbound, get_telemetry_client() is None]))
"""


def test_logging_connects_to_nobody_and_mlflow_is_loaded_late(store):
    kept = ("PATH", "HOME", "PYTHONPATH", "LANG")  # neither switch of this test's own environment
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", QUIET],
        capture_output=True,
        text=True,
        check=False,
        cwd=store,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [False, [], True]
