"""The pair test of the article: whether a picture goes with a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.seeding import numpy_generator

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

    A false pair is a picture with the text of another product whose text differs. The threshold on
    the embedder's pair score is chosen on validation products and never sees test ones.

    Parameters
    ----------
    embedder
        Any preset.
    products
        With ``split``; None is returned where validation or test has too few complete products.
    seed
        Draws the false pairs, the same for every embedder.
    """
    has_image = np.array([bool(paths) for paths in products[Columns.IMAGE]], dtype=bool)
    whole = products[has_image & (products[Columns.TITLE] != "").to_numpy()]
    val, test = (whole[whole[Columns.SPLIT] == name] for name in ("val", "test"))
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
    partners = mismatch(products[Columns.TITLE].to_numpy(dtype=object), seed)
    keep = partners >= 0
    true = embedder.pair_scores(products, products)
    false = embedder.pair_scores(products[keep], products.iloc[partners[keep]])
    return true, false


def mismatch(texts: NDArray[np.object_], seed: int) -> NDArray[np.int64]:
    """Return for each text a row with another text, drawn at random; -1 where all are equal."""
    generator = numpy_generator(seed)
    partners = np.full(len(texts), -1, dtype=np.int64)
    for row, text in enumerate(texts):
        others = np.flatnonzero(texts != text)
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
