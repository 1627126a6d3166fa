"""One head on one view, learned from every labelled row, and what it says of rows it did not see.

Validation rows are the only ones the embedder has not learned from, so only they tell how good a
head is, and they are too many to be left unlearned. So a head is fitted on the training rows; from
there, in a few steps, on the training rows and all but one fold of the validation rows, which
scores that fold; and from there on all of them, which is the head that is kept.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.base import clone

from classify.calibration import fit_temperature
from classify.linear_solver import Floats, Matrix
from classify.linear_tagger import LinearTagger

FLOOR: Final = 1e-7
"""Probability a part gives to a value it has never seen, since other parts may have."""

ROUGHLY: Final = 10.0
"""How many times the tolerance a fit has that others start from."""


class Rows(NamedTuple):
    """What is learned and what is answered."""

    classes: NDArray[Any]
    """Sorted; every label of these rows is among them."""
    train: NDArray[np.int64]
    """Positions, not empty."""
    held: NDArray[np.int64]
    """Positions of the rows that are answered."""
    folds: NDArray[np.int64]
    """Fold of each of ``held``: rows of one fold do not speak for each other."""


class CrossFit(NamedTuple):
    """A head and honest answers of its like."""

    tagger: LinearTagger
    """Learned from training and validation rows; its temperature is that of the honest answers."""
    answers: Floats
    """Log-probabilities of the validation rows, of shape (n_held, n_classes)."""


def cross_fit(
    head: LinearTagger,
    X: Matrix,
    labels: NDArray[Any],
    rows: Rows,
    *,
    steps: int,
) -> CrossFit:
    """Fit a head on the rows ``train`` and ``held``; say of each ``held`` row what others told.

    Parameters
    ----------
    head
        An unfitted one.
    X, labels
        Of all products.
    rows
        Which they are.
    steps
        Of the solver for each fold, from the weights of ``train`` alone: fewer leave the answers
        worse than the head will be, never better.
    """
    classes, train, held, folds = rows
    rough = ROUGHLY * head.tol if len(held) else head.tol
    base = clone(head).set_params(tol=rough).fit(X[train], labels[train])
    scores = np.full((len(held), len(classes)), -np.inf)
    brief = clone(head).set_params(max_iter=min(steps, head.max_iter))
    for fold in np.unique(folds):
        out = folds == fold
        others = np.concatenate([train, held[~out]])
        told = clone(brief).fit(X[others], labels[others], start=base)
        columns = np.searchsorted(classes, told.classes_)
        scores[np.ix_(out, columns)] = told.class_scores(X[held[out]])
    every = np.concatenate([train, held])
    kept = base if not len(held) else clone(head).fit(X[every], labels[every], start=base)
    return told_apart(kept, scores, np.searchsorted(classes, labels[held]))


def told_apart(head: LinearTagger, scores: Floats, codes: NDArray[np.int64]) -> CrossFit:
    """Give a head the temperature of what its like said of rows they had not seen.

    Parameters
    ----------
    head
        Fitted on all rows.
    scores
        Of the held rows, of shape (n_held, n_classes); -inf for a class not met elsewhere.
    codes
        True class of these rows.
    """
    head.temperature_ = _temperature(scores, codes)
    answers = log_softmax(scores / head.temperature_, axis=1)
    return CrossFit(head, np.maximum(answers, np.log(FLOOR)))


def held_folds(groups: NDArray[np.int64], *, count: int) -> NDArray[np.int64]:
    """Return a fold per row: runs of consecutive rows, but the rows of a group stay together.

    Runs, since neighbours in a catalogue are often variants of one product; a group goes where its
    first row is.
    """
    runs = np.arange(len(groups)) * count // max(len(groups), 1)
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return runs[first[inverse]]


def _temperature(scores: Floats, codes: NDArray[np.int64]) -> float:
    """Learn from the rows whose value the head that scored them had met."""
    met = np.isfinite(scores[np.arange(len(codes)), codes])
    return fit_temperature(scores[met], codes[met])
