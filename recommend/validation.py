"""Learning the blend inside the training period: fit before a window, rank what came in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from core_embeddings.columns import Columns
from core_embeddings.config import flatten, to_mapping
from core_embeddings.ids import IdMap
from core_embeddings.seeding import numpy_generator
from core_embeddings.splits import time_cut
from core_embeddings.tracking import Run
from recommend.blend import (
    DEFAULT_BLEND,
    FEW,
    Blend,
    Candidates,
    Search,
    gather_candidates,
    search_weights,
)
from recommend.config import RecommenderConfig
from recommend.histories import event_weights
from recommend.newcomers import HeadStart, search_head_start
from recommend.signals import COLD_PARTS, PARTS, Part, Signals


@dataclass(frozen=True)
class Window:
    """The training period cut in two: learn before, check from ``start`` on."""

    start: pd.Timestamp
    before: pd.DataFrame
    after: pd.DataFrame


@dataclass(frozen=True)
class Validated:
    """The blend, and what it and each part alone reached on the window.

    ``metrics`` maps ``<warm|cold>.<part|blend>`` to mean ndcg@k, and ``newcomers.<ndcg|recall|
    recall_before>`` to what the head start of products nobody met reached for users with history;
    empty where nothing could be checked.
    """

    blend: Blend = DEFAULT_BLEND
    metrics: dict[str, float] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)


def cut_window(
    interactions: pd.DataFrame, *, valid_from: pd.Timestamp | None, share: float
) -> Window | None:
    """Cut at ``valid_from``, or at the start of the day from which on ``share`` of the rows lie.

    Rows without a time lie before the window. None where no time leaves something on both sides:
    then no honest window exists (a random split would let the future tell of the past), and the
    default weights are used.
    """
    times = interactions[Columns.TIMESTAMP]
    start = time_cut(interactions, share=share) if valid_from is None else valid_from
    if start is None:
        return None
    start = start.tz_localize("UTC") if start.tzinfo is None else start.tz_convert("UTC")
    inside = times >= start
    if inside.all() or not inside.any():
        return None
    return Window(start, interactions[~inside], interactions[inside])


def learn_blend(
    signals: Signals,
    after: pd.DataFrame,
    products: IdMap,
    config: RecommenderConfig,
    *,
    seed: int = 0,
) -> Validated:
    """Learn the weights for users with and without history.

    Parameters
    ----------
    signals
        Fitted on the interactions before the window.
    after
        The interactions in the window.
    products
        Product ids in the order of the signals' rows.
    config
        ``k`` and ``validation_users`` are used.
    seed
        Draws the users where there are more than ``validation_users`` of a kind.
    """
    users = np.array(sorted(after[Columns.USER].unique()), dtype=object)
    rows = signals.histories.users.rows(users)
    truth = _new_pairs(signals, after, IdMap(users), rows, products, config)
    some = np.diff(truth.indptr) > 0
    known, strange = some & (rows >= 0), some & (rows < 0)
    warm, cold, start = None, None, None
    if candidates := _candidates(signals, rows, truth, known, PARTS, config, seed):
        warm = search_weights(candidates, config.k)
        start = search_head_start(candidates, warm.weights, config.k, cost=config.newcomer_cost)
    if candidates := _candidates(signals, rows, truth, strange, COLD_PARTS, config, seed):
        cold = search_weights(candidates, config.k)
    return Validated(
        blend=Blend(
            warm=warm.weights if warm else DEFAULT_BLEND.warm,
            cold=cold.weights if cold else DEFAULT_BLEND.cold,
            head_start=start.share if start else DEFAULT_BLEND.head_start,
        ),
        metrics=_reached("warm", warm) | _reached("cold", cold) | _newcomers(start),
        users={"warm": int(known.sum()), "cold": int(strange.sum())},
    )


def _reached(kind: str, search: Search | None) -> dict[str, float]:
    if search is None:
        return {}
    found = {"blend": search.ndcg} | search.alone
    return {f"{kind}.{name}": value for name, value in found.items()}


def _newcomers(start: HeadStart | None) -> dict[str, float]:
    if start is None:
        return {}
    return {
        "newcomers.ndcg": start.ndcg,
        "newcomers.recall": start.recall,
        "newcomers.recall_before": start.recall_before,
    }


def _new_pairs(
    signals: Signals,
    after: pd.DataFrame,
    users: IdMap,
    rows: NDArray[np.int64],
    products: IdMap,
    config: RecommenderConfig,
) -> sparse.csr_matrix:
    """Return what each user met in the window and not before, of shape (n_users, n_products)."""
    columns = products.rows(after[Columns.PRODUCT])
    kept = (columns >= 0) & (event_weights(after, config) > 0)
    pairs = (users.rows(after[Columns.USER][kept]), columns[kept])
    met = sparse.csr_matrix(
        (np.ones(int(kept.sum()), np.float32), pairs), shape=(len(users), len(products))
    )
    met.data[:] = 1
    seen = signals.histories.take(rows, decayed=False)
    new = sparse.csr_matrix(met - met.multiply(seen > 0))
    new.eliminate_zeros()
    return new


def _candidates(
    signals: Signals,
    rows: NDArray[np.int64],
    truth: sparse.csr_matrix,
    chosen: NDArray[np.bool_],
    parts: tuple[Part, ...],
    config: RecommenderConfig,
    seed: int,
) -> Candidates | None:
    places = np.flatnonzero(chosen)
    if len(places) > config.validation_users:
        drawn = numpy_generator(seed).choice(places, config.validation_users, replace=False)
        places = np.sort(drawn)
    if len(places) < FEW:
        return None
    return gather_candidates(signals, rows[places], truth[places], parts=parts)


def log_fit(run: Run, config: RecommenderConfig, validation: Validated) -> None:
    """Log the settings, the weights learned, and what they reached on the window."""
    run.log_params(flatten({"recommender": to_mapping(config)}))
    for kind, weights in (("warm", validation.blend.warm), ("cold", validation.blend.cold)):
        run.log_metrics({f"weight.{kind}.{part}": value for part, value in weights.items()})
    run.log_metrics({"weight.head_start": validation.blend.head_start})
    for name, value in validation.metrics.items():
        prefix = "valid" if name.startswith("newcomers.") else "valid_ndcg"
        run.log_metrics({f"{prefix}.{name}": value})
