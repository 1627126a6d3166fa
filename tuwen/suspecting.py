"""Likely wrong labels of a shop's catalogue, and the witnesses against them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from classify.labels import field_labels
from classify.lexical_view import LexicalView, default_tokenizer
from classify.out_of_fold import principal_scores
from classify.suspect_table import suspects_of
from classify.suspects import SuspectConfig, doubt_labels
from classify.witnesses import Reading, Votes, Witness, neighbour_votes
from core_embeddings.co_purchase import co_purchases
from core_embeddings.columns import VALUE_SEPARATOR, Columns
from core_embeddings.config import nearest
from core_embeddings.errors import ConfigError
from core_embeddings.fields import taggable_fields
from core_embeddings.splits import duplicate_groups
from tuwen.shop import Shop

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.embedder import FusionEmbedder, Views

WORDS: Final = "words"
PICTURE: Final = "picture"
ALIKE_IN_WORDS: Final = "alike in words"
ALIKE_IN_PICTURE: Final = "alike in picture"
BOUGHT: Final = "bought together"
DIRECTIONS: Final = 512
NEIGHBOURS: Final = 20
DAYS: Final = 30.0
"""Purchases of one person further apart than this say nothing of each other."""


class FieldDoubts(NamedTuple):
    """How a field stands."""

    field: str
    labels: int
    expected: float
    """How many of them are wrong by the sum of their probabilities."""


class Suspects(NamedTuple):
    """What was found."""

    table: pd.DataFrame
    """See `classify.suspect_table.suspects_of`: every label, likeliest wrong first."""
    fields: list[FieldDoubts]


def shop_suspects(
    shop: Shop, *, fields: Sequence[str] | None = None, config: SuspectConfig | None = None
) -> Suspects:
    """Judge every label of the catalogue.

    Witnesses are what the frozen CNN sees, the words, the products near in either, what the same
    people bought, and the product's values in its other fields: all that has not learned from the
    labels in question. The embedder and the taggers have, and would defend them. What a human said
    is final and not listed; cells with several values are not judged.

    Raises
    ------
    ConfigError
        If a field is not one that can be tagged.
    """
    products = shop.catalogue()
    known = taggable_fields(products)
    for name in fields or ():
        if name not in known:
            raise ConfigError(f"field {name!r} cannot be tagged; {nearest(name, known)}")
    groups, embedder = duplicate_groups(products), shop.embedder()
    rows = {
        PICTURE: picture_rows(embedder, embedder.views(products)),
        WORDS: word_rows(products),
    }
    log = shop.recommender().state.interactions if shop.has_recommender else None
    witnesses = product_witnesses(rows, groups, products, log)
    doubts = doubt_labels(
        {name: single_labels(products, name) for name in known},
        witnesses,
        groups=groups,
        fields=tuple(fields) if fields else None,
        config=config,
    )
    ids = products[Columns.PRODUCT].to_numpy(dtype=object)
    counted = [
        FieldDoubts(name, int((found.values.codes >= 0).sum()), float(found.wrong.sum()))
        for name, found in doubts.items()
    ]
    table, final = suspects_of(ids, doubts, tuple(witnesses)), shop.corrections().final()
    cells = zip(table[Columns.PRODUCT], table[Columns.FIELD], strict=True)
    kept = np.array([cell not in final for cell in cells], dtype=np.bool_)
    return Suspects(table[kept].reset_index(drop=True), counted)


def single_labels(products: pd.DataFrame, field: str) -> NDArray[np.object_]:
    """Return the label of each product, "" where it has none or several.

    Of several values one may be wrong and the others right; a single suggestion would drop those.
    """
    labels = field_labels(products, field)
    if field != Columns.CATEGORY:
        labels[products[field].astype(str).str.contains(VALUE_SEPARATOR, regex=False)] = ""
    return labels


def product_witnesses(
    rows: dict[str, NDArray[np.float32]],
    groups: NDArray[np.int64],
    products: pd.DataFrame,
    interactions: pd.DataFrame | None,
) -> dict[str, Witness]:
    """Return the witnesses by name.

    Parameters
    ----------
    rows
        By ``PICTURE`` and ``WORDS``: features, one row per product.
    groups
        Duplicate group of each product: duplicates share their errors and are no witnesses.
    interactions
        What shoppers did; None where the shop has none.
    """
    found: dict[str, Witness] = {
        WORDS: Reading(rows[WORDS]),
        PICTURE: Reading(rows[PICTURE]),
        ALIKE_IN_WORDS: neighbour_votes(rows[WORDS], groups, count=NEIGHBOURS),
        ALIKE_IN_PICTURE: neighbour_votes(rows[PICTURE], groups, count=NEIGHBOURS),
    }
    if interactions is not None and len(interactions):
        ids = products[Columns.PRODUCT].tolist()
        pairs = co_purchases(interactions, ids, days=DAYS).weights.tocoo()
        apart = groups[pairs.row] != groups[pairs.col]
        found[BOUGHT] = Votes(
            sparse.csr_array(
                (pairs.data[apart], (pairs.row[apart], pairs.col[apart])), shape=pairs.shape
            )
        )
    return found


def picture_rows(
    embedder: FusionEmbedder, views: Views, *, size: int = DIRECTIONS
) -> NDArray[np.float32]:
    """Return what the frozen CNN sees, in its principal directions.

    The image tower's own output stands behind it in the view and is left out: it was trained on
    labels. A CNN trained from scratch has nothing else to show.
    """
    spec = embedder.features.spec
    image = views.image if spec.kind == "pixels" else views.image[:, : spec.width]
    return principal_scores(image, size=size, present=views.has_image)


def word_rows(
    products: pd.DataFrame, *, size: int = DIRECTIONS, engine: Any = "jieba"
) -> NDArray[np.float32]:
    """Return the TF-IDF rows of all products, in their principal directions."""
    lexical = LexicalView.fit(products, tokenize=default_tokenizer(engine), char_ngrams=False)
    if not lexical.terms:
        return np.zeros((len(products), 0), dtype=np.float32)
    return principal_scores(lexical.transform(products), size=size)
