"""Probabilities of one field as rows of the TAGS table."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.availability import Availability
from classify.decisions import AUTO, REVIEW
from classify.views import MultiViewTagger, Views
from core_embeddings.columns import Columns

ALTERNATIVES: Final = 4
TAG_COLUMNS: Final = (
    Columns.PRODUCT,
    Columns.FIELD,
    Columns.VALUE,
    Columns.CONFIDENCE,
    Columns.DECISION,
    Columns.ALTERNATIVES,
)


def tags_of(
    name: str, tagger: MultiViewTagger, ids: NDArray[Any], views: Views, available: Availability
) -> pd.DataFrame:
    """Return the tags of products ``ids`` in one field, in the given order."""
    probabilities = np.exp(tagger.log_probabilities(views, **available._asdict()))
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, : 1 + ALTERNATIVES]
    best = ranked[:, 0]
    confidence = np.clip(probabilities[np.arange(len(ids)), best], 0, 1)
    auto = tagger.decide(confidence, best, **available._asdict())
    columns = {
        Columns.PRODUCT: ids,
        Columns.FIELD: name,
        Columns.VALUE: tagger.classes_[best],
        Columns.CONFIDENCE: confidence,
        Columns.DECISION: np.where(auto, AUTO, REVIEW),
        Columns.ALTERNATIVES: tagger.classes_[ranked[:, 1:]].tolist(),
    }
    return pd.DataFrame(columns)
