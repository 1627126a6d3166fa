"""Witnesses of a product's label: what is known of it besides the label itself.

A witness either reads features of the product (its words, its picture, its values in other fields)
or lets related products vote (those alike, those bought by the same people).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from classify.linear_solver import Floats
from classify.out_of_fold import FoldedRidge, to_log_probabilities
from core_embeddings.topk import exact_topk

OTHER_FIELDS: Final = "other fields"
SHARPNESS: Final = 8.0
"""A neighbour counts ``exp(8 · cosine)``: one at .9 twice as much as one at .8."""
PULL: Final = 2.0
"""So many votes are cast by frequency, for the product nobody is near to."""
LEAST: Final = 1e-6
"""No witness is surer than this that a value is wrong."""


class Reading(NamedTuple):
    """Features of each product."""

    rows: Floats
    """Of shape (n_products, n_features); zeros where the product lacks them."""


class Votes(NamedTuple):
    """Related products."""

    weights: sparse.csr_array
    """Of shape (n_products, n_products): how much the column's label counts for the row's."""


Witness = Reading | Votes


class Values(NamedTuple):
    """The labels of one field as numbers."""

    names: NDArray[np.object_]
    """Distinct values, sorted."""
    codes: NDArray[np.int64]
    """Value of each product, -1 where it has none."""

    @property
    def log_prior(self) -> NDArray[np.float64]:
        """Log share of each value, half a product added to each."""
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.names)) + 0.5
        return np.log(counts / counts.sum())

    def without(self, doubted: NDArray[np.bool_]) -> Values:
        """Return the field with these products' labels unknown."""
        return Values(self.names, np.where(doubted, -1, self.codes))


def values_of(labels: NDArray[np.object_]) -> Values:
    """Return labels as numbers; "" is no label."""
    names = np.unique(labels[labels != ""])
    at = np.searchsorted(names, labels) if len(names) else np.zeros(len(labels), np.int64)
    return Values(names, np.where(labels != "", at, -1).astype(np.int64))


def neighbour_votes(rows: Floats, groups: NDArray[np.int64], *, count: int) -> Votes:
    """Let the nearest products by cosine vote, duplicates of the product itself aside.

    A row of zeros neither votes nor is voted for. The votes of each product sum to ``count``.

    Parameters
    ----------
    rows
        Of shape (n_products, n_features).
    groups
        Number of each product's group of duplicates.
    count
        How many neighbours.
    """
    lengths = np.linalg.norm(rows, axis=1)
    there = lengths > 0
    size = len(rows)
    if there.sum() < 2:
        return Votes(sparse.csr_array((size, size)))
    unit = (rows / np.where(there, lengths, 1)[:, None]).astype(np.float32)
    each = np.arange(size)
    member = sparse.csr_matrix((np.ones(size), (each, groups)))
    near = exact_topk(
        unit, unit, min(count, size), metric="dot", allow=there, exclude=member @ member.T
    )
    kept = (near.rows >= 0) & there[:, None]
    weight = np.where(kept, np.exp(SHARPNESS * np.where(kept, near.scores, 0.0)), 0.0)
    weight *= count / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    at = np.broadcast_to(each[:, None], kept.shape)
    found = (weight[kept], (at[kept], near.rows[kept]))
    return Votes(sparse.csr_array(found, shape=(size, size)))


def other_fields(fields: Mapping[str, Values], asked: str) -> Reading:
    """Return the values in all fields but the one asked about, one column per value."""
    parts = [
        np.eye(len(values.names) + 1, dtype=np.float32)[values.codes][:, :-1]
        for name, values in fields.items()
        if name != asked
    ]
    size = len(fields[asked].codes)
    return Reading(np.hstack([np.zeros((size, 0), dtype=np.float32), *parts]))


def hear(witness: FoldedRidge | Votes, values: Values) -> NDArray[np.float64]:
    """Return what a witness says of every product without having heard its label.

    Returns
    -------
    ndarray of shape (n_products, n_values)
        Log-probabilities.
    """
    prior, classes = values.log_prior, len(values.names)
    if isinstance(witness, FoldedRidge):
        scores = witness.scores(values.codes, classes=classes)
    else:
        cast = witness.weights @ np.eye(classes + 1)[values.codes][:, :-1]
        pulled = (cast + PULL * np.exp(prior)) / (cast.sum(axis=1, keepdims=True) + PULL)
        scores = np.log(pulled) - prior
    return np.maximum(to_log_probabilities(scores, values.codes, prior), np.log(LEAST))


def hear_all(witnesses: Sequence[FoldedRidge | Votes], values: Values) -> NDArray[np.float64]:
    """Return what each witness says, of shape (n_witnesses, n_products, n_values)."""
    return np.array([hear(witness, values) for witness in witnesses])
