"""Sets of values as rows of the TAGS table."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.availability import Availability
from classify.decisions import AUTO, REVIEW
from classify.modalities import Views
from classify.set_tagger import SetTagger
from classify.value_sets import joined
from core_embeddings.columns import Columns

ALTERNATIVES: Final = 4
"""At most so many further values go with a tag."""


def set_tags_of(
    name: str,
    tagger: SetTagger,
    ids: NDArray[Any],
    views: Views,
    available: Availability,
    *,
    precision: float | None = None,
) -> pd.DataFrame:
    """Return the tags of products ``ids`` in one field of sets, in the given order.

    Alternatives are the likeliest values that are not in the set. ``precision`` is promised of what
    is ``auto``; by default that of the settings.
    """
    shown = available._asdict()
    scores = tagger.scores(views, **shown)
    chosen = tagger.choose(scores, **shown)
    auto = tagger.decide(chosen, **shown, precision=precision)
    ranked = np.argsort(-np.where(chosen.has, -np.inf, scores), axis=1, kind="stable")
    left = np.minimum((~chosen.has).sum(axis=1), ALTERNATIVES)
    columns = {
        Columns.PRODUCT: ids,
        Columns.FIELD: name,
        Columns.VALUE: [joined(tagger.classes_[has]) for has in chosen.has],
        Columns.CONFIDENCE: chosen.confidence,
        Columns.DECISION: np.where(auto, AUTO, REVIEW),
        Columns.ALTERNATIVES: [
            tagger.classes_[row[:count]].tolist() for row, count in zip(ranked, left, strict=True)
        ],
    }
    return pd.DataFrame(columns)
