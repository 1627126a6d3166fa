"""Finding a product's text by its picture and its picture by its text, among all test products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.missing_text import has_text
from core_embeddings.seeding import numpy_generator

if TYPE_CHECKING:
    import pandas as pd

MOST = 5_000
"""Products ranked: of a larger split a sample, since the score table has the square of it."""
CUTS = (1, 10)
MEDIAN = "median_rank"
SEGMENTS = ("image to text", "text to image")


class Direction(NamedTuple):
    """What is measured of one direction.

    Attributes
    ----------
    segment
        ``image to text`` or ``text to image``.
    metrics
        ``recall@1``, ``recall@10`` and ``median_rank`` of the first right answer.
    """

    segment: str
    metrics: Mapping[str, float]


def complete_products(products: pd.DataFrame, part: str, *, seed: int = 0) -> pd.DataFrame:
    """Return the products of one split with picture and text, sampled where there are too many.

    Parameters
    ----------
    products
        With ``split``.
    part
        ``train``, ``val`` or ``test``.
    seed
        Of the sample.
    """
    has_image = np.array([bool(paths) for paths in products[Columns.IMAGE]], dtype=bool)
    chosen = (products[Columns.SPLIT] == part).to_numpy() & has_image & has_text(products)
    rows = np.flatnonzero(chosen)
    if part != "train" and len(rows) > MOST:
        rows = np.sort(numpy_generator(seed).choice(rows, MOST, replace=False))
    return products.iloc[rows].reset_index(drop=True)


def both_directions(scores: NDArray[np.floating], groups: NDArray[np.int64]) -> list[Direction]:
    """Measure a table of scores in which row i and column i are one product.

    Parameters
    ----------
    scores
        Shape (n, n): how well the picture of a row goes with the text of a column.
    groups
        int64 of shape (n,): products of one group share picture or text, so that any of them is
        as right an answer as the product itself.
    """
    tables = (scores, scores.T)
    return [
        _direction(segment, first_right(table, groups))
        for segment, table in zip(SEGMENTS, tables, strict=True)
    ]


def first_right(scores: NDArray[np.floating], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rank, from 1, of each row's first right column; equal scores go by column."""
    ranks = np.empty(len(scores), dtype=np.int64)
    places = np.arange(scores.shape[1])
    for row, own in enumerate(scores):
        right = np.flatnonzero(groups == groups[row])
        best = right[own[right].argmax()]
        before = (own > own[best]) | ((own == own[best]) & (places < best))
        ranks[row] = before.sum() + 1
    return ranks


def chance(groups: NDArray[np.int64]) -> list[Direction]:
    """Return what a random order is worth: computed, not drawn, and the same in both directions.

    The first right one of g among n is past place r with probability
    (n - g)/n · (n - g - 1)/(n - 1) ··· (n - g - r + 1)/(n - r + 1).
    """
    n = len(groups)
    sizes, counts = np.unique(np.bincount(groups)[groups], return_counts=True)
    found = np.zeros(n)
    for size, count in zip(sizes, counts, strict=True):
        left = (n - size - np.arange(n)).clip(0) / (n - np.arange(n))
        found += count / n * (1 - np.cumprod(left))
    metrics = {f"recall@{k}": float(found[min(k, n) - 1]) for k in CUTS}
    metrics[MEDIAN] = float(np.argmax(found >= 0.5 - 1e-12) + 1)
    return [Direction(segment, metrics) for segment in SEGMENTS]


def _direction(segment: str, ranks: NDArray[np.int64]) -> Direction:
    metrics = {f"recall@{k}": float((ranks <= k).mean()) for k in CUTS}
    return Direction(segment, metrics | {MEDIAN: float(np.median(ranks))})
