"""How good lists are: full ranking over all products, new pairs only, parts alone beside the blend.

A model that has nothing to say about a user lists by popularity, as any shop would: parts alone are
not beaten by being left without an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from core_embeddings.columns import Columns
from core_embeddings.errors import TableError
from core_embeddings.ids import IdMap
from core_embeddings.metrics import metrics_from_hits
from core_embeddings.topk import topk_of_scores
from recommend.blend import Blend, newcomer_fit, standardise
from recommend.histories import normalise_interactions
from recommend.hybrid import HybridRecommender
from recommend.lists import user_blocks
from recommend.signals import PARTS, Part, Signals

MODELS: Final[dict[str, Part]] = {
    "als": "mf",
    "content": "content",
    "recent": "recent",
    "item_item": "item_item",
    "popularity": "popular",
}
"""Parts alone, by the name their row carries; ``hybrid`` comes first."""

OF_DEEDS: Final = frozenset({"als", "item_item", "popularity"})
"""Models that know only what people did, and so list only what people met.

In the blend, factors of products nobody met are made from their vectors; a row named ``als`` must
not be credited with that, nor any of these with products of score 0 that fill a list by their ids.
"""

METRICS: Final = ("recall", "ndcg", "map", "hit")
TABLE_COLUMNS: Final = ("segment", "model", "metric", "value", "n")
SEGMENTS: Final = ("all", "warm_users", "cold_users", "cold_items")


class Evaluation(NamedTuple):
    """What an evaluation found.

    table: long, ``segment``, ``model``, ``metric``, ``value``, ``n`` (users averaged over; for
    ``users_left_out`` the users of the test table). per_user: ``user_id``, ``warm``, ``truth``
    (``all`` or ``cold_items``), ``model`` and one column per metric: what a bootstrap resamples.
    """

    table: pd.DataFrame
    per_user: pd.DataFrame


class _Test(NamedTuple):
    """Users with something new to find. truth, seen: (n_users, n_products); met: (n_products,)."""

    users: NDArray[np.object_]
    rows: NDArray[np.int64]
    truth: sparse.csr_matrix
    seen: sparse.csr_matrix
    met: NDArray[np.float64]
    asked: int


def evaluate_lists(
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    product_ids: Iterable[str],
    vectors: ArrayLike,
    recommender: HybridRecommender | None = None,
    k: int = 12,
) -> Evaluation:
    """Rank every product for every test user and compare with what they went on to meet.

    Parameters
    ----------
    train, test
        Interactions before and from one moment on; pairs of ``train`` are neither listed nor
        looked for.
    product_ids, vectors
        The catalogue, shape (n_products, dim).
    recommender
        Fitted on ``train`` and on nothing else; None fits one with default settings.
    k
        List length.

    Returns
    -------
    Metrics per segment: ``all``; ``warm_users`` and ``cold_users``, with and without history;
    ``cold_items``, where only products without any interaction in ``train`` count as found or
    missed. ``coverage@k`` is the share of the catalogue (for ``cold_items``: of those products) in
    any of the segment's lists. Where no user has a new pair, nothing but ``users_left_out`` is
    told. ``novelty@k`` is the mean of -log2((nᵢ + 1) / (n + n_products)) over
    the listed products, in bits, nᵢ of n training pairs being theirs.

    Raises
    ------
    TableError
        If the recommender was made for another catalogue.
    """
    ids = [str(name) for name in product_ids]
    if recommender is None:
        recommender = HybridRecommender().fit(train, product_ids=ids, vectors=vectors)
    if recommender.product_ids != tuple(sorted(ids)):
        raise TableError(
            f"the recommender knows {len(recommender.product_ids)} products, not the {len(ids)} "
            "given; call align with this catalogue, or fit again"
        )
    data = _prepare(recommender, train, test)
    lists = _rank_all(recommender.state.signals, recommender.validation.blend, data, k)
    return _measure(lists, data, k)


def _prepare(model: HybridRecommender, train: pd.DataFrame, test: pd.DataFrame) -> _Test:
    products = model.state.catalogue.products
    before, after = normalise_interactions(train), normalise_interactions(test)
    users = IdMap(sorted(after[Columns.USER].unique()))
    everyone = IdMap(sorted(before[Columns.USER].unique()))
    met = np.asarray(_pairs(before, everyone, products).sum(axis=0)).ravel()
    seen = _pairs(before, users, products)
    found = _pairs(after, users, products)
    truth = sparse.csr_matrix(found - found.multiply(seen))
    truth.eliminate_zeros()
    some = np.flatnonzero(np.diff(truth.indptr) > 0)
    names = np.array(users.all, dtype=object)[some]
    rows = model.state.signals.histories.users.rows(names)
    return _Test(names, rows, truth[some], seen[some], met.astype(np.float64), len(users))


def _pairs(table: pd.DataFrame, users: IdMap, products: IdMap) -> sparse.csr_matrix:
    rows, columns = users.rows(table[Columns.USER]), products.rows(table[Columns.PRODUCT])
    known = (rows >= 0) & (columns >= 0)
    matrix = sparse.csr_matrix(
        (np.ones(int(known.sum()), np.float32), (rows[known], columns[known])),
        shape=(len(users), len(products)),
    )
    matrix.data[:] = 1  # building it summed repeated pairs
    return matrix


def _rank_all(signals: Signals, blend: Blend, data: _Test, k: int) -> dict[str, NDArray[np.int64]]:
    """Return the lists of every model, each int64 of shape (n_users, k), -1 where fewer."""
    lists = {model: np.full((len(data.users), k), -1, np.int64) for model in ("hybrid", *MODELS)}
    for warm in (True, False):
        head_start = np.float32(blend.newcomer_weight(warm=warm))
        kind = np.flatnonzero((data.rows >= 0) == warm)
        weighting = _weightings(blend, warm=warm)
        for block in user_blocks(len(kind), len(signals.vectors)):
            places = kind[block]
            scores = {p: standardise(signals.score(p, data.rows[places])) for p in PARTS}
            for model, weights in weighting.items():
                total = sum(scores[part] * np.float32(w) for part, w in weights.items())
                if model == "hybrid" and head_start > 0:
                    total = total + head_start * newcomer_fit(scores, signals.newcomers)
                allow = data.met > 0 if model in OF_DEEDS else None
                seen = data.seen[places]
                lists[model][places] = topk_of_scores(total, k, allow=allow, exclude=seen).rows
    return lists


def _weightings(blend: Blend, *, warm: bool) -> dict[str, dict[Part, float]]:
    alone: dict[str, dict[Part, float]] = {
        model: {part if warm else "popular": 1.0} for model, part in MODELS.items()
    }
    return {"hybrid": blend.of(warm=warm), **alone}


def _measure(lists: dict[str, NDArray[np.int64]], data: _Test, k: int) -> Evaluation:
    left_out = ("all", "", "users_left_out", data.asked - len(data.users), data.asked)
    if not len(data.users):
        return _nothing(left_out, k)
    cold_items = data.met == 0
    truths = {
        "all": data.truth,
        "cold_items": sparse.csr_matrix(data.truth.multiply(cold_items[None, :])),
    }
    truths["cold_items"].eliminate_zeros()
    warm = data.rows >= 0
    everyone = np.ones(len(warm), dtype=np.bool_)
    chosen = {"all": everyone, "warm_users": warm, "cold_users": ~warm, "cold_items": everyone}
    rows, frames = [], []
    for model, ranked in lists.items():
        scores = {name: _scores(ranked, truth, k) for name, truth in truths.items()}
        for segment in SEGMENTS:
            name = "cold_items" if segment == "cold_items" else "all"
            users = chosen[segment] & (np.diff(truths[name].indptr) > 0)
            values = scores[name][users].mean().to_dict()
            about = cold_items if name == "cold_items" else np.ones_like(cold_items)
            values[f"coverage@{k}"] = _coverage(ranked[users], about)
            values[f"novelty@{k}"] = _novelty(ranked[users], data.met)
            n = int(users.sum())
            rows += [(segment, model, metric, value, n) for metric, value in values.items()]
        frames += [_per_user(frame, data, warm, name, model) for name, frame in scores.items()]
    table = pd.DataFrame([*rows, left_out], columns=list(TABLE_COLUMNS))
    per_user = pd.concat(frames, ignore_index=True).dropna(subset=[f"recall@{k}"])
    return Evaluation(table.astype({"value": float}), per_user.reset_index(drop=True))


def _nothing(left_out: tuple[str, str, str, int, int], k: int) -> Evaluation:
    """Return what remains to say where no user has anything new to find."""
    table = pd.DataFrame([left_out], columns=list(TABLE_COLUMNS)).astype({"value": float})
    kinds = {Columns.USER: object, "warm": bool, "truth": object, "model": object}
    kinds |= {f"{name}@{k}": float for name in METRICS}
    return Evaluation(table, pd.DataFrame({name: pd.Series(dtype=t) for name, t in kinds.items()}))


def _scores(ranked: NDArray[np.int64], truth: sparse.csr_matrix, k: int) -> pd.DataFrame:
    """Return one row per user, one column per metric; NaN without truth."""
    users = np.repeat(np.arange(len(ranked)), k)
    rows = np.maximum(ranked.ravel(), 0)
    gains = np.asarray(truth[users, rows], dtype=np.float64).reshape(ranked.shape) * (ranked >= 0)
    values = metrics_from_hits(gains, np.diff(truth.indptr))
    return pd.DataFrame({f"{name}@{k}": values[f"{name}@{k}"] for name in METRICS})


def _coverage(ranked: NDArray[np.int64], about: NDArray[np.bool_]) -> float:
    listed = np.zeros_like(about)
    listed[ranked[ranked >= 0]] = True
    return float(listed[about].mean()) if about.any() else float("nan")


def _novelty(ranked: NDArray[np.int64], met: NDArray[np.float64]) -> float:
    bits = -np.log2((met + 1) / (met.sum() + len(met)))
    listed = ranked[ranked >= 0]
    return float(bits[listed].mean()) if len(listed) else float("nan")


def _per_user(
    scores: pd.DataFrame, data: _Test, warm: NDArray[np.bool_], truth: str, model: str
) -> pd.DataFrame:
    head = pd.DataFrame({Columns.USER: data.users, "warm": warm, "truth": truth, "model": model})
    return pd.concat([head, scores], axis=1)
