"""What a fitted recommender holds, and how it is put together when people or products change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from core_embeddings.columns import Columns
from core_embeddings.errors import TableError
from core_embeddings.ids import IdMap
from recommend.config import RecommenderConfig
from recommend.factors import Factors, cold_item_factors, fold_in
from recommend.histories import build_histories
from recommend.signals import Signals, build_signals


@dataclass(frozen=True)
class Catalogue:
    """Products sorted by id, so that ties broken by row are broken by ``product_id``.

    Parameters
    ----------
    products
        The ids.
    vectors
        float32 of shape (n_products, dim), unit rows.
    """

    products: IdMap
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Learned:
    """Factors with the ids they belong to; survives a change of people and products.

    Parameters
    ----------
    users, products
        Whose rows ``factors`` holds.
    factors
        As the factorisation left them: zero for products nobody met.
    """

    users: IdMap
    products: IdMap
    factors: Factors


@dataclass(frozen=True)
class State:
    """One consistent whole: interactions, catalogue, factors, and the signals made of them."""

    interactions: pd.DataFrame
    catalogue: Catalogue
    learned: Learned
    signals: Signals
    as_of: pd.Timestamp | None


def make_catalogue(product_ids: Iterable[str], vectors: ArrayLike) -> Catalogue:
    """Check products and their vectors and sort them by id.

    Raises
    ------
    TableError
        If ids repeat, shapes disagree, or a vector is not finite.
    """
    ids: Sequence[str] = [str(name) for name in product_ids]
    matrix = np.asarray(vectors, dtype=np.float32)
    if matrix.ndim != 2 or len(matrix) != len(ids):
        raise TableError(
            f"expected one vector per product, shape ({len(ids)}, dim); got shape {matrix.shape}. "
            "Embed the same catalogue again"
        )
    if len(set(ids)) != len(ids):
        raise TableError(
            f"product ids must be unique; {len(ids) - len(set(ids))} of {len(ids)} repeat. "
            "Read the catalogue with read_catalogue, which rejects the later ones"
        )
    if not np.isfinite(matrix).all():
        raise TableError(
            f"vectors must be finite; {int((~np.isfinite(matrix).all(axis=1)).sum())} products "
            "have NaN or infinity. Embed them again"
        )
    order = np.argsort(np.array(ids, dtype=object), kind="stable")
    return Catalogue(IdMap([ids[row] for row in order]), matrix[order])


def assemble(
    interactions: pd.DataFrame,
    catalogue: Catalogue,
    learned: Learned,
    config: RecommenderConfig,
    *,
    as_of: pd.Timestamp | None,
    renew: frozenset[str] = frozenset(),
) -> State:
    """Put a state together for these people and products from factors learned for others.

    Users without a factor, and those in ``renew``, get one by one least-squares step; products
    without a factor get theirs from their vector; people and products that are no longer there
    leave nothing behind.
    """
    products = catalogue.products
    listed = products.rows(interactions[Columns.PRODUCT]) >= 0
    interactions = interactions[listed].reset_index(drop=True)
    histories = build_histories(interactions, products, config, as_of=as_of)
    items, met = _carry(learned.factors.items, learned.products.rows(products.all))
    # What only forgotten people met keeps no factor that only they have made.
    met &= np.bincount(histories.strength.indices, minlength=len(products)) > 0
    items[~met] = 0
    users, known = _carry(learned.factors.users, learned.users.rows(histories.users.all))
    stale = np.flatnonzero(~known | np.array([u in renew for u in histories.users.all], dtype=bool))
    users[stale] = fold_in(items, histories.strength[stale], config)
    filled = cold_item_factors(
        items, met, catalogue.vectors, regularization=config.cold_regularization
    )
    signals = build_signals(
        interactions,
        products,
        catalogue.vectors,
        config,
        histories=histories,
        factors=Factors(users, filled),
        as_of=as_of,
    )
    kept = Learned(histories.users, products, Factors(users, items))
    return State(interactions, catalogue, kept, signals, as_of)


def _carry(
    matrix: NDArray[np.float32], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    known = rows >= 0
    carried = np.zeros((len(rows), matrix.shape[1]), dtype=np.float32)
    carried[known] = matrix[rows[known]]
    return carried, known
