"""From scores to lists: the k best products of each user, a block of users at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.errors import ConfigError
from core_embeddings.ids import IdMap
from core_embeddings.topk import topk_of_scores
from recommend.blend import FIT_PARTS, newcomer_fit, standardise
from recommend.signals import SOURCES, Part, Signals

LIST_COLUMNS: Final = (
    Columns.USER,
    Columns.PRODUCT,
    Columns.RANK,
    Columns.SCORE,
    Columns.SOURCE,
)

BLOCK_CELLS: Final = 4_000_000
"""Scores held at once per part: 16 MB of float32, whatever the number of users."""


class Ranked(NamedTuple):
    """Lists of a few users.

    rows: int64 (n_users, k), product rows, -1 where the catalogue has fewer; scores: float32
    (n_users, k); parts: int64 (n_users, k), which part (a position in the weights) contributed
    most.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    parts: NDArray[np.int64]

    def repeated(self, n_users: int) -> Ranked:
        """Return one list given to ``n_users`` users; many lists as they are."""
        if len(self.rows) == n_users:
            return self
        return Ranked(
            np.repeat(self.rows, n_users, axis=0),
            np.repeat(self.scores, n_users, axis=0),
            np.repeat(self.parts, n_users, axis=0),
        )


def rank_block(
    signals: Signals,
    weights: Mapping[Part, float],
    users: NDArray[np.int64],
    k: int,
    *,
    head_start: float = 0.0,
    keep_seen: bool = False,
    allow: NDArray[np.bool_] | None = None,
) -> Ranked:
    """Return the k best products of each user by a weighted sum of standardised parts.

    Parameters
    ----------
    signals
        What the parts score with.
    weights
        Weight of each part; a product of equal score comes after one of a lower row.
    users
        Rows of shape (n_users,), -1 for a user without history.
    k
        List length.
    head_start
        Weight of ``newcomer_fit``; what it adds counts as content.
    keep_seen
        Whether products that the user bought may be listed.
    allow
        Mask of shape (n_products,); None allows all.
    """
    fitting = FIT_PARTS if head_start > 0 and signals.newcomers.any() else ()
    scores = {p: standardise(signals.score(p, users)) for p in dict.fromkeys((*weights, *fitting))}
    shares = {part: scores[part] * np.float32(weight) for part, weight in weights.items()}
    if fitting:
        lead = np.float32(head_start) * newcomer_fit(scores, signals.newcomers)
        shares["content"] = shares.get("content", np.float32(0)) + lead
    total = np.sum([*shares.values()], axis=0, dtype=np.float32)
    bought = None if keep_seen else signals.histories.bought_by(users)
    top = topk_of_scores(total, min(k, total.shape[1]), allow=allow, exclude=bought)
    places = np.maximum(top.rows, 0)
    best = np.stack([np.take_along_axis(share, places, axis=1) for share in shares.values()])
    return Ranked(top.rows, top.scores, best.argmax(axis=0))


def user_blocks(n_users: int, n_products: int) -> Iterator[slice]:
    """Cut users into blocks whose score matrix stays near 16 MB."""
    size = max(1, BLOCK_CELLS // max(1, n_products))
    return (slice(start, start + size) for start in range(0, n_users, size))


def list_frame(
    user_ids: Sequence[str], ranked: Ranked, products: IdMap, parts: Sequence[Part]
) -> pd.DataFrame:
    """Return lists as a LISTS table, users in the given order, ranks from 1; padding is dropped."""
    length = ranked.rows.shape[1]
    kept = ranked.rows.ravel() >= 0
    sources = np.array([SOURCES[part] for part in parts], dtype=object)
    names = np.array(products.all, dtype=object)
    return pd.DataFrame(
        {
            Columns.USER: np.repeat(np.array(user_ids, dtype=object), length)[kept],
            Columns.PRODUCT: names[ranked.rows.ravel()[kept]],
            Columns.RANK: np.tile(np.arange(1, length + 1), len(user_ids))[kept],
            Columns.SCORE: ranked.scores.ravel()[kept],
            Columns.SOURCE: sources[ranked.parts.ravel()[kept]],
        },
        columns=list(LIST_COLUMNS),
    )


def check_length(k: int) -> None:
    """Refuse a list length below 1.

    Raises
    ------
    ConfigError
        If ``k`` is below 1.
    """
    if k < 1:
        raise ConfigError(f"k, the length of a list, must be at least 1; got {k}")


def empty_lists() -> pd.DataFrame:
    """Return a LISTS table without rows."""
    nothing = Ranked(
        np.empty((0, 1), np.int64), np.empty((0, 1), np.float32), np.empty((0, 1), int)
    )
    return list_frame([], nothing, IdMap([]), ("popular",))
