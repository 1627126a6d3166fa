"""The pair test of the article: whether a picture goes with a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.seeding import numpy_generator
from core_embeddings.splits import duplicate_groups
from tuwen.matching import complete_products

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.embedder import FusionEmbedder

ENOUGH = 4
"""Products with picture and text that a side needs for the test to mean anything."""


class PairAccuracy(NamedTuple):
    """Share of pairs judged rightly, and how many pairs were judged, half of them true."""

    value: float
    n: int


def pair_accuracy(
    embedder: FusionEmbedder, products: pd.DataFrame, *, seed: int = 0
) -> PairAccuracy | None:
    """Return the accuracy on test products, as many false pairs as true ones.

    A false pair is a picture with the text of a random product of another duplicate group, so
    with another text. The threshold on the embedder's pair score is chosen on validation products
    and never sees test ones.

    Parameters
    ----------
    embedder
        Any preset.
    products
        With ``split``; None is returned where validation or test has too few complete products.
    seed
        Draws the false pairs, the same for every embedder.
    """
    val, test = (complete_products(products, part, seed=seed) for part in ("val", "test"))
    if min(len(val), len(test)) < ENOUGH:
        return None
    true, false = pair_scores(embedder, val, seed)
    threshold = best_threshold(true, false)
    true, false = pair_scores(embedder, test, seed)
    right = int((true >= threshold).sum() + (false < threshold).sum())
    count = len(true) + len(false)
    return PairAccuracy(right / count, count)


def pair_scores(
    embedder: FusionEmbedder, products: pd.DataFrame, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the scores of true pairs and of false pairs."""
    partners = mismatch(np.asarray(duplicate_groups(products), dtype=np.int64), seed)
    keep = partners >= 0
    true = embedder.pair_scores(products, products)
    false = embedder.pair_scores(products[keep], products.iloc[partners[keep]])
    return true, false


def mismatch(groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return for each row one of another group, drawn at random; -1 where there is none."""
    generator = numpy_generator(seed)
    partners = np.full(len(groups), -1, dtype=np.int64)
    for row, group in enumerate(groups):
        others = np.flatnonzero(groups != group)
        if len(others):
            partners[row] = generator.choice(others)
    return partners


def best_threshold(true: NDArray[np.float32], false: NDArray[np.float32]) -> float:
    """Return the score from which on a pair counts as true, with the fewest errors.

    Midpoints between neighbouring scores are tried; of equally good ones the middle is taken.
    """
    scores = np.unique(np.concatenate([true, false]).astype(np.float64))
    cuts = np.concatenate([[scores[0] - 1e-6], (scores[1:] + scores[:-1]) / 2, [scores[-1] + 1e-6]])
    right = np.searchsorted(np.sort(false), cuts) + len(true) - np.searchsorted(np.sort(true), cuts)
    best = np.flatnonzero(right == right.max())
    return float(cuts[best[len(best) // 2]])
