"""Probabilities of one field as rows of the TAGS table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.availability import Availability
from classify.decisions import AUTO, REVIEW
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


def tags_in_chunks(
    name: str,
    tagger: MultiViewTagger | SetTagger,
    ids: NDArray[Any],
    views: Views,
    available: Availability,
    *,
    precision: float | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield the tags of products ``ids`` in one field, of some products at a time."""
    for start in range(0, len(ids), CHUNK):
        rows = slice(start, start + CHUNK)
        part = Availability(available.has_image[rows], available.has_text[rows])
        chunk = {view: X[rows] for view, X in views.items()}
        if isinstance(tagger, SetTagger):
            yield set_tags_of(name, tagger, ids[rows], chunk, part, precision=precision)
        else:
            yield tags_of(name, tagger, ids[rows], chunk, part, precision=precision)


def tags_of(
    name: str,
    tagger: MultiViewTagger,
    ids: NDArray[Any],
    views: Views,
    available: Availability,
    *,
    precision: float | None = None,
) -> pd.DataFrame:
    """Return the tags of products ``ids`` in one field, in the given order."""
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
