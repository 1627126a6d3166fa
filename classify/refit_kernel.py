"""The kernel heads of a refit: solved again, and they may come to know further products."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.joint_view import JOINT, JointRows, JointView
from classify.kernel_ridge import KernelTagger
from classify.linear_solver import Matrix
from classify.modalities import Part
from classify.taggers import TaggerSet
from classify.views import MultiViewTagger
from core_embeddings.columns import Columns

KERNEL: Final = Part(JOINT, "kernel")

Labels = NDArray[Any]


class Known(NamedTuple):
    """Whom the joint view knows."""

    joint: JointView | None
    rows: JointRows | None


def more_known(
    taggers: TaggerSet,
    views: Mapping[str, Matrix],
    products: pd.DataFrame,
    labels: Mapping[str, Labels],
) -> Known:
    """Let the joint view know products it did not: while there is room, or of values new to it.

    Parameters
    ----------
    taggers
        With the joint view as it was.
    views
        Prepared, one row per product.
    products
        Their ids count.
    labels
        By field, "" where unknown or not to be learned from.
    """
    joint = taggers.joint
    if joint is None:
        return Known(None, None)
    ids = products[Columns.PRODUCT].to_numpy(dtype=object)
    stranger = ~np.isin(ids, np.array(joint.ids, dtype=object))
    wanted, new = np.zeros_like(stranger), np.zeros_like(stranger)
    for name, values in labels.items():
        wanted |= values != ""
        head = taggers.tagger(name).parts_.get(KERNEL)
        if head is not None:
            new |= (values != "") & ~np.isin(values, head.classes_)
    wanted &= stranger
    room = np.cumsum(wanted) <= taggers.config.joint_rows - len(joint.ids)
    more = np.flatnonzero(wanted & (new | room))
    if more.size:
        joint = joint.with_more({name: X[more] for name, X in views.items()}, ids[more].tolist())
    return Known(joint, joint.rows(ids.tolist()))


def refit_kernel(
    tagger: MultiViewTagger, known: JointRows | None, labels: Labels
) -> MultiViewTagger:
    """Return the tagger with a kernel head that knows these labels, of values the tagger knows."""
    old = tagger.parts_.get(KERNEL)
    if old is None or known is None:
        return tagger
    rows = np.flatnonzero(np.isin(labels, tagger.classes_) & (known.place >= 0))
    if not rows.size:
        return tagger
    found = KernelTagger.learn(known, labels, rows, C=tagger.config.kernel_c, centre=rows)
    found.head.temperature_ = old.temperature_
    again = copy.copy(tagger)
    again.parts_ = {**tagger.parts_, KERNEL: found.head}
    return again


def widened(tagger: MultiViewTagger, joint: JointView | None) -> MultiViewTagger:
    """Return the tagger for a joint view that knows more products than its kernel head does."""
    old = tagger.parts_.get(KERNEL)
    if joint is None or old is None or old.coef_.shape[1] == len(joint.ids):
        return tagger
    coef = np.zeros((len(old.coef_), len(joint.ids)), dtype=old.coef_.dtype)
    coef[:, : old.coef_.shape[1]] = old.coef_
    again = copy.copy(tagger)
    head = type(old).restored(old.classes_, coef, old.intercept_, temperature=old.temperature_)
    again.parts_ = {**tagger.parts_, KERNEL: head}
    return again
