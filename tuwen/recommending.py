"""Lists from a shop: for everyone it knows, or for the users of a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.errors import TableError
from tuwen.shop import Shop

if TYPE_CHECKING:
    import pandas as pd

    from recommend.hybrid import HybridRecommender


def recommend_lists(
    shop: Shop,
    users: str | Path | None = None,
    *,
    k: int = 10,
    keep_seen: bool = False,
    columns: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return LISTS for all users the shop knows, or for those of a table; unknown ones included."""
    recommender = shop.recommender()
    wanted = None if users is None else read_users(users, columns or {})
    return recommender.recommend(wanted, k, keep_seen=keep_seen)


def read_users(path: str | Path, columns: Mapping[str, str]) -> list[str]:
    """Return the distinct users of a table, in its order.

    Raises
    ------
    TableError
        If it has no ``user_id`` column.
    """
    from core_embeddings.tables import read_frame

    frame = read_frame(path)
    name = columns.get(Columns.USER, Columns.USER)
    if name not in frame:
        raise TableError(
            f"{path} needs a column {name!r}; it has {', '.join(map(str, frame.columns))}. "
            "Rename with --column user_id=THEIRS"
        )
    values = [str(value).strip() for value in frame[name].dropna()]
    return [value for value in dict.fromkeys(values) if value]


def user_vector(recommender: HybridRecommender, user: str) -> NDArray[np.float32]:
    """Return a user's taste as a unit vector of shape (1, embedding_size); zeros when unknown."""
    from recommend.user_vector import user_vectors

    signals = recommender.state.signals
    row = signals.histories.users.rows([user])
    return user_vectors(signals.histories.take(row), signals.vectors)
