"""How sure and how right a blend is on rows that taught it nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classify.combination import Floats, choose_combination
from classify.promise import NOT_TO_DECIDE, Evidence
from classify.taxonomy import levels_of
from classify.verdicts import best_of


def cross_fitted_blend(
    parts: Floats,
    codes: NDArray[np.int64],
    *,
    told: NDArray[np.bool_],
    folds: NDArray[np.int64],
    log_prior: Floats,
    alone: Sequence[Sequence[int]] = (),
) -> Floats:
    """Return what blends say of rows, each chosen on the rows of the other folds.

    Parameters
    ----------
    parts, codes, log_prior, alone
        As in ``choose_combination``.
    told
        Rows that may choose; the others are only spoken of.
    folds
        Fold of each row, of shape (n_rows,).

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Probabilities.
    """
    found = np.empty(parts.shape[1:])
    for fold in np.unique(folds):
        out = folds == fold
        rows = told & ~out
        blend = choose_combination(parts[:, rows], codes[rows], log_prior=log_prior, alone=alone)
        found[out] = np.exp(blend.log_probabilities(parts[:, out], log_prior))
    return found


def evidence_of(
    probabilities: Floats,
    codes: NDArray[np.int64],
    values: Sequence[str],
    *,
    examples: NDArray[np.int64],
    min_examples: int,
) -> Evidence:
    """Return how sure and how right the best answer of each level is.

    Parameters
    ----------
    probabilities
        Of shape (n_rows, n_values).
    codes
        True value of each row.
    values
        Sorted.
    examples
        Rows each value was learned from; an answer with fewer than ``min_examples`` decides nothing
        and is no evidence for a threshold.
    """
    confidence, correct = [], []
    for level in levels_of(values):
        said = best_of(level, probabilities, examples)
        met = said.examples >= min_examples
        confidence.append(np.where(met, said.confidence, NOT_TO_DECIDE))
        correct.append(said.node == level.of_value[codes])
    truth = probabilities[np.arange(len(codes)), codes]
    return Evidence(np.array(confidence), np.array(correct), truth)
