"""One field whose products have several values at once, from several views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.cross_fit import ROUGHLY, held_folds
from classify.joint_view import JOINT
from classify.linear_solver import Floats, Matrix
from classify.modalities import (
    MODALITIES,
    SPARSE,
    Mask,
    Views,
    available_modality,
    usable_views,
    view_modality,
)
from classify.promise import Evidence, Rule
from classify.rotation import Rotation
from classify.set_blend import ChosenSets, SetBlend, choose_set_blend
from classify.tagger_config import TaggerConfig
from classify.taxonomy import LEAF
from classify.value_heads import Has, HeadSettings, ValueHeads
from classify.value_kinship import kinship
from classify.value_sets import Sets, value_matrix

NO_ODDS = -16.0
"""Log-odds said of a value by a view that a product does not have."""


class SetTagger:
    """Tags a field with sets of values.

    On every view one logistic head per value, each for itself; then per modality one blend of their
    log-odds, for all values alike. A product gets the likeliest set, of one value at least. Its
    confidence is the calibrated probability that the whole set is right, and ``auto`` keeps the
    same promise about it as in other fields. What is chosen rests on what heads say of
    validation rows they had not seen, as in ``MultiViewTagger``. A value seen in fewer than
    ``min_auto_examples`` rows is learned and offered, but a set that has it is always reviewed.

    Parameters
    ----------
    config
        Settings; the heads take ``softmax_c`` and ``lexical_softmax_c``.

    Attributes
    ----------
    classes_ : ndarray of str of shape (n_values,)
        Values seen in training and validation rows, sorted.
    examples_ : ndarray of int of shape (n_values,)
        How many of these rows have each value.
    heads_ : dict of str to ValueHeads
        By view.
    blends_ : dict of modality to SetBlend
        Weights in the order of ``usable(modality)``.
    evidence_ : dict of modality to Evidence
        How sure and how right the sets are on validation rows.
    """

    def __init__(self, config: TaggerConfig) -> None:
        self.config = config
        self.classes_: NDArray[Any] = np.empty(0, dtype=object)
        self.examples_: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.heads_: dict[str, ValueHeads] = {}
        self.blends_: dict[str, SetBlend] = {}
        self.evidence_: dict[str, Evidence] = {}

    def fit(
        self,
        views: Views,
        sets: Sets,
        *,
        train: Mask,
        val: Mask,
        has_image: Mask,
        has_text: Mask,
        groups: NDArray[np.int64] | None = None,
        rotations: Mapping[str, Rotation] | None = None,
    ) -> Self:
        """Learn from the rows of ``train`` and ``val``; choose by what is said of ``val``.

        Parameters are those of ``MultiViewTagger.fit``, but for ``sets``: the values of each
        product, see ``value_sets``; rows without one are left out.
        """
        rotations, known = rotations or {}, np.array([bool(found) for found in sets])
        learned = known & (train | val)
        self.classes_ = np.array(sorted(set().union(*sets[learned])), dtype=object)
        has = value_matrix(sets, self.classes_.tolist())
        self.examples_ = has[learned].sum(axis=0)
        present = {"both": np.ones_like(known), "image": has_image, "text": has_text}
        held = np.flatnonzero(val & known)
        own = np.arange(len(sets)) if groups is None else groups
        folds = held_folds(own[held], count=self.config.folds)
        self.heads_, answers = {}, {}
        for view, X in views.items():
            if view == JOINT:  # its heads are ridge regressions, of one value per product
                continue
            seen = present[view_modality(view)]
            fit_on = np.flatnonzero(train & known & seen)
            if not fit_on.size:
                continue
            answer = np.full((len(held), len(self.classes_)), NO_ODDS)
            kept = seen[held]
            settings = self._settings(view, rotated=view in rotations)
            self.heads_[view], answer[kept] = self._cross_fit(
                X, has, settings, fit_on, held[kept], folds[kept]
            )
            answers[view] = answer
        for modality in MODALITIES:
            full = has_image & has_text if modality == "both" else present[modality]
            self._choose(answers, has[held], full[held], folds, modality)
        for view in rotations.keys() & self.heads_.keys():
            turned = rotations[view]
            self.heads_[view] = self.heads_[view].unrotated(turned.mean, turned.basis)
        return self

    def usable(self, modality: str) -> list[str]:
        """Return the views that may speak for products of that modality."""
        return usable_views(list(self.heads_), modality)

    def scores(self, views: Views, *, has_image: Mask, has_text: Mask) -> Floats:
        """Return the log-odds of every value, of shape (n_rows, n_values)."""
        found = np.empty((len(has_image), len(self.classes_)))
        for modality, rows in _by_modality(has_image, has_text):
            found[rows] = self._blended(views, rows, modality)
        return found

    def choose(self, scores: Floats, *, has_image: Mask, has_text: Mask) -> ChosenSets:
        """Return the set of each product and how sure it is."""
        has = np.zeros(scores.shape, dtype=np.bool_)
        confidence = np.zeros(len(scores))
        for modality, rows in _by_modality(has_image, has_text):
            blend = self.blends_.get(modality, SetBlend((1.0,)))
            has[rows], confidence[rows] = blend.choose(scores[rows])
        return ChosenSets(has, confidence)

    def decide(
        self,
        chosen: ChosenSets,
        *,
        has_image: Mask,
        has_text: Mask,
        precision: float | None = None,
    ) -> Mask:
        """Return True where a set is ``auto``: sure enough, and of values met often enough.

        ``precision`` is promised of what is ``auto``; by default that of the settings.
        """
        promise = self.config.promise(precision)
        rare = self.examples_ < self.config.min_auto_examples
        auto = np.logical_not((chosen.has & rare).any(axis=1))
        for modality, rows in _by_modality(has_image, has_text):
            found = self.evidence_.get(modality)
            rule = Rule() if found is None else found.rule(promise)
            auto[rows] &= rule.threshold(LEAF).decide(chosen.confidence[rows])
        return auto

    def explain(self) -> pd.DataFrame:
        """Return how much each view weighs, in the columns of ``MultiViewTagger.explain``."""
        rows = [
            (modality, view, "logistic", share, 1 / sum(blend.weights), 0.0)
            for modality, blend in self.blends_.items()
            for view, share in zip(self.usable(modality), blend.shares, strict=True)
        ]
        columns = ["modality", "view", "head", "share", "temperature", "discount"]
        return pd.DataFrame(rows, columns=columns)

    def _settings(self, view: str, *, rotated: bool) -> HeadSettings:
        config, sparse = self.config, view in SPARSE
        return HeadSettings(
            C=config.lexical_softmax_c if sparse else config.softmax_c,
            max_iter=config.max_iter,
            tol=config.tol,
            standardize=not (sparse or rotated),
        )

    def _cross_fit(
        self,
        X: Matrix,
        has: Has,
        settings: HeadSettings,
        train: NDArray[np.int64],
        held: NDArray[np.int64],
        folds: NDArray[np.int64],
    ) -> tuple[ValueHeads, Floats]:
        """Return heads of all these rows, and what others say of each held row; see there."""
        akin = kinship(self.classes_.tolist()) if self.config.kin else None
        rough = settings.with_limits(tol=ROUGHLY * settings.tol) if len(held) else settings
        brief = settings.with_limits(max_iter=min(self.config.fold_steps, settings.max_iter))
        base = ValueHeads.fit(X[train], has[train], rough, akin=akin)
        answers = np.empty((len(held), has.shape[1]))
        for fold in np.unique(folds):
            out = folds == fold
            rows = np.concatenate([train, held[~out]])
            told = ValueHeads.fit(X[rows], has[rows], brief, akin=akin, start=base)
            answers[out] = told.scores(X[held[out]])
        if not len(held):
            return base, answers
        every = np.concatenate([train, held])
        return ValueHeads.fit(X[every], has[every], settings, akin=akin, start=base), answers

    def _choose(
        self,
        answers: Mapping[str, Floats],
        has: Has,
        rows: Mask,
        folds: NDArray[np.int64],
        modality: str,
    ) -> None:
        usable = self.usable(modality)
        if not usable:
            return
        parts = np.array([answers[view][rows] for view in usable])
        kinds = [view_modality(view) for view in usable]
        alone = [[at for at, kind in enumerate(kinds) if kind == one] for one in ("text", "image")]
        truth = has[rows]
        self.blends_[modality] = choose_set_blend(parts, truth, alone=alone)
        confidence, right = np.empty(len(truth)), np.empty(len(truth), dtype=np.bool_)
        for fold in np.unique(folds[rows]):
            out = folds[rows] == fold
            other = choose_set_blend(parts[:, ~out], truth[~out], alone=alone)
            chosen = other.choose(other.scores(parts[:, out]))
            confidence[out], right[out] = chosen.confidence, (chosen.has == truth[out]).all(axis=1)
        self.evidence_[modality] = Evidence(confidence[None], right[None], np.empty(0))

    def _blended(self, views: Views, rows: NDArray[np.int64], modality: str) -> Floats:
        blend = self.blends_.get(modality)
        if blend is None:  # no view speaks for this kind of product: what is frequent
            share = np.clip(self.examples_ / max(self.examples_.max(), 1), 1e-6, 0.5)
            return np.tile(np.log(share) - np.log1p(-share), (len(rows), 1))
        parts = [self.heads_[view].scores(views[view][rows]) for view in self.usable(modality)]
        return blend.scores(np.array(parts))


def _by_modality(has_image: Mask, has_text: Mask) -> Iterator[tuple[str, NDArray[np.int64]]]:
    kinds = available_modality(has_image, has_text)
    for modality in np.unique(kinds):
        yield modality, np.flatnonzero(kinds == modality)
