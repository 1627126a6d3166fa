"""``tuwen evaluate --missing``: measure what missing parts cost, draw it, and keep both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core_embeddings.artefact import write_bytes, write_json
from core_embeddings.errors import TableError
from tuwen.inputs import table_digest
from tuwen.loading import Note, TableOptions, settle_rejects
from tuwen.missing_report import JOB, LEVELS, POLICY, REMOVED, SHARE, missing_report
from tuwen.session import grid, records
from tuwen.shop import Shop

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from core_embeddings.tables import LoadedQueries

JSON: Final = "missing.json"
PARQUET: Final = "missing.parquet"
PICTURE: Final = "missing.png"


def evaluate_missing(
    shop: Shop, queries: str | Path | None, options: TableOptions, *, seed: int, note: Note
) -> list[dict[str, Any]]:
    """Return the rows of `missing_report` of a shop's test products.

    They are kept in the shop as ``missing.json``, ``missing.parquet`` and ``missing.png``, and
    logged to MLflow: a metric per curve with the share in percent as its step.

    Raises
    ------
    TableError
        If a table of queries is given that has no judgements, or the shop has no test products.
    """
    from core_embeddings.tables import write_table
    from core_embeddings.tracking import open_run
    from tuwen.figure_missing import missing_figure

    if not (shop.catalogue()["split"] == "test").any():
        raise TableError(
            f"{shop.root} has no test products to take parts from; fit it with split.test above 0"
        )
    asked = None if queries is None else _judged(queries, options, note)
    report = missing_report(shop, asked=asked, seed=seed, note=note)
    rows, figure = records(report), missing_figure(report)
    write_table(report, shop.path(PARQUET))
    write_json(shop.path(JSON), {"rows": rows})
    write_bytes(shop.path(PICTURE), _png(figure))
    with open_run(shop.state.name, "missing") as run:
        run.log_params({"levels": list(LEVELS), "seed": seed})
        if queries is not None:
            run.log_dataset("queries", table_digest(queries), None, "test")
        for percent, metrics in curve_metrics(rows).items():
            run.log_metrics(metrics, step=percent)
        run.log_table(report, "missing")
        run.log_figure(figure, "missing")
        run.set_tags({"fingerprint": shop.state.fingerprint})
    return rows


def curve_metrics(rows: Iterable[Mapping[str, Any]]) -> dict[int, dict[str, float]]:
    """Return ``missing/removed/policy/job/metric`` by percent removed; baselines stand at 0.

    Examples
    --------
    >>> row = {"removed": "text", "share": 0.5, "policy": "mask", "job": "tag"}
    >>> curve_metrics([row | {"metric": "accuracy", "value": 0.7}])
    {50: {'missing/text/mask/tag/accuracy': 0.7}}
    """
    found: dict[int, dict[str, float]] = {}
    for row in rows:
        parts = (row[REMOVED] or "baseline", row[POLICY], row[JOB], row["metric"])
        name = "/".join(("missing", *map(str, parts)))
        found.setdefault(round(100 * row[SHARE]), {})[name] = float(row["value"])
    return found


def missing_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the report as text: per job and metric a line per policy and a column per share."""
    blocks: dict[tuple[str, str], dict[tuple[str, str], dict[str, Any]]] = {}
    for row in rows:
        lines = blocks.setdefault((row[JOB], row["metric"]), {})
        removed = row[REMOVED] or "(nothing)"
        start = {"removed": removed, "policy": row[POLICY], "n": row["n"]}
        line = lines.setdefault((removed, row[POLICY]), start)
        line[f"{row[SHARE]:.0%}"] = row["value"]
    texts = []
    for (job, metric), lines in blocks.items():
        shares = dict.fromkeys(name for line in lines.values() for name in line if "%" in name)
        shown = grid([*lines.values()], ["removed", "policy", *shares, "n"])
        texts.append(f"{job}: {metric}\n{shown}")
    return "\n\n".join(texts)


def _png(figure: Figure) -> bytes:
    stream = BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _judged(path: str | Path, options: TableOptions, note: Note) -> LoadedQueries:
    from core_embeddings.tables import read_queries

    asked = read_queries(
        path,
        images=options.images,
        columns=options.columns,
        allow_url_images=options.allow_url_images,
        max_pixels=options.max_pixels,
    )
    settle_rejects(asked.rejects, options, what=str(path), note=note)
    if asked.judgements.empty:
        raise TableError(f"{path} has no judgements; it needs product_id (and relevance) per query")
    return asked
