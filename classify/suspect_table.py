"""Doubted labels as a table that a human reads and `tuwen correct` takes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.linear_solver import Floats
from classify.suspects import Doubts
from classify.witnesses import OTHER_FIELDS
from core_embeddings.columns import Columns

SUGGESTED: Final = "suggested"
REASONS: Final = "reasons"
SUSPECT_COLUMNS: Final = (
    Columns.PRODUCT,
    Columns.FIELD,
    Columns.VALUE,
    SUGGESTED,
    Columns.SCORE,
    REASONS,
)
NAMED: Final = 3
"""So many witnesses are named as reasons."""


def suspects_of(
    product_ids: NDArray[np.object_], doubts: Mapping[str, Doubts], names: tuple[str, ...]
) -> pd.DataFrame:
    """Return one row per label, likeliest wrong first.

    Columns ``product_id``, ``field``, ``value``, ``suggested``, ``score`` (probability that the
    value is wrong) and ``reasons``, which names the witnesses that speak for the suggestion: what
    probability each gives to it, and to the value.

    Parameters
    ----------
    names
        Of the witnesses; that of the other fields is added.
    """
    frames = [
        _rows(product_ids, name, found, (*names, OTHER_FIELDS)) for name, found in doubts.items()
    ]
    if not frames:
        return pd.DataFrame(columns=list(SUSPECT_COLUMNS))
    whole = pd.concat(frames, ignore_index=True)
    keys = [Columns.SCORE, Columns.PRODUCT, Columns.FIELD]
    return whole.sort_values(keys, ascending=[False, True, True], ignore_index=True)


def _rows(
    product_ids: NDArray[np.object_], field: str, found: Doubts, names: tuple[str, ...]
) -> pd.DataFrame:
    rows = np.flatnonzero(found.values.codes >= 0)
    own, other = found.values.codes[rows], found.suggested[rows]
    columns = {
        Columns.PRODUCT: product_ids[rows],
        Columns.FIELD: field,
        Columns.VALUE: found.values.names[own],
        SUGGESTED: found.values.names[other],
        Columns.SCORE: found.wrong[rows],
        REASONS: _reasons(
            np.exp(found.told[:, rows, other]), np.exp(found.told[:, rows, own]), names
        ),
    }
    return pd.DataFrame(columns)


def _reasons(suggestion: Floats, label: Floats, names: tuple[str, ...]) -> list[str]:
    """Name the witnesses that find the suggestion likelier than the label, surest first."""
    texts = []
    for said, kept in zip(suggestion.T, label.T, strict=True):
        order = np.argsort(kept - said, kind="stable")[:NAMED]
        spoken = [
            f"{names[at]} {said[at]:.2f} > {kept[at]:.2f}" for at in order if said[at] > kept[at]
        ]
        texts.append("; ".join(spoken))
    return texts
