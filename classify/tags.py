"""Probabilities of one field as rows of the TAGS table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from classify.availability import Availability
from classify.decisions import AUTO, REVIEW
from classify.linear_solver import Matrix
from classify.modalities import Views
from classify.set_tagger import SetTagger
from classify.set_tags import set_tags_of
from classify.views import MultiViewTagger
from core_embeddings.columns import Columns

CHUNK: Final = 4096
TAG_COLUMNS: Final = (
    Columns.PRODUCT,
    Columns.FIELD,
    Columns.VALUE,
    Columns.CONFIDENCE,
    Columns.DECISION,
    Columns.ALTERNATIVES,
)


class Chunk(NamedTuple):
    """Some products at a time: what compares them with all others is too wide for many."""

    views: dict[str, Matrix]
    products: pd.DataFrame
    available: Availability


def chunks(
    views: Mapping[str, Matrix], products: pd.DataFrame, available: Availability
) -> Iterator[Chunk]:
    """Yield all products in their order, ``CHUNK`` at a time."""
    for start in range(0, len(products), CHUNK):
        # The last one takes all that is left of a view, so that a view too long is noticed.
        rows = slice(start, start + CHUNK if start + CHUNK < len(products) else None)
        own = Availability(available.has_image[rows], available.has_text[rows])
        yield Chunk({name: X[rows] for name, X in views.items()}, products.iloc[rows], own)


def tags_of(
    name: str,
    tagger: MultiViewTagger | SetTagger,
    chunk: Chunk,
    views: Views,
    precision: float | None = None,
) -> pd.DataFrame:
    """Return the tags of a chunk in one field, in its order; ``views`` are its prepared ones."""
    ids = chunk.products[Columns.PRODUCT].to_numpy(dtype=object)
    available = chunk.available
    if isinstance(tagger, SetTagger):
        return set_tags_of(name, tagger, ids, views, available, precision=precision)
    probabilities = np.exp(tagger.log_probabilities(views, **available._asdict()))
    said = tagger.judge(probabilities, **available._asdict(), precision=precision)
    columns = {
        Columns.PRODUCT: ids,
        Columns.FIELD: name,
        Columns.VALUE: said.value,
        Columns.CONFIDENCE: said.confidence,
        Columns.DECISION: np.where(said.auto, AUTO, REVIEW),
        Columns.ALTERNATIVES: said.others,
    }
    return pd.DataFrame(columns)
