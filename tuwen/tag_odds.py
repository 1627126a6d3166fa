"""How sure the taggers are of a tag, for versions of a product: what every reason is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from classify.availability import Availability
from core_embeddings.columns import LEVEL_SEPARATOR, Columns
from tuwen.tagging import tagger_views

if TYPE_CHECKING:
    import pandas as pd

    from classify.taggers import TaggerSet
    from core_embeddings.embedder import FusionEmbedder
    from tuwen.shop import Shop

SMALLEST = -700.0
"""Log-probability of what cannot be told from impossible: log-odds stay finite."""


class Answers(NamedTuple):
    """What the taggers say of n versions of products.

    Attributes
    ----------
    views
        As the taggers take them, TF-IDF included.
    available
        Which modalities each version has.
    by_field
        Log-probabilities (n, n_classes) of each field.
    tags
        TAGS of the versions.
    """

    views: dict[str, Any]
    available: Availability
    by_field: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class TagModel:
    """The embedder and the taggers of a shop.

    Parameters
    ----------
    embedder
        Without a cache: pictures that are covered here and there are not worth keeping.
    taggers
        Fitted with that embedder.
    """

    embedder: FusionEmbedder
    taggers: TaggerSet

    @classmethod
    def of(cls, shop: Shop) -> TagModel:
        """Load both, and check that they belong together."""
        from core_embeddings.artefact import check_fingerprint
        from core_embeddings.embedder import FusionEmbedder

        folder = shop.path("embedder")
        embedder = FusionEmbedder.from_pretrained(folder)
        check_fingerprint(embedder.fingerprint, shop.state.fingerprint or None, what=str(folder))
        return cls(embedder, shop.taggers())

    def ask(self, products: pd.DataFrame, fields: Sequence[str]) -> Answers:
        """Send products the whole way: pictures and words to vectors to probabilities."""
        seen = self.embedder.views(products)
        available = Availability(seen.has_image, seen.has_text)
        views = self.taggers.prepare(tagger_views(seen), products)
        with threadpool_limits(self.taggers.config.threads, "blas"):
            by_field = {
                name: self.taggers.tagger(name).log_probabilities(views, **available._asdict())
                for name in fields
            }
        return Answers(views, available, by_field)


def members_of(classes: NDArray[Any], value: str, field: str) -> NDArray[np.bool_]:
    """Return which classes a tag stands for, of shape (n_classes,).

    A category stands for all below it.

    >>> import numpy as np
    >>> members_of(np.array(["A > B", "A > C", "AB"], dtype=object), "A", "category").tolist()
    [True, True, False]
    """
    below = value + LEVEL_SEPARATOR
    inside = [
        name == value or (field == Columns.CATEGORY and str(name).startswith(below))
        for name in classes.tolist()
    ]
    return np.array(inside, dtype=np.bool_)


def log_odds(
    log_probabilities: NDArray[np.float64], members: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return log P(members) - log P(others) of rows (n, n_classes): confidence without its ends.

    Confidence is 1 / (1 + exp(-log_odds)); near 1 this still tells more from less.
    """
    inside = logsumexp(log_probabilities[:, members], axis=1)
    outside = logsumexp(log_probabilities[:, ~members], axis=1)
    return np.maximum(inside, SMALLEST) - np.maximum(outside, SMALLEST)
