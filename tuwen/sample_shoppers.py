"""Shoppers with latent tastes, and the log of what they did.

A shopper has a main taste and a second one that grows with time. Chance of meeting a product: its
popularity times what the taste of the moment thinks of its leaf, colour family and brand. Nobody
meets the same product twice, some products are launched late and some are never met, so content
must help where the log cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from tuwen.sample_products import Product
from tuwen.sample_taxonomy import COLOURS, TASTES, Taste

END: Final = pd.Timestamp("2026-06-30T00:00:00Z")
"""The log ends here, whatever the day it is made."""

DAYS: Final = 120
_LATE: Final = 0.86  # launch of the late products: by now four fifths of the events have happened
_PROMOTED: Final = 3.0  # how much more often a late product is shown
_COLD_SHARE, _LATE_SHARE = 0.04, 0.08
_FAMILY: Final = {colour.term.name: colour.family for colour in COLOURS}
_BAD_ROWS: Final = (
    ("unknown product", Columns.PRODUCT, "NO-SUCH-PRODUCT"),
    ("unknown product", Columns.PRODUCT, "P999999"),
    ("missing product", Columns.PRODUCT, ""),
    ("missing user", Columns.USER, ""),
    ("bad timestamp", Columns.TIMESTAMP, "yesterday"),
    ("bad timestamp", Columns.TIMESTAMP, "2026-13-45T99:00:00Z"),
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Log:
    """What shoppers did, and the hidden causes.

    Parameters
    ----------
    rows
        ``user_id``, ``product_id``, ``event``, ``value``, ``timestamp`` (ISO 8601), oldest first.
    tastes
        Main and second taste by user.
    cold, late
        Ids of products nobody met, and of those launched near the end.
    dirty
        The planted bad rows: ``row`` (1-based), ``kind``, ``column``.
    """

    rows: pd.DataFrame
    tastes: dict[str, tuple[str, str]]
    cold: list[str]
    late: list[str]
    dirty: list[dict[str, str | int]]


def affinity(taste: Taste, products: list[Product]) -> Floats:
    """Return how much a taste likes each product, as a log-weight of shape (n_products,)."""
    return np.array(
        [
            3.0 * (product.design.leaf.term.name in taste.leaves)
            + 2.2 * (_FAMILY[product.design.color] in taste.families)
            + 1.6 * (product.design.brand.en in taste.brands)
            for product in products
        ]
    )


def plan_log(products: list[Product], users: int, generator: np.random.Generator) -> Log:
    """Let ``users`` shoppers loose on the products (those a careful reader keeps)."""
    popularity = generator.normal(0, 0.5, len(products))
    order = generator.permutation(len(products))
    cuts = np.round(np.cumsum((_COLD_SHARE, _LATE_SHARE)) * len(products)).astype(int)
    launch = np.zeros(len(products))
    launch[order[cuts[0] : cuts[1]]] = _LATE
    launch[order[: cuts[0]]] = np.inf
    weights = np.exp([affinity(taste, products) + popularity for taste in TASTES])
    weights /= weights.sum(axis=1, keepdims=True)
    ids = [product.product_id for product in products]
    rows: list[dict[str, object]] = []
    tastes: dict[str, tuple[str, str]] = {}
    for number in range(users):
        user = f"U{number + 1:04d}"
        main, second = (int(row) for row in generator.permutation(len(TASTES))[:2])
        tastes[user] = TASTES[main].name, TASTES[second].name
        for met in _stroll(weights[main], weights[second], launch, generator):
            liked = float(np.log(weights[main][met.row] * len(products)))
            rows += _events(user, ids[met.row], met.time, liked, generator)
    frame = pd.DataFrame(rows).sort_values([Columns.TIMESTAMP, Columns.USER], kind="stable")
    frame, dirty = _plant(frame.reset_index(drop=True), generator)
    return Log(
        rows=frame,
        tastes=tastes,
        cold=sorted(ids[row] for row in order[: cuts[0]]),
        late=sorted(ids[row] for row in order[cuts[0] : cuts[1]]),
        dirty=dirty,
    )


@dataclass(frozen=True)
class _Meeting:
    row: int
    time: float


def _stroll(
    main: Floats, second: Floats, launch: Floats, generator: np.random.Generator
) -> list[_Meeting]:
    """Return the products one shopper meets, at times in 0-1; no product twice."""
    newcomer = generator.random() < 0.06
    start = _LATE + 0.02 if newcomer else float(generator.uniform(0, 0.5))
    few = newcomer or generator.random() < 0.1
    count = (
        int(generator.integers(2, 5)) if few else int(np.clip(generator.lognormal(3, 0.5), 5, 70))
    )
    fresh = np.ones(len(main), dtype=bool)
    shown = np.where(launch > 0, _PROMOTED, 1.0)
    meetings = []
    for time in np.sort(generator.uniform(start, 1, min(count, len(main) // 3))):
        share = 0.05 + 0.3 * float(time)
        chance = ((1 - share) * main + share * second) * (fresh & (launch <= time)) * shown
        row = int(generator.choice(len(main), p=chance / chance.sum()))
        fresh[row] = False
        meetings.append(_Meeting(row, float(time)))
    return meetings


def _events(
    user: str, product: str, time: float, liked: float, generator: np.random.Generator
) -> list[dict[str, object]]:
    """Return the steps of one meeting: a view, perhaps a cart, a purchase, a rating."""
    steps: list[tuple[str, float]] = [("view", np.nan)]
    if generator.random() < 0.45:
        steps.append(("cart", float(generator.integers(1, 3))))
    if len(steps) > 1 and generator.random() < 0.65:
        steps.append(("purchase", 1.0))
    if len(steps) > 2 and generator.random() < 0.35:
        steps.append(
            ("rating", float(np.clip(round(3 + 0.6 * liked + generator.normal(0, 0.7)), 1, 5)))
        )
    begin = END - pd.Timedelta(days=DAYS) * (1 - time) - pd.Timedelta(hours=2)
    minutes = np.cumsum(generator.integers(1, 30, len(steps)))
    return [
        {
            Columns.USER: user,
            Columns.PRODUCT: product,
            Columns.EVENT: event,
            Columns.VALUE: value,
            Columns.TIMESTAMP: f"{begin + pd.Timedelta(minutes=int(late)):%Y-%m-%dT%H:%M:%SZ}",
        }
        for (event, value), late in zip(steps, minutes, strict=True)
    ]


def _plant(
    frame: pd.DataFrame, generator: np.random.Generator
) -> tuple[pd.DataFrame, list[dict[str, str | int]]]:
    """Add the bad rows at random places; each is a copy of a good row with one cell spoiled."""
    sources = generator.choice(len(frame), size=len(_BAD_ROWS), replace=len(frame) < len(_BAD_ROWS))
    bad = frame.iloc[sources].reset_index(drop=True)
    for place, (_, column, value) in enumerate(_BAD_ROWS):
        bad.loc[place, column] = value
    keys = np.concatenate([np.arange(len(frame)), sources + 0.5])
    order = np.argsort(keys, kind="stable")
    where = np.argsort(order, kind="stable")[len(frame) :]
    dirty: list[dict[str, str | int]] = [
        {Columns.ROW: int(row) + 1, "kind": kind, Columns.COLUMN: column}
        for row, (kind, column, _) in zip(where, _BAD_ROWS, strict=True)
    ]
    mixed = pd.concat([frame, bad], ignore_index=True).iloc[order].reset_index(drop=True)
    return mixed, sorted(dirty, key=lambda item: item[Columns.ROW])
