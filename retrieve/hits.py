"""The HITS table: one row per query and product found, best first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import Columns

HITS: Final = (Columns.QUERY_ID, Columns.PRODUCT, Columns.RANK, Columns.SCORE)
"""Columns every search returns; vector searches add ``distance`` and ``cosine``."""


def hits_frame(
    query_ids: Sequence[str],
    product_ids: Sequence[str],
    rows: NDArray[np.int64],
    **values: NDArray[np.float64],
) -> pd.DataFrame:
    """Return lists of product rows as a HITS table.

    Parameters
    ----------
    query_ids
        One id per list.
    product_ids
        Id of each product row.
    rows
        int64 of shape (n_queries, k), best first; -1 is padding and gives no row.
    **values
        Columns of shape (n_queries, k); ``score`` among them.
    """
    query, place = np.nonzero(rows >= 0)
    columns = {
        Columns.QUERY_ID: np.array(query_ids, dtype=object)[query],
        Columns.PRODUCT: np.array(product_ids, dtype=object)[rows[query, place]],
        Columns.RANK: place.astype(np.int64) + 1,
        **{name: np.asarray(cells, np.float64)[query, place] for name, cells in values.items()},
    }
    return pd.DataFrame(columns)


def name_queries(query_ids: Sequence[str] | None, count: int) -> list[str]:
    """Return the ids of a batch of queries: those given, or "0", "1", ….

    Raises
    ------
    ValueError
        If there are not ``count`` of them, or one repeats.
    """
    names = [str(place) for place in range(count)] if query_ids is None else list(query_ids)
    if len(names) != count or len(set(names)) != count:
        raise ValueError(
            f"query_ids must be {count} unique ids, one per query; "
            f"got {len(names)}, {len(set(names))} of them unique"
        )
    return names
