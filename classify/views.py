"""One field, several views: linear heads on each, one combination per modality at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.combination import Combination, choose_combination
from classify.cross_fit import FLOOR, cross_fit, held_folds
from classify.decisions import NEVER, Threshold, choose_threshold
from classify.linear_solver import Floats, Matrix
from classify.linear_tagger import LinearTagger
from classify.rotation import Rotation
from classify.softmax import SoftmaxTagger
from classify.svm import SVMTagger
from classify.tagger_config import HeadName, TaggerConfig

Modality = Literal["both", "image", "text"]
MODALITIES: Final[tuple[Modality, ...]] = ("both", "image", "text")
LEXICAL, WORDS, TITLE = "lexical", "words", "title"
SPARSE: Final = (LEXICAL, WORDS, TITLE)
_MODALITY_OF: Final[Mapping[str, Modality]] = {
    "image": "image",
    "text": "text",
    **dict.fromkeys(SPARSE, "text"),
}
HEADS: Final[Mapping[str, type[LinearTagger]]] = {"softmax": SoftmaxTagger, "svm": SVMTagger}

Mask = NDArray[np.bool_]
Views = Mapping[str, Matrix]


class Part(NamedTuple):
    """One head on one view."""

    view: str
    head: HeadName


def view_modality(view: str) -> Modality:
    """Return what a view is made of: ``image``, ``text`` (also the TF-IDF ones), else ``both``."""
    return _MODALITY_OF.get(view, "both")


def available_modality(has_image: Mask, has_text: Mask) -> NDArray[Any]:
    """Return ``both``, ``image`` or ``text`` per row; a row with neither is taken as ``both``."""
    return np.where(has_image == has_text, "both", np.where(has_image, "image", "text"))


def usable_views(views: Sequence[str], modality: str) -> list[str]:
    """Return the views that may speak for products of that modality.

    All for products with both; those of one modality for products that have only that; where there
    is no such view, those made of both.
    """
    if modality == "both":
        return list(views)
    own = [view for view in views if view_modality(view) == modality]
    return own or [view for view in views if view_modality(view) == "both"]


class MultiViewTagger:
    """Tags one field from several views of a product.

    Every head learns from the training and validation rows that have its view's modality. What is
    chosen besides rests on cross-fitted answers for the validation rows, see ``cross_fit``: the
    temperature of each head, and per modality one combination of the heads that may be used there
    and one threshold for ``auto``. All heads speak for products with image and text; only the heads
    of the image view for products without text, and the other way round (learned by hiding the
    other modality of the validation rows). Where no view of that modality exists, the views made of
    both serve.

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
    thresholds_ : dict of modality to Threshold
    """

    def __init__(self, config: TaggerConfig) -> None:
        self.config = config
        self.classes_: NDArray[Any] = np.empty(0, dtype=object)
        self.examples_: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.parts_: dict[Part, LinearTagger] = {}
        self.combinations_: dict[str, Combination] = {}
        self.thresholds_: dict[str, Threshold] = {}

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
        held = np.flatnonzero(val & known)
        own = np.arange(len(labels)) if groups is None else groups
        folds = held_folds(own[held], count=self.config.folds)
        self.parts_, answers = {}, {}
        for view, X in views.items():
            seen = present[view_modality(view)]
            fit_on, checked = np.flatnonzero(train & known & seen), seen[held]
            heads = self.config.heads if view in SPARSE else self.config.dense_heads
            for head in heads if fit_on.size else ():
                found = cross_fit(
                    self.head(view, head, rotated=view in rotations),
                    X,
                    labels,
                    classes=self.classes_,
                    train=fit_on,
                    held=held[checked],
                    folds=folds[checked],
                    steps=self.config.fold_steps,
                )
                self.parts_[Part(view, head)] = found.tagger
                answers[Part(view, head)] = _spread(found.answers, checked)
        for modality in MODALITIES:
            full = has_image & has_text if modality == "both" else present[modality]
            self._choose(answers, labels[held], full[held], modality)
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

    def decide(
        self, confidence: NDArray[Any], codes: NDArray[np.int64], *, has_image: Mask, has_text: Mask
    ) -> Mask:
        """Return True where a tag is ``auto``.

        Its confidence reaches the threshold of the product's modality, and its value had enough
        training rows.
        """
        kinds = available_modality(has_image, has_text)
        auto = self.examples_[codes] >= self.config.min_auto_examples
        for modality in MODALITIES:
            rows = kinds == modality
            auto[rows] &= self.thresholds_.get(modality, NEVER).decide(confidence[rows])
        return auto

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

    def head(self, view: str, head: HeadName, *, rotated: bool) -> LinearTagger:
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
        self, answers: Mapping[Part, Floats], truth: NDArray[Any], rows: Mask, modality: str
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
        best = combination.log_probabilities(parts, self.log_prior)
        correct = self.classes_[best.argmax(axis=1)] == truth
        self.thresholds_[modality] = choose_threshold(
            np.exp(best.max(axis=1)),
            correct,
            target_precision=self.config.target_precision,
            assurance=self.config.assurance,
            min_rows=self.config.min_auto_rows,
        )

    def _combined(self, views: Views, rows: NDArray[np.int64], modality: str) -> NDArray[Any]:
        combination = self.combinations_.get(modality)
        if combination is None:  # no view speaks for this kind of product: what is frequent
            return np.tile(self.log_prior, (len(rows), 1))
        parts = self._stacked(views, rows, modality)
        return combination.log_probabilities(parts, self.log_prior)

    def _stacked(self, views: Views, rows: NDArray[np.int64], modality: str) -> NDArray[Any]:
        """Return the usable parts' log-probabilities, (n_parts, n_rows, n_classes)."""
        parts = self.usable_parts(modality)
        answers = np.empty((len(parts), len(rows), len(self.classes_)))
        for at, answer in enumerate(self._answers(views, rows, parts)):
            answers[at] = answer
        return answers

    def _answers(
        self, views: Views, rows: NDArray[np.int64], parts: list[Part]
    ) -> Iterator[NDArray[Any]]:
        for part in parts:
            tagger = self.parts_[part]
            answer = np.full((len(rows), len(self.classes_)), FLOOR)
            if len(rows):
                columns = np.searchsorted(self.classes_, tagger.classes_)
                answer[:, columns] = np.maximum(tagger.predict_proba(views[part.view][rows]), FLOOR)
            yield np.log(answer)


def _spread(answers: Floats, rows: Mask) -> Floats:
    """Return answers for all rows; those without the view get what a value never seen gets."""
    every = np.full((len(rows), answers.shape[1]), np.log(FLOOR))
    every[rows] = answers
    return every
