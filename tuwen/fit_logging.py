"""What a run is told beside its stages: which data went in, how good the result is; no user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from core_embeddings.columns import Columns
from tuwen.inputs import FitRequest, table_digest

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.run import Run

CONTEXTS = {"train": "training", "val": "validation", "test": "test"}
"""What MLflow calls the splits."""
SERVED = {
    "search": "tuwen",
    "pairs": "tuwen",
    "match": "tuwen",
    "tag": "fused",
    "recommend": "hybrid",
}
"""Per job, the model the shop answers with; the others of a report are its baselines."""
HEADLINES = {
    "search": ("ndcg", "recall", "accuracy", "gain_over_bm25"),
    "pairs": ("accuracy",),
    "match": ("recall", "median_rank"),
    "tag": ("accuracy", "macro_f1", "ece"),
    "recommend": ("ndcg", "recall", "coverage"),
}
"""Per job, the metrics that say most, without their ``@k``."""


def report_metrics(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return a report as flat metrics, ``job/segment/model/metric``; what is unknown is left out.

    Examples
    --------
    >>> row = {"job": "tag", "segment": "a/b", "model": "svm", "metric": "ece", "value": 0.1}
    >>> report_metrics([row])
    {'tag/a_b/svm/ece': 0.1}
    """
    return {
        "/".join(
            str(row[part]).replace("/", "_") for part in ("job", "segment", "model", "metric")
        ): float(row["value"])
        for row in rows
        if row["value"] is not None and row["value"] == row["value"]
    }


def headline_metrics(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return ``job/segment/metric`` of what the shop serves: few enough to compare runs by."""
    own = [
        row
        for row in rows
        if row["model"] == SERVED.get(row["job"])
        and str(row["metric"]).split("@")[0] in HEADLINES[row["job"]]
    ]
    named = report_metrics(own)
    return {"/".join((*name.split("/")[:2], name.split("/")[3])): v for name, v in named.items()}


def log_inputs(run: Run, request: FitRequest, products: pd.DataFrame) -> None:
    """Log every table that went in by its digest, the catalogue once per split with its size."""
    digest = request.catalogue_digest()
    for split, context in CONTEXTS.items():
        rows = int((products[Columns.SPLIT] == split).sum())
        run.log_dataset("catalogue", digest, rows, context)
    if request.interactions is not None:
        digest = table_digest(request.interactions)
        run.log_dataset("interactions", digest, None, "training")
    if request.queries is not None:
        run.log_dataset("queries", table_digest(request.queries), None, "test")


def without_people(rejects: pd.DataFrame) -> pd.DataFrame:
    """Return the rejects of an interactions table without anything that stood in its cells.

    A broken line, or one whose cells have slipped, may hold a user's id in any column. The row
    number, the column's name and the reason are enough to find it in the user's own file.
    """
    return rejects.assign(**{Columns.PRODUCT: "", Columns.VALUE: ""})
