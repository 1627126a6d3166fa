"""Retrieval metrics of several models on the same judged queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import pandas as pd

from core_embeddings.columns import Columns
from core_embeddings.errors import TableError
from core_embeddings.metrics import ranking_metrics

MODEL: Final = "model"
METRIC: Final = "metric"
N: Final = "n"


class RetrievalReport(NamedTuple):
    """What an evaluation found.

    Attributes
    ----------
    summary
        Long frame: ``model``, ``metric``, ``value`` (mean over queries), ``n`` (queries averaged).
    per_query
        One row per model and query with a relevant product: ``model``, ``query_id``, the metrics.
    left_out
        Judged queries without a relevant product; they have no defined value.
    """

    summary: pd.DataFrame
    per_query: pd.DataFrame
    left_out: int


def evaluate_retrieval(
    hits_by_model: Mapping[str, pd.DataFrame], judgements: pd.DataFrame, k: int = 10
) -> RetrievalReport:
    """Score HITS tables against judgements.

    Every judged query with a relevant product counts, also one that a model answered with nothing
    (0). ``mean_cosine@k`` is the mean cosine of a query's first k hits, where hits carry one; it
    needs no judgement but is taken over the same queries, and over those with at least one hit.

    Parameters
    ----------
    hits_by_model
        Model name to its HITS; hits of unjudged queries are not looked at.
    judgements
        ``query_id``, ``product_id``, ``relevance`` (0 or more, above 0 is relevant); of a pair
        judged twice the higher relevance counts.
    k
        Places looked at.

    Raises
    ------
    TableError
        If a table lacks a column.
    """
    _require(judgements, "judgements", (Columns.QUERY_ID, Columns.PRODUCT, Columns.RELEVANCE))
    truth = _truth(judgements)
    frames = {
        model: _score(hits, truth, k, model).dropna(subset=[f"recall@{k}"])
        for model, hits in hits_by_model.items()
    }
    relevant = sum(any(value > 0 for value in judged.values()) for judged in truth.values())
    per_query = [
        frame.reset_index().assign(**{MODEL: model})[[MODEL, Columns.QUERY_ID, *frame.columns]]
        for model, frame in frames.items()
    ]
    return RetrievalReport(
        pd.DataFrame(
            [row for model, frame in frames.items() for row in _means(model, frame)],
            columns=[MODEL, METRIC, Columns.VALUE, N],
        ),
        pd.concat(per_query, ignore_index=True) if per_query else pd.DataFrame(),
        len(truth) - relevant,
    )


def _truth(judgements: pd.DataFrame) -> dict[str, dict[str, float]]:
    truth: dict[str, dict[str, float]] = {}
    columns = (judgements[n] for n in (Columns.QUERY_ID, Columns.PRODUCT, Columns.RELEVANCE))
    for query, product, relevance in zip(*columns, strict=True):
        judged = truth.setdefault(str(query), {})
        judged[str(product)] = max(float(relevance), judged.get(str(product), 0.0))
    return truth


def _score(
    hits: pd.DataFrame, truth: Mapping[str, Mapping[str, float]], k: int, model: str
) -> pd.DataFrame:
    _require(hits, f"hits of {model}", (Columns.QUERY_ID, Columns.PRODUCT, Columns.RANK))
    judged = hits[hits[Columns.QUERY_ID].isin(list(truth))]
    first = judged.sort_values([Columns.QUERY_ID, Columns.RANK], kind="stable")
    first = first.groupby(Columns.QUERY_ID, sort=False).head(k)
    lists: dict[str, list[str]] = {}
    for query, product in zip(first[Columns.QUERY_ID], first[Columns.PRODUCT], strict=True):
        lists.setdefault(query, []).append(product)
    metrics = ranking_metrics(lists, truth, k)
    if Columns.COSINE in hits:
        cosines = first.groupby(Columns.QUERY_ID)[Columns.COSINE].mean()
        metrics[f"mean_cosine@{k}"] = cosines.reindex(metrics.index)
    return metrics


def _means(model: str, frame: pd.DataFrame) -> list[tuple[str, str, float, int]]:
    return [
        (model, str(name), float(values.mean()), int(values.count()))
        for name, values in frame.items()
    ]


def _require(frame: pd.DataFrame, what: str, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in frame]
    if missing:
        raise TableError(
            f"{what} must have the columns {', '.join(columns)}; "
            f"{', '.join(missing)} missing; got {', '.join(map(str, frame.columns))}"
        )
