"""One field, several views: linear heads on each, one combination per modality at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.combination import Combination, choose_combination
from classify.cross_fit import FLOOR, Rows, cross_fit, held_folds
from classify.evidence import cross_fitted_blend, evidence_of
from classify.joint_view import JOINT, JointRows
from classify.kernel_ridge import KernelTagger, cross_fit_kernel
from classify.linear_solver import Floats
from classify.linear_tagger import LinearTagger
from classify.modalities import (
    LEXICAL,
    MODALITIES,
    SPARSE,
    WORDS,
    Mask,
    Part,
    PartHead,
    Views,
    available_modality,
    usable_views,
    view_modality,
)
from classify.promise import Evidence, Rule
from classify.rotation import Rotation
from classify.softmax import SoftmaxTagger
from classify.svm import SVMTagger
from classify.tagger_config import TaggerConfig
from classify.verdicts import Verdicts, judge_by_kind

HEADS: Final[Mapping[str, type[LinearTagger]]] = {
    "softmax": SoftmaxTagger,
    "svm": SVMTagger,
    "kernel": KernelTagger,
}


class MultiViewTagger:
    """Tags one field from several views of a product.

    Every head learns from the training and validation rows that have its view's modality. What is
    chosen besides rests on cross-fitted answers for the validation rows, see ``cross_fit``: the
    temperature of each head, and per modality one combination of the heads that may be used there
    and the evidence that any rule for ``auto`` rests on. All heads speak for products with image
    and text; only the heads of the image view for products without text, and the other way round
    (learned by hiding the other modality of the validation rows). Where no view of that modality
    exists, the views made of both serve.

    Parameters
    ----------
    config
        Settings.

    Attributes
    ----------
    classes_ : ndarray of str of shape (n_classes,)
        Values seen in training and validation rows, sorted.
    examples_ : ndarray of int of shape (n_classes,)
        How many of these rows each value has.
    parts_ : dict of Part to LinearTagger
    combinations_ : dict of modality to Combination
        Weights in the order of ``usable_parts(modality)``.
    evidence_ : dict of modality to Evidence
        How sure and how right the combination is on validation rows.
    """

    def __init__(self, config: TaggerConfig) -> None:
        self.config = config
        self.classes_: NDArray[Any] = np.empty(0, dtype=object)
        self.examples_: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.parts_: dict[Part, LinearTagger] = {}
        self.combinations_: dict[str, Combination] = {}
        self.evidence_: dict[str, Evidence] = {}

    def fit(
        self,
        views: Views,
        labels: NDArray[Any],
        *,
        train: Mask,
        val: Mask,
        has_image: Mask,
        has_text: Mask,
        groups: NDArray[np.int64] | None = None,
        rotations: Mapping[str, Rotation] | None = None,
    ) -> Self:
        """Learn from the rows of ``train`` and ``val``; choose by what is said of ``val``.

        Parameters
        ----------
        views
            Matrices with one row per product.
        labels
            Value of each product, "" where unknown (such rows are left out), of shape (n_rows,).
        train, val, has_image, has_text
            Of shape (n_rows,).
        groups
            Number of each product's group of duplicates, which never speak for each other; by
            default there are no duplicates.
        rotations
            How some of ``views`` were rotated; ever after they are given as they were before.
        """
        rotations, known = rotations or {}, labels != ""
        learned = labels[(train | val) & known]
        self.classes_, self.examples_ = np.unique(learned, return_counts=True)
        present = {"both": np.ones_like(known), "image": has_image, "text": has_text}
        full = dict(present, both=has_image & has_text)
        held = np.flatnonzero(val & known)
        own = np.arange(len(labels)) if groups is None else groups
        folds = held_folds(own[held], count=self.config.folds)
        self.parts_, answers = {}, {}
        for view, X in views.items():
            seen = present[view_modality(view)]
            if isinstance(X, JointRows):
                seen = X.place >= 0
                full["both"] = full["both"] & seen
            fit_on, checked = np.flatnonzero(train & known & seen), seen[held]
            rows = Rows(self.classes_, fit_on, held[checked], folds[checked])
            for part in self.parts_on(view) if fit_on.size else ():
                if isinstance(X, JointRows):
                    found = cross_fit_kernel(X, labels, rows, C=self.config.kernel_c)
                else:
                    head = self.head(*part, rotated=view in rotations)
                    found = cross_fit(head, X, labels, rows, steps=self.config.fold_steps)
                self.parts_[part] = found.tagger
                answers[part] = _spread(found.answers, checked)
        for modality in MODALITIES:
            self._choose(answers, labels[held], full[modality][held], folds, modality)
        for part, tagger in self.parts_.items():
            if part.view in rotations:
                tagger.unrotate(rotations[part.view].mean, rotations[part.view].basis)
        return self

    @property
    def log_prior(self) -> NDArray[np.float64]:
        """Log share of each value in training, of shape (n_classes,)."""
        return np.log(self.examples_ / self.examples_.sum())

    def usable_parts(self, modality: str) -> list[Part]:
        """Return the parts that may speak for products of that modality."""
        usable = usable_views([part.view for part in self.parts_], modality)
        return [part for part in self.parts_ if part.view in usable]

    def log_probabilities(
        self, views: Views, *, has_image: Mask, has_text: Mask
    ) -> NDArray[np.float64]:
        """Return calibrated log-probabilities of shape (n_rows, n_classes)."""
        result = np.zeros((len(has_image), len(self.classes_)))
        kinds = available_modality(has_image, has_text)
        for modality in np.unique(kinds):
            rows = np.flatnonzero(kinds == modality)
            result[rows] = self._combined(views, rows, modality)
        return result

    def judge(
        self,
        probabilities: NDArray[np.float64],
        *,
        has_image: Mask,
        has_text: Mask,
        precision: float | None = None,
    ) -> Verdicts:
        """Return the tags of rows of these probabilities, see ``verdicts``.

        ``precision`` is promised of what is ``auto``; by default that of the settings.

        Raises
        ------
        ConfigError
            If the precision is no share.
        """
        return judge_by_kind(
            probabilities,
            self.classes_,
            self.rules(precision),
            available_modality(has_image, has_text),
            examples=self.examples_,
            min_examples=self.config.min_auto_examples,
        )

    def rules(self, precision: float | None = None) -> dict[str, Rule]:
        """Return the rule of each modality that keeps a promise; by default that of the settings.

        Raises
        ------
        ConfigError
            If the precision is no share.
        """
        promise = self.config.promise(precision)
        return {modality: found.rule(promise) for modality, found in self.evidence_.items()}

    def explain(self) -> pd.DataFrame:
        """Return how much each part weighs.

        Columns ``modality``, ``view``, ``head``, ``share`` (sums to 1 per modality),
        ``temperature`` and ``discount``, see ``Combination``.
        """
        rows = [
            (modality, *part, share, combination.temperature, combination.discount)
            for modality, combination in self.combinations_.items()
            for part, share in zip(self.usable_parts(modality), combination.shares, strict=True)
        ]
        return pd.DataFrame(
            rows, columns=["modality", "view", "head", "share", "temperature", "discount"]
        )

    def parts_on(self, view: str) -> list[Part]:
        """Return which heads the settings want on a view."""
        if view == JOINT:
            return [Part(view, "kernel")]
        heads = self.config.heads if view in SPARSE else self.config.dense_heads
        return [Part(view, head) for head in heads]

    def head(self, view: str, head: PartHead, *, rotated: bool) -> LinearTagger:
        """Return an unfitted head for a view, as the settings say."""
        config, sparse = self.config, view in SPARSE
        rare_too = config.lexical_balanced and head == "softmax" and view in (LEXICAL, WORDS)
        return HEADS[head](
            C=getattr(config, f"lexical_{head}_c" if sparse else f"{head}_c"),
            class_weight="balanced" if config.balanced or rare_too else None,
            max_iter=config.max_iter,
            tol=config.tol,
            standardize=not (sparse or rotated),
            calibrate=False,
            kin=self.config.kin,
        )

    def _choose(
        self,
        answers: Mapping[Part, Floats],
        truth: NDArray[Any],
        rows: Mask,
        folds: NDArray[np.int64],
        modality: str,
    ) -> None:
        usable = self.usable_parts(modality)
        if not usable:
            return
        parts = np.array([answers[part][rows] for part in usable])
        truth = truth[rows]
        codes = np.searchsorted(self.classes_, truth)
        # A value that only this row's fold has cannot be told, and says nothing of the parts.
        told = parts[:, np.arange(len(codes)), codes].max(axis=0) > np.log(FLOOR)
        kinds = [view_modality(part.view) for part in usable]
        alone = [[at for at, kind in enumerate(kinds) if kind == one] for one in ("text", "image")]
        combination = choose_combination(
            parts[:, told], codes[told], log_prior=self.log_prior, alone=alone
        )
        self.combinations_[modality] = combination
        # It counts as wrong here all the same: confidence has to answer for new values too.
        blended = cross_fitted_blend(
            parts, codes, told=told, folds=folds[rows], log_prior=self.log_prior, alone=alone
        )
        self.evidence_[modality] = evidence_of(
            blended,
            codes,
            self.classes_.tolist(),
            examples=self.examples_,
            min_examples=self.config.min_auto_examples,
        )

    def _combined(self, views: Views, rows: NDArray[np.int64], modality: str) -> NDArray[Any]:
        combination = self.combinations_.get(modality)
        if combination is None:  # no view speaks for this kind of product: what is frequent
            return np.tile(self.log_prior, (len(rows), 1))
        parts = self.usable_parts(modality)
        answers = np.full((len(parts), len(rows), len(self.classes_)), FLOOR)
        for answer, part in zip(answers, parts if len(rows) else (), strict=False):
            tagger = self.parts_[part]
            columns = np.searchsorted(self.classes_, tagger.classes_)
            answer[:, columns] = np.maximum(tagger.predict_proba(views[part.view][rows]), FLOOR)
        return combination.log_probabilities(np.log(answers, out=answers), self.log_prior)


def _spread(answers: Floats, rows: Mask) -> Floats:
    """Return answers for all rows; those without the view get what a value never seen gets."""
    every = np.full((len(rows), answers.shape[1]), np.log(FLOOR))
    every[rows] = answers
    return every
