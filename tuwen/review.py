"""What a human should look at first: the missing values that no machine is sure enough of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.labels import field_labels
from classify.worklist import Asked, likeness, settled_by, uncertainty, worklist
from core_embeddings.columns import Columns
from core_embeddings.config import nearest
from core_embeddings.errors import ConfigError
from tuwen.answers import ANSWER, SUGGESTED
from tuwen.correcting import learned_rows
from tuwen.shop import Shop
from tuwen.tagging import AUTO, tagger_views

if TYPE_CHECKING:
    from classify.taggers import TaggerSet
    from core_embeddings.embedder import Views

PRIORITY: Final = "priority"
TOTAL: Final = "total"
COLUMNS: Final = (
    *(Columns.PRODUCT, Columns.FIELD, SUGGESTED, Columns.CONFIDENCE),
    *(Columns.ALTERNATIVES, PRIORITY, Columns.TITLE, ANSWER),
)
BUDGETS: Final = (10, 25, 50, 100, 200, 400, 800)
"""Numbers of answers that ``--budget`` speaks of."""


@dataclass(frozen=True)
class Review:
    """A worklist and what it was taken from.

    Parameters
    ----------
    worklist
        `COLUMNS`, first things first; ``priority`` is what an answer settles beyond those above it.
    open
        Questions there are in all.
    certain
        Missing values that the taggers are certain enough of: nobody need look at them.
    gains
        Priorities of all open questions, first things first.
    total
        What it would settle to answer everything.
    """

    worklist: pd.DataFrame
    open: int
    certain: int
    gains: NDArray[np.float64]
    total: float

    def settled(self) -> list[dict[str, Any]]:
        """Return how much of everything the first answers settle."""
        share = np.cumsum(self.gains) / max(self.total, 1e-12)
        counts = [count for count in BUDGETS if count < len(share)]
        counts += [len(share)] if len(share) else []
        return [{"answers": n, "settled": float(share[n - 1])} for n in counts]


def review_shop(shop: Shop, *, fields: Sequence[str] | None = None, limit: int = 200) -> Review:
    """Return what to ask of a shop's products.

    Asked are values that are missing and that the taggers would send to review. A question's worth
    is its uncertainty times the demand for the product, 1 + log(1 + interactions); an answer
    settles, in part, the products that are like its own: see `classify.worklist`. Products that
    reports are measured on may be asked for, but teach nothing, so that they settle only
    themselves.

    Parameters
    ----------
    shop
        Fitted.
    fields
        Tagged fields; None for all.
    limit
        Questions at most.

    Raises
    ------
    ConfigError
        If a field is not tagged.
    """
    products, taggers = shop.catalogue(), shop.taggers()
    names = tuple(dict.fromkeys(fields)) if fields else taggers.fields
    for name in names:
        if name not in taggers.fields:
            raise ConfigError(f"field {name!r} was not learned; {nearest(name, taggers.fields)}")
    missing = {name: field_labels(products, name) == "" for name in names}
    some = np.logical_or.reduce(list(missing.values())) if missing else np.zeros(0, dtype=bool)
    if not some.any():
        return _joined([], 0, limit, products)
    rows = np.flatnonzero(some)
    asked = products.iloc[rows].reset_index(drop=True)
    views = shop.embedder().views(asked)
    tags = _tags(taggers, asked, views, names)
    demand = 1 + np.log1p(interactions_of(shop, products))
    parts, certain = [], 0
    for name, absent in missing.items():
        own = tags[tags[Columns.FIELD] == name].reset_index(drop=True)
        sure = (own[Columns.DECISION] == AUTO).to_numpy()
        here = np.flatnonzero(absent[rows] & ~sure)
        certain += int((absent[rows] & sure).sum())
        if len(here):
            shares = _shares(taggers, name, views, asked, here)
            doubt = uncertainty(shares.to_numpy(), own[Columns.CONFIDENCE].to_numpy()[here])
            order = _order(shop, products, name, rows[here], shares, doubt * demand[rows[here]])
            parts.append(_questions(own.iloc[here], order))
    return _joined(parts, certain, limit, products)


def interactions_of(shop: Shop, products: pd.DataFrame) -> NDArray[np.int64]:
    """Return how many interactions each product has; zeros where the shop has none."""
    if not shop.has_recommender:
        return np.zeros(len(products), dtype=np.int64)
    from recommend.storage import INTERACTIONS

    met = pd.read_parquet(shop.path("recommender", INTERACTIONS), columns=[Columns.PRODUCT])
    counts = met[Columns.PRODUCT].value_counts()
    return products[Columns.PRODUCT].map(counts).fillna(0).to_numpy(dtype=np.int64)


def _tags(
    taggers: TaggerSet, asked: pd.DataFrame, views: Views, names: Sequence[str]
) -> pd.DataFrame:
    return taggers.tag(
        tagger_views(views),
        asked,
        fields=names,
        has_image=views.has_image,
        has_text=views.has_text,
    )


def _shares(
    taggers: TaggerSet, name: str, views: Views, asked: pd.DataFrame, here: NDArray[np.int64]
) -> pd.DataFrame:
    """Return how likely each value is for some of the asked products; rows sum to 1."""
    found = taggers.probabilities(
        name,
        {view: X[here] for view, X in tagger_views(views).items()},
        asked.iloc[here],
        has_image=views.has_image[here],
        has_text=views.has_text[here],
    )
    return found.div(found.sum(axis=1), axis=0)  # where a product may have several, they do not


def _order(
    shop: Shop,
    products: pd.DataFrame,
    name: str,
    rows: NDArray[np.int64],
    shares: pd.DataFrame,
    worth: NDArray[np.float64],
) -> Asked:
    """Return in which order the products ``rows`` are asked for one field."""
    vectors, learned = shop.vectors().vectors, learned_rows(products)
    labels = field_labels(products, name)
    known = np.flatnonzero(learned & np.isin(labels, shares.columns))
    codes = shares.columns.get_indexer(labels[known])
    told = shares.to_numpy()
    return worklist(
        worth,
        likeness(vectors[rows], told),
        teaches=learned[rows],
        settled=settled_by(vectors[rows], told, vectors[known], codes),
    )


def _questions(tags: pd.DataFrame, order: Asked) -> pd.DataFrame:
    frame = tags.iloc[order.rows].rename(columns={Columns.VALUE: SUGGESTED})
    return frame.assign(**{PRIORITY: order.gains, TOTAL: order.total})


def _joined(
    parts: Sequence[pd.DataFrame], certain: int, limit: int, products: pd.DataFrame
) -> Review:
    """Merge the fields' questions: gains never grow, so merging by gain stays the greedy order."""
    if not parts:
        return Review(pd.DataFrame(columns=list(COLUMNS)), 0, certain, np.zeros(0), 0.0)
    every = pd.concat(parts, ignore_index=True)
    keys = [Columns.PRODUCT, Columns.FIELD]
    every = every.sort_values([PRIORITY, *keys], ascending=[False, True, True], ignore_index=True)
    total = sum(float(part[TOTAL].iloc[0]) for part in parts)
    titles = dict(zip(products[Columns.PRODUCT], products[Columns.TITLE], strict=True))
    first = every.head(limit).round({Columns.CONFIDENCE: 4, PRIORITY: 4})
    first = first.assign(**{Columns.TITLE: first[Columns.PRODUCT].map(titles), ANSWER: ""})
    return Review(
        first[list(COLUMNS)].reset_index(drop=True),
        len(every),
        certain,
        every[PRIORITY].to_numpy(dtype=np.float64),
        total,
    )
