"""The classical way to match pictures with words: frozen CNN features, TF-IDF, and CCA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.canonical_correlation import CanonicalCorrelation, Matrix
from core_embeddings.columns import Columns
from core_embeddings.missing_text import product_texts
from core_embeddings.splits import duplicate_groups
from tuwen.matching import both_directions

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

    from core_embeddings.embedder import FusionEmbedder

WIDTHS = (64, 128, 256, 400)
RIDGES = (0.01, 0.1, 1.0)
POWERS = (0.0, 1.0, 2.0)
"""How strongly a direction counts by its correlation; 0 is plain CCA."""
FEWEST = 10
"""Products that train and val need each."""


class Sides(NamedTuple):
    """Both sides of n products: image (n, p) and text (n, q), the most telling columns first."""

    image: Matrix
    text: Matrix


@dataclass(frozen=True)
class CorrelationMatcher:
    """Canonical correlation between pictures and texts.

    Parameters
    ----------
    model
        Of the first ``width`` columns of both sides.
    width, ridge, power
        The settings: columns, regularisation, and the power of its correlation that a direction
        is weighed by.

    References
    ----------
    Gong, Ke, Isard, Lazebnik, "A Multi-View Embedding Space for Modeling Internet Images, Tags,
    and Their Semantics", 2014 (cosine, weighed directions).
    """

    model: CanonicalCorrelation
    width: int
    ridge: float
    power: float

    @classmethod
    def choose(cls, train: Sides, val: Sides, groups: NDArray[np.int64]) -> CorrelationMatcher:
        """Fit on train rows, with the settings whose recall@10 on val rows is best.

        Parameters
        ----------
        train, val
            Reduced in the same way.
        groups
            Of the val rows, as `matching.both_directions` takes them.
        """

        def recall(candidate: CorrelationMatcher) -> float:
            both = both_directions(candidate.scores(val), groups)
            return sum(direction.metrics["recall@10"] for direction in both)

        return max(_candidates(train), key=recall)

    def scores(self, sides: Sides) -> NDArray[np.float64]:
        """Return the cosine of every picture (row) with every text (column)."""
        weight = self.model.correlations**self.power
        image = self.model.project_left(sides.image[:, : self.width]) * weight
        text = self.model.project_right(sides.text[:, : self.width]) * weight
        return np.asarray(_unit(image) @ _unit(text).T)


def correlation_scores(
    embedder: FusionEmbedder,
    train: pd.DataFrame,
    val: pd.DataFrame,
    test: pd.DataFrame,
) -> NDArray[np.float64] | None:
    """Return how well each test picture (row) goes with each test text (column).

    Parameters
    ----------
    embedder
        Its frozen picture features and its tokenizer are the baseline's, too.
    train, val, test
        Products with picture and text; learned from, chosen on, measured.

    Returns
    -------
    float64 of shape (n, n), or None where the embedder has no frozen features, there are too few
    products to learn from or to choose on, or train texts have fewer than two words in common.
    """
    if embedder.features.spec.kind == "pixels" or min(len(train), len(val)) < FEWEST:
        return None
    parts = (train, val, test)
    words = [_tokens(embedder, part) for part in parts]
    if sum(count > 1 for count in Counter(w for own in words[0] for w in set(own)).values()) < 2:
        return None
    images = _main_directions(_standardised([_features(embedder, part) for part in parts]))
    texts = _main_directions(_tfidf(words))
    learn, check, held_out = (Sides(*sides) for sides in zip(images, texts, strict=True))
    matcher = CorrelationMatcher.choose(learn, check, np.asarray(duplicate_groups(val)))
    return matcher.scores(held_out)


def _candidates(train: Sides) -> Iterator[CorrelationMatcher]:
    most = min(train.image.shape[1], train.text.shape[1])
    for width in sorted({min(width, most) for width in WIDTHS}):
        image, text = train.image[:, :width], train.text[:, :width]
        for ridge in RIDGES:
            fit = CanonicalCorrelation.fit
            model = fit(image, text, components=width, regularisation=ridge)
            yield from (CorrelationMatcher(model, width, ridge, power) for power in POWERS)


def _features(embedder: FusionEmbedder, products: pd.DataFrame) -> Matrix:
    images, digests = (list(products[name]) for name in (Columns.IMAGE, Columns.IMAGE_DIGEST))
    return embedder.features.for_products(images, digests).astype(np.float64)


def _tokens(embedder: FusionEmbedder, products: pd.DataFrame) -> list[list[str]]:
    return embedder.text_input.tokenizer.many(product_texts(products))


def _standardised(parts: Sequence[Matrix]) -> list[Matrix]:
    """Bring every column to mean 0 and deviation 1 on the first part."""
    mean, deviation = parts[0].mean(0), parts[0].std(0).clip(1e-3)
    return [(part - mean) / deviation for part in parts]


def _tfidf(parts: Sequence[Sequence[Sequence[str]]]) -> list[csr_matrix]:
    """Return TF-IDF of each part, over the words of the first."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True, min_df=2)
    return [vectorizer.fit_transform(parts[0]), *map(vectorizer.transform, parts[1:])]


def _main_directions(parts: Sequence[Matrix | csr_matrix]) -> list[Matrix]:
    """Project each part on the main directions of the first, as many as are ever tried."""
    from sklearn.decomposition import TruncatedSVD

    width = min(max(WIDTHS), min(parts[0].shape) - 1)
    reduce = TruncatedSVD(width, random_state=0).fit(parts[0])
    return [np.asarray(reduce.transform(part)) for part in parts]


def _unit(rows: Matrix) -> Matrix:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12))
