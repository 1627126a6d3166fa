"""What several test packages share."""

import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# Tests compare to the last bit; faster engines agree to .999 only, and have tests of their own.
os.environ.setdefault("TUWEN_ENGINE", "torch")
os.environ.setdefault("TUWEN_PRECISION", "float32")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Keep the user's own feature cache out of the tests, subprocesses included."""
    os.environ["TUWEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def tracking_db(tmp_path_factory):
    """Copy a migrated MLflow database into a folder; the migration costs seconds, once."""
    from mlflow import MlflowClient

    template = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{template}").search_experiments()

    def copy_into(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template, Path(folder) / "mlflow.db")
        return Path(folder)

    return copy_into
