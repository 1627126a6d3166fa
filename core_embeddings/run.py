"""A tracked run as whoever logs sees it, and the one that keeps nothing; no mlflow in here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

WriteModel = Callable[[Path, str, str], None]
"""Writes an MLflow model into a folder that does not exist yet; told run id and model id."""


class Run(Protocol):
    """One tracked run; whoever logs needs to know no more."""

    @property
    def run_id(self) -> str:
        """Identifier of the run; "" where nothing is tracked."""

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log flat settings."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers, of one epoch when ``step`` is given."""

    def history(self) -> pd.DataFrame:
        """Return the metrics logged with a step, a column each; ``epoch`` is the step."""

    def log_table(self, table: pd.DataFrame, name: str) -> None:
        """Log a table under ``tables/<name>``."""

    def log_figure(self, figure: Figure, name: str) -> None:
        """Log a picture under ``figures/<name>.png``."""

    def log_file(self, path: Path, folder: str = "") -> None:
        """Log a file, or a folder with all it holds."""

    def log_dataset(self, name: str, digest: str, rows: int | None, context: str) -> None:
        """Log which data went in; ``context`` is ``training``, ``validation`` or ``test``."""

    def log_model(self, name: str, write: WriteModel) -> str:
        """Log a model that ``write`` puts into a folder; return its URI, "" if nothing is kept."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""

    def child(self, name: str) -> AbstractContextManager[Run]:
        """Open a nested run."""


class NullRun:
    """A run that keeps nothing: the default everywhere."""

    run_id = ""

    def log_params(self, params: Mapping[str, object]) -> None:
        """Do nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Do nothing."""

    def history(self) -> pd.DataFrame:
        """Return an empty table."""
        import pandas as pd

        return pd.DataFrame({"epoch": []})

    def log_table(self, table: pd.DataFrame, name: str) -> None:
        """Do nothing."""

    def log_figure(self, figure: Figure, name: str) -> None:
        """Do nothing."""

    def log_file(self, path: Path, folder: str = "") -> None:
        """Do nothing."""

    def log_dataset(self, name: str, digest: str, rows: int | None, context: str) -> None:
        """Do nothing."""

    def log_model(self, name: str, write: WriteModel) -> str:
        """Do nothing."""
        return ""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Do nothing."""

    @contextmanager
    def child(self, name: str) -> Iterator[Run]:
        """Give another run that keeps nothing."""
        yield NullRun()
