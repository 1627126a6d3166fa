"""Metrics of sets of values: bool matrices of shape (n_rows, n_values) in, one number out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.value_sets import value_matrix, value_sets

Has = NDArray[np.bool_]


def subset_accuracy(truth: Has, said: Has) -> float:
    """Return the share of rows whose whole set is right; NaN without rows."""
    return float((truth == said).all(axis=1).mean()) if len(truth) else float("nan")


def set_micro_f1(truth: Has, said: Has) -> float:
    """Return 2 · hits / (values true + values said), over all rows and values together.

    NaN where nothing is true or said.
    """
    met = int(truth.sum()) + int(said.sum())
    return 2 * int((truth & said).sum()) / met if met else float("nan")


def set_macro_f1(truth: Has, said: Has) -> float:
    """Return the mean of the F1 of every value that is true or said somewhere.

    NaN where nothing is true or said.
    """
    met = truth.sum(axis=0) + said.sum(axis=0)
    hits = (truth & said).sum(axis=0)
    return float(np.mean(2 * hits[met > 0] / met[met > 0])) if met.any() else float("nan")


def cells_macro_f1(truth: NDArray[Any], said: NDArray[Any]) -> float:
    """Return ``set_macro_f1`` of cells, where ``|`` joins several values.

    Of cells of one value each it is `classify.metrics.macro_f1`.
    """
    sets = value_sets(pd.DataFrame({"cell": np.concatenate([truth, said])}), "cell")
    has = value_matrix(sets, sorted(frozenset[str]().union(*sets)))
    return set_macro_f1(has[: len(truth)], has[len(truth) :])
