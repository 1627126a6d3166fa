"""Heads that take in corrected values in a few steps from where they stand.

Only the weights move. What was chosen on validation rows, the temperatures, the combination and the
thresholds, is kept: corrected products are those a human was asked about, so that they say little
of how sure the heads may be of others.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from classify.availability import Availability, availability
from classify.joint_view import JOINT
from classify.labels import field_labels
from classify.linear_solver import Matrix
from classify.linear_tagger import LinearTagger
from classify.modalities import Mask, Part, view_modality
from classify.refit_kernel import more_known, refit_kernel, widened
from classify.rotation import Rotation
from classify.taggers import TaggerSet
from classify.taxonomy import levels_of
from classify.views import MultiViewTagger

LEARNED_FROM: Final = 5
"""A value that the taggers never met is learned once so many products have it."""


class Rotated(NamedTuple):
    """A view as its heads are fitted."""

    X: Matrix
    """Rows of the view, rotated where it is wide."""
    rotation: Rotation | None


def refit(
    taggers: TaggerSet,
    views: Mapping[str, Matrix],
    products: pd.DataFrame,
    *,
    fields: Sequence[str],
    learned: Mask,
    has_image: ArrayLike | None = None,
    has_text: ArrayLike | None = None,
) -> TaggerSet:
    """Return the taggers with the heads of ``fields`` fitted again from their weights.

    Parameters
    ----------
    taggers
        Left as they are.
    views, products, has_image, has_text
        As in ``TaggerSet.fit``, of every product that is learned from, with the corrected values.
    fields
        Whose heads are fitted; the others are shared with ``taggers``, and so are those of fields
        that hold several values.
    learned
        Rows to learn from, of shape (n_products,); those without a value are passed over. Held-out
        rows must not be among them.
    """
    available = availability(products, has_image, has_text)
    fitted = dict(taggers.taggers)
    with threadpool_limits(taggers.config.threads, "blas"):
        # Without the view of all views: between known products it is known, and wide for all.
        ready = replace(taggers, joint=None).prepare(views, products)
        seen = {view: learned & _present(view, available) for view in ready}
        size = taggers.config.dense_size
        rotated = {view: _rotated(X, seen[view], size) for view, X in ready.items()}
        labels = {
            name: np.where(learned, field_labels(products, name), "")
            for name in fields
            if name not in taggers.set_taggers
        }
        joint, known = more_known(taggers, ready, products, labels)
        for name, values in labels.items():
            found = refit_field(taggers.tagger(name), rotated, seen, values)
            fitted[name] = refit_kernel(found, known, values)
    wide = {name: widened(tagger, joint) for name, tagger in fitted.items()}
    return replace(taggers, taggers=wide, joint=joint)


def refit_field(
    tagger: MultiViewTagger,
    views: Mapping[str, Rotated],
    seen: Mapping[str, Mask],
    labels: NDArray[Any],
) -> MultiViewTagger:
    """Return one field's tagger with heads that know ``labels``.

    A value it never met is learned from ``LEARNED_FROM`` products on; one that no product has any
    more is forgotten. Else the kernel head stays as it is, see ``refit_kernel``.

    Parameters
    ----------
    tagger
        Left as it is.
    views
        By name.
    seen
        Rows each view can be learned from, of shape (n_rows,).
    labels
        "" where unknown, of shape (n_rows,).
    """
    values, counts = np.unique(labels[labels != ""], return_counts=True)
    kept = np.isin(values, tagger.classes_) | (counts >= LEARNED_FROM)
    known = np.isin(labels, values[kept])
    if not known.any():
        return tagger
    again = copy.copy(tagger)
    again.classes_, again.examples_ = values[kept].astype(object), counts[kept]
    old_depth, depth = (len(levels_of(one.classes_.tolist())) for one in (tagger, again))
    if depth != old_depth:  # evidence is by level
        again.evidence_ = {m: found.with_levels(depth) for m, found in tagger.evidence_.items()}
    again.parts_ = {
        part: _without_forgotten(old, again.classes_)
        if part.view == JOINT or not (known & seen[part.view]).any()
        else _refit_head(tagger, part, views[part.view], labels, known & seen[part.view])
        for part, old in tagger.parts_.items()
    }
    return again


def _refit_head(
    tagger: MultiViewTagger, part: Part, view: Rotated, labels: NDArray[Any], rows: Mask
) -> LinearTagger:
    old, rotation = tagger.parts_[part], view.rotation
    head = tagger.head(*part, rotated=rotation is not None)
    head.set_params(max_iter=min(tagger.config.fold_steps, head.max_iter))
    start = old if rotation is None else _turned(old, rotation)
    head.fit(view.X[rows], labels[rows], start=start)
    head.temperature_ = old.temperature_
    return head if rotation is None else head.unrotate(rotation.mean, rotation.basis)


def _without_forgotten(head: LinearTagger, values: NDArray[Any]) -> LinearTagger:
    """Return a head that is not fitted again as it speaks of values that are still known.

    Where it knew none of them it finds all alike.
    """
    kept = np.isin(head.classes_, values)
    if kept.all():
        return head
    names, coef, intercept = head.classes_[kept], head.coef_[kept], head.intercept_[kept]
    if not kept.any():
        names, coef = values, np.zeros((len(values), head.coef_.shape[1]), head.coef_.dtype)
        intercept = np.zeros(len(values), head.coef_.dtype)
    return type(head).restored(names, coef, intercept, temperature=head.temperature_)


def _turned(head: LinearTagger, rotation: Rotation) -> LinearTagger:
    """Return a head as it speaks of rotated rows; the reverse of ``LinearTagger.unrotate``."""
    coef = np.linalg.lstsq(rotation.basis, head.coef_.T, rcond=None)[0].T
    intercept = head.intercept_ + head.coef_ @ rotation.mean
    return type(head).restored(head.classes_, coef, intercept, temperature=head.temperature_)


def _rotated(X: Matrix, rows: Mask, size: int) -> Rotated:
    """Rotate a wide dense view as ``TaggerSet.fit`` does."""
    if sparse.issparse(X) or X.shape[1] <= size or rows.sum() < 2:
        return Rotated(X, None)
    rotation = Rotation.fit(X[rows], size=size)
    return Rotated(rotation.apply(X), rotation)


def _present(view: str, available: Availability) -> Mask:
    masks = {"image": available.has_image, "text": available.has_text}
    return masks.get(view_modality(view), np.ones_like(available.has_text))
