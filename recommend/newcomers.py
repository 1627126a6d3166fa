"""A head start for products that nobody met: learned, and paid for from a fixed budget.

What people did can only speak for products that people met, so in the blend a newcomer starts
behind, however well its content fits. Its fit, times one number, is added to make up for that. The
number is chosen on validation: as much as the lists as a whole can bear for a stated share of their
ndcg. Also measured: one constant for every newcomer, and item-item scores borrowed from the nearest
neighbours by content. At equal cost each won on some splits and lost on others; fit was kept as
it needs no neighbour table and stays personal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommend.blend import FEW, Candidates
from recommend.signals import Part

SHARES: Final = (0.0, *(round(0.05 * 1.2**step, 3) for step in range(22)))
"""Head starts tried, as a share of the sum of the weights: to 2.3 in steps of a fifth."""


class HeadStart(NamedTuple):
    """What the search chose, and what it changed on validation.

    share: of the sum of the weights; ndcg: mean ndcg@k of all lists with it; recall, recall_before:
    mean recall@k of newcomers with it and without it, 0 where nobody met one.
    """

    share: float
    ndcg: float
    recall: float
    recall_before: float


def search_head_start(
    candidates: Candidates, weights: Mapping[Part, float], k: int, *, cost: float
) -> HeadStart:
    """Find the head start that finds and lists the most newcomers within the budget.

    Few users meet a newcomer in a window, so that recall moves in steps; between equal recalls the
    larger share lists more newcomers at a price that is known to be small.

    Parameters
    ----------
    candidates
        Of the validation users.
    weights
        Already learned; they stay.
    k
        List length.
    cost
        Share of the mean ndcg@k, newcomers and all, that may be lost, in [0, 1).

    Returns
    -------
    A share of 0 where fewer than ``FEW`` users met a newcomer: then nothing could speak for one.
    """
    row = np.array([weights.get(part, 0.0) for part in candidates.parts])
    best = HeadStart(0.0, *_reached(candidates, row, k, 0.0), recall_before=0.0)
    floor, before = best.ndcg * (1 - cost), best.recall
    enough = int((candidates.n_new_relevant > 0).sum()) >= FEW
    for share in SHARES[1:] if enough else ():
        found = HeadStart(share, *_reached(candidates, row, k, share), recall_before=0.0)
        if found.recall >= best.recall and found.ndcg >= floor:
            best = found
    return best._replace(recall_before=before)


def _reached(
    candidates: Candidates, weights: NDArray[np.float64], k: int, share: float
) -> tuple[float, float]:
    head_start = share * float(weights.sum())
    return (
        candidates.ndcg(weights, k, head_start=head_start),
        candidates.newcomer_recall(weights, k, head_start=head_start),
    )
