"""Experiment tracking in MLflow: runs, and how they are opened.

No other file but those of ``tuwen/pyfuncs`` imports mlflow, and this one only when a run is opened.
"""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_embeddings.run import NullRun, Run, WriteModel
from core_embeddings.tracking_names import KIND, clean_params, entity_name, run_tags
from core_embeddings.tracking_store import DEFAULT_URI, SQLITE, prepare_store, sqlite_file

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["MlflowRun", "NullRun", "open_run", "Run"]

logger = logging.getLogger(__name__)

ARTIFACTS = "artifacts"
"""Beside the database: what runs log as files."""
PARENT = "mlflow.parentRunId"
ROWS_SHOWN = 1_000
"""Rows of a table's readable copy; the Parquet beside it has them all."""
PERSONAL = ("user_id",)
"""Columns that never reach the tracking store."""


class MlflowRun:
    """A run in an MLflow tracking store, through a client of its own: no global state.

    Parameters
    ----------
    client
        An ``mlflow.MlflowClient``.
    experiment_id, run_id
        An existing run.
    """

    def __init__(self, client: Any, experiment_id: str, run_id: str) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._run_id = run_id

    @property
    def run_id(self) -> str:
        """Identifier of the run."""
        return self._run_id

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log settings, nested ones flattened; secrets are masked and long values cut.

        MLflow never changes a parameter. One logged before with the same value is left alone; one
        with another value keeps the first and gets a tag ``changed.<name>`` with the new one.
        """
        from mlflow.entities import Param

        known = self._client.get_run(self._run_id).data.params
        wanted = clean_params(params)
        fresh = [Param(key, value) for key, value in wanted.items() if key not in known]
        for start in range(0, len(fresh), 100):
            self._client.log_batch(self._run_id, params=fresh[start : start + 100])
        changed = {k: v for k, v in wanted.items() if k in known and known[k] != v}
        if changed:
            logger.warning("parameters logged before differ now: %s", ", ".join(sorted(changed)))
            self.set_tags({f"changed.{key}": value for key, value in changed.items()})

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers in one batch; what is not finite is left out, with a warning."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        finite = {entity_name(k): float(v) for k, v in metrics.items() if math.isfinite(v)}
        if len(finite) < len(metrics):
            names = sorted(k for k, v in metrics.items() if not math.isfinite(v))
            logger.warning("metrics that are not finite are not logged: %s", ", ".join(names))
        batch = [Metric(key, value, now, step or 0) for key, value in finite.items()]
        for start in range(0, len(batch), 1000):
            self._client.log_batch(self._run_id, metrics=batch[start : start + 1000])

    def history(self) -> pd.DataFrame:
        """Return the metrics logged with a step, earlier parts of a continued run included."""
        import pandas as pd

        found = {
            name: {m.step: m.value for m in self._client.get_metric_history(self._run_id, name)}
            for name in self._client.get_run(self._run_id).data.metrics
        }
        steps = sorted({step for values in found.values() for step in values if step > 0})
        curves = {
            name: [values.get(step, math.nan) for step in steps]
            for name, values in sorted(found.items())
            if any(values.get(step) is not None for step in steps)
        }
        return pd.DataFrame({"epoch": steps, **curves})

    def log_table(self, table: pd.DataFrame, name: str) -> None:
        """Log a table as ``tables/<name>.parquet`` and, to be seen in MLflow's page, as CSV.

        Columns that tell who a person is are left out.
        """
        from core_embeddings.writing import write_table

        shown = table.drop(columns=[column for column in PERSONAL if column in table])
        with tempfile.TemporaryDirectory() as folder:
            stem = Path(folder) / entity_name(name).replace("/", "_")
            write_table(shown, stem.with_name(f"{stem.name}.parquet"))
            write_table(shown.head(ROWS_SHOWN), stem.with_name(f"{stem.name}.csv"))
            self._client.log_artifacts(self._run_id, folder, "tables")

    def log_figure(self, figure: Figure, name: str) -> None:
        """Log a picture under ``figures/<name>.png``."""
        file = f"figures/{entity_name(name)}.png"
        self._client.log_figure(self._run_id, figure, file, save_kwargs={"dpi": 110})

    def log_file(self, path: Path, folder: str = "") -> None:
        """Log a file, or a folder with all it holds; a folder keeps its name."""
        self._client.log_artifact(self._run_id, str(path), folder or None)

    def log_dataset(self, name: str, digest: str, rows: int | None, context: str) -> None:
        """Log which data went in, by digest and, if known, size; nothing of it is copied."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        # MLflow keeps one entry per run, name and digest: three splits of one table need names.
        dataset = Dataset(
            name=f"{name} ({context})"[:500],
            digest=digest[:36],
            source_type="digest",
            source=json.dumps({"digest": digest}),
            profile=json.dumps({} if rows is None else {"num_rows": int(rows)}),
        )
        tags = [InputTag("mlflow.data.context", context)]
        self._client.log_inputs(self._run_id, datasets=[DatasetInput(dataset, tags)])

    def log_model(self, name: str, write: WriteModel) -> str:
        """Log a model as one of this run's outputs; return the URI MLflow loads and serves."""
        from mlflow.entities import LoggedModelOutput

        model = self._client.create_logged_model(
            self._experiment_id, name=name, source_run_id=self._run_id, model_type="pyfunc"
        )
        status = "FAILED"
        try:
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder) / name, self._run_id, model.model_id)
                self._client.log_model_artifacts(model.model_id, str(Path(folder) / name))
            status = "READY"
        finally:
            self._client.finalize_logged_model(model.model_id, status)
        self._client.log_outputs(self._run_id, [LoggedModelOutput(model.model_id, step=0)])
        return f"models:/{model.model_id}"

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; a tag set before is replaced."""
        for key, value in tags.items():
            self._client.set_tag(self._run_id, entity_name(key), str(value)[:5000])

    @contextmanager
    def child(self, name: str) -> Iterator[Run]:
        """Open a nested run; an unfinished one of the same name is continued."""
        run_id = self._unfinished(name)
        if run_id is None:
            tags = {PARENT: self._run_id} | run_tags()
            run_id = _create(self._client, self._experiment_id, name, tags)
        with _running(MlflowRun(self._client, self._experiment_id, run_id)) as run:
            yield run

    def _unfinished(self, name: str) -> str | None:
        found = _children(self._client, self._run_id, self._experiment_id)
        same = (run for run in found if run.info.run_name == name)
        return next((run.info.run_id for run in same if run.info.status != "FINISHED"), None)


@contextmanager
def open_run(
    experiment: str,
    name: str,
    *,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    replaces: str | None = None,
) -> Iterator[Run]:
    """Open a tracked run; it ends FINISHED, FAILED after an error, KILLED after an interrupt.

    The store is ``MLFLOW_TRACKING_URI``, or ``mlruns/mlflow.db`` in the working directory with its
    files in ``mlruns/artifacts``.

    Parameters
    ----------
    experiment
        Made when it does not exist.
    name
        What the run is called in MLflow's pages.
    run_id
        A run to continue; one that is unknown, deleted or of another experiment starts a new one.
    tags
        More tags, besides the git commit and the versions.
    replaces
        The run of an earlier process that will not come back: where a kill left it RUNNING, it and
        its children are marked KILLED.

    Yields
    ------
    Run
    """
    client, uri = _client()
    experiment_id = _experiment(client, experiment, uri)
    if replaces and _is_alive(client, replaces, experiment_id):
        _end_stale(client, replaces, experiment_id)
    found = run_id if run_id and _is_alive(client, run_id, experiment_id) else None
    if found is None:
        found = _create(client, experiment_id, name, run_tags() | dict(tags or {}))
    with _running(MlflowRun(client, experiment_id, found)) as run:
        yield run


@contextmanager
def _running(run: MlflowRun) -> Iterator[MlflowRun]:
    run._client.update_run(run.run_id, status="RUNNING")
    status = "KILLED"  # of a KeyboardInterrupt, a SystemExit
    try:
        yield run
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        run._client.set_terminated(run.run_id, status)


def _client() -> tuple[Any, str]:
    """Return a client and its store's URI; nothing is sent anywhere but to that store."""
    for switch in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ[switch] = "true"  # mlflow reads them when it is imported
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    from mlflow import MlflowClient

    for noisy in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    if (file := sqlite_file(uri)) is not None:
        prepare_store(file, file.parent / ARTIFACTS)
        # mlflow keeps one store per URI and process: a relative one would outlive a change of
        # the working directory.
        uri = f"{SQLITE}{file}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri), uri


def _experiment(client: Any, name: str, uri: str) -> str:
    from mlflow.exceptions import MlflowException

    name = name.strip()[:500] or "tuwen"
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    file = sqlite_file(uri)
    location = None if file is None else (file.parent / ARTIFACTS).as_uri()
    try:
        return str(client.create_experiment(name, location, tags=KIND))
    except MlflowException:  # another process was faster
        return str(client.get_experiment_by_name(name).experiment_id)


def _create(client: Any, experiment_id: str, name: str, tags: Mapping[str, str]) -> str:
    return str(client.create_run(experiment_id, tags=dict(tags), run_name=name).info.run_id)


def _is_alive(client: Any, run_id: str, experiment_id: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        info = client.get_run(run_id).info
    except MlflowException:
        return False
    return info.lifecycle_stage == "active" and info.experiment_id == experiment_id


def _children(client: Any, run_id: str, experiment_id: str) -> list[Any]:
    parent = f"tags.`{PARENT}` = '{run_id}'"
    return list(client.search_runs([experiment_id], parent, max_results=1000))


def _end_stale(client: Any, run_id: str, experiment_id: str) -> None:
    runs = [client.get_run(run_id), *_children(client, run_id, experiment_id)]
    for stale in (run.info.run_id for run in runs if run.info.status == "RUNNING"):
        client.set_terminated(stale, "KILLED")
