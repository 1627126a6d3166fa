"""What decisions are worth: how many need no human, how right they are, what review is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify import metrics
from classify.taxonomy import hierarchical_f1, lies_in
from classify.verdicts import Verdicts
from core_embeddings.columns import LEVEL_SEPARATOR


def verdict_metrics(
    truth: NDArray[Any], likeliest: NDArray[Any], said: Verdicts
) -> dict[str, float]:
    """Return the metrics of decisions, by name.

    ``coverage`` is the share decided ``auto``, ``auto_accuracy`` how many of those are right; the
    start of a path is right where the true path starts with it. ``plausible_coverage`` is the share
    of reviewed products whose true value is the one offered or among the alternatives, and
    ``plausible_size`` how many these are on average. Where values are paths, ``whole_coverage`` is
    the share decided ``auto`` down to the last level, and ``hierarchical_f1`` that of the likeliest
    values. NaN where there is no row of the kind.

    Parameters
    ----------
    truth, likeliest
        True and likeliest value of each product, of shape (n_rows,).
    said
        Decisions on the same rows.
    """
    auto = said.auto
    found = {
        "coverage": metrics.coverage(auto),
        "auto_accuracy": metrics.auto_accuracy(lies_in(truth, said.value), auto),
    }
    rows = np.flatnonzero(~auto)
    offered = [[said.value[row], *said.others[row]] for row in rows]
    hits = [truth[row] in values for row, values in zip(rows, offered, strict=True)]
    found["plausible_coverage"] = float(np.mean(hits)) if hits else float("nan")
    sizes = [len(values) for values in offered]
    found["plausible_size"] = float(np.mean(sizes)) if sizes else float("nan")
    if any(LEVEL_SEPARATOR in value for value in truth.tolist()):
        found["whole_coverage"] = metrics.coverage(auto & (said.value == likeliest))
        found["hierarchical_f1"] = hierarchical_f1(truth, likeliest)
    return found
