"""How sure the taggers are of a tag, for versions of a product: what every reason is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp
from threadpoolctl import threadpool_limits

from classify.additive import view_terms
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
        What each field's tagger says of every class, (n, n_classes): log-probabilities, or where
        products have several values the log-odds of each.
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

    @cached_property
    def terms(self) -> dict[str, list[str]]:
        """Names of the columns of the TF-IDF views."""
        lexical = self.taggers.lexical
        return {} if lexical is None else view_terms(lexical)

    def ask(self, products: pd.DataFrame, fields: Sequence[str]) -> Answers:
        """Send products the whole way: pictures and words to vectors to probabilities."""
        seen = self.embedder.views(products)
        available = Availability(seen.has_image, seen.has_text)
        views = self.taggers.prepare(tagger_views(seen), products)
        with threadpool_limits(self.taggers.config.threads, "blas"):
            by_field = {name: self._said(name, views, available) for name in fields}
        return Answers(views, available, by_field)

    def odds(self, said: NDArray[np.float64], field: str, value: str) -> NDArray[np.float64] | None:
        """Return the log-odds of a value, of shape (n,), from what ``ask`` said of its field.

        Against all other values of the field, or where products have several, against not having
        it. None where there is nothing else that it could be.
        """
        members = members_of(self.classes(field), value, field)
        if self.has_sets(field):
            return said[:, members][:, 0] if members.any() else None
        return log_odds(said, members) if members.any() and not members.all() else None

    def has_sets(self, field: str) -> bool:
        """Return whether products have several values of a field at once."""
        return field in self.taggers.set_taggers

    def classes(self, field: str) -> NDArray[Any]:
        """Return the values of a field, in the order of what ``ask`` says of it."""
        sets = self.taggers.set_taggers
        return sets[field].classes_ if field in sets else self.taggers.tagger(field).classes_

    def confidences(self, said: NDArray[np.float64], field: str) -> NDArray[np.float64]:
        """Return the probability of each class, (n, n_classes), from what ``ask`` said."""
        return np.asarray(expit(said) if self.has_sets(field) else np.exp(said))

    def _said(
        self, field: str, views: dict[str, Any], available: Availability
    ) -> NDArray[np.float64]:
        has = available._asdict()
        if self.has_sets(field):
            return np.asarray(self.taggers.set_taggers[field].scores(views, **has))
        return self.taggers.tagger(field).log_probabilities(views, **has)


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
