"""The report: one long frame of job, segment, model, metric, value, n."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_embeddings.artefact import read_json, write_json
from core_embeddings.errors import ArtefactError
from tuwen.session import grid, records, to_json

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("job", "segment", "model", "metric", "value", "n")
_LEFT_OUT = {
    *("n", "capped_recall", "precision", "f1", "hit", "map"),
    *("plausible_coverage", "plausible_size", "whole_coverage", "hierarchical_f1"),
}
"""In the files and in JSON, but not in the text: a line must fit a screen."""

JSON, PARQUET = "report.json", "report.parquet"


def as_report(frame: pd.DataFrame, *, job: str, segment: str | None = None) -> pd.DataFrame:
    """Give an evaluation's long frame the report's columns.

    Parameters
    ----------
    frame
        With ``model``, ``metric``, ``value``, ``n`` and, unless ``segment`` is given, ``segment``.
    job
        ``search``, ``pairs``, ``match``, ``tag`` or ``recommend``.
    segment
        Which rows, users or field; None keeps the frame's own.
    """
    frame = frame.assign(job=job)
    if segment is not None:
        frame = frame.assign(segment=segment)
    return frame[list(COLUMNS)].reset_index(drop=True)


def join(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Stack parts of a report."""
    import pandas as pd

    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=list(COLUMNS))


def write_report(report: pd.DataFrame, folder: Path) -> None:
    """Write ``report.json`` and ``report.parquet`` into a shop."""
    import json

    from core_embeddings.tables import write_table

    write_table(report, folder / PARQUET)
    write_json(folder / JSON, json.loads(to_json({"rows": records(report)})))


def read_report(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a shop's report without loading pandas.

    Raises
    ------
    ArtefactError
        If there is none.
    """
    try:
        return list(read_json(folder / JSON)["rows"])
    except (KeyError, TypeError):
        raise ArtefactError(f"{folder / JSON} is damaged; run tuwen evaluate again") from None


def report_text(rows: list[dict[str, Any]]) -> str:
    """Return the report as text: per job one table, models as rows and metrics as columns."""
    rows = [row for row in rows if row["n"] and row["model"]]
    blocks = []
    for job in dict.fromkeys(row["job"] for row in rows):
        lines: dict[tuple[str, str], dict[str, Any]] = {}
        for row in (row for row in rows if row["job"] == job):
            key = (row["segment"], row["model"])
            line = lines.setdefault(key, {"segment": key[0], "model": key[1]})
            line[row["metric"]] = row["value"]
            line["n"] = row["n"]
        found = dict.fromkeys(name for line in lines.values() for name in line)
        ordered = [*(name for name in found if name.split("@")[0] not in _LEFT_OUT), "n"]
        blocks.append(f"{job}\n{grid(list(lines.values()), ordered)}")
    return "\n\n".join(blocks)
