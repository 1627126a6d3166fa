"""One field, several views: linear heads on each, one combination per modality at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.combination import Combination, choose_combination
from classify.decisions import NEVER, Threshold, choose_threshold
from classify.linear_solver import Matrix
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
FLOOR: Final = 1e-7
"""Probability a part gives to a value it has never seen, since other parts may have."""

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


class MultiViewTagger:
    """Tags one field from several views of a product.

    Every head is fitted on training rows that have its view's modality, and its temperature on
    validation rows. Per modality one combination of the heads that may be used there, and one
    threshold for ``auto``, are chosen on validation rows: all heads for products with image and
    text; only the heads of the image view for products without text, and the other way round
    (learned by hiding the other modality of the validation rows). Where no view of that modality
    exists, the views made of both serve. Nothing is fitted on validation rows but these few
    numbers, so that confidence stays honest.

    Parameters
    ----------
    config
        Settings.

    Attributes
    ----------
    classes_ : ndarray of str of shape (n_classes,)
        Values seen in training, sorted.
    examples_ : ndarray of int of shape (n_classes,)
        Training rows of each value.
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
        rotations: Mapping[str, Rotation] | None = None,
    ) -> Self:
        """Fit on the rows of ``train``, choose on those of ``val``.

        Parameters
        ----------
        views
            Matrices with one row per product.
        labels
            Value of each product, "" where unknown (such rows are left out), of shape (n_rows,).
        train, val, has_image, has_text
            Of shape (n_rows,).
        rotations
            How some of ``views`` were rotated; ever after they are given as they were before.
        """
        rotations = rotations or {}
        known = labels != ""
        self.classes_, self.examples_ = np.unique(labels[train & known], return_counts=True)
        self.parts_ = {}
        present = {"both": np.ones_like(known), "image": has_image, "text": has_text}
        for view, X in views.items():
            rows = known & present[view_modality(view)]
            fit_on, check_on = np.flatnonzero(rows & train), np.flatnonzero(rows & val)
            for head in self.config.heads if fit_on.size else ():
                tagger = self._head(view, head, rotated=view in rotations)
                tagger.fit(X[fit_on], labels[fit_on])
                if check_on.size:
                    tagger.calibrate_on(X[check_on], labels[check_on])
                self.parts_[Part(view, head)] = tagger
        for modality in MODALITIES:
            full = present["image"] & present["text"] if modality == "both" else present[modality]
            self._choose(views, labels, np.flatnonzero(val & known & full), modality)
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
        if modality == "both":
            return list(self.parts_)
        own = [part for part in self.parts_ if view_modality(part.view) == modality]
        return own or [part for part in self.parts_ if view_modality(part.view) == "both"]

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

    def _head(self, view: str, head: HeadName, *, rotated: bool) -> LinearTagger:
        config, sparse = self.config, view in SPARSE
        rare_too = config.lexical_balanced and head == "softmax" and view in (LEXICAL, WORDS)
        return HEADS[head](
            C=getattr(config, f"lexical_{head}_c" if sparse else f"{head}_c"),
            class_weight="balanced" if config.balanced or rare_too else None,
            max_iter=config.max_iter,
            tol=config.tol,
            standardize=not (sparse or rotated),
            calibrate=False,
        )

    def _choose(
        self, views: Views, labels: NDArray[Any], rows: NDArray[np.int64], modality: str
    ) -> None:
        truth = labels[rows]
        learned = np.isin(truth, self.classes_)
        parts = self._stacked(views, rows, modality)
        if not len(parts):
            return
        codes = np.searchsorted(self.classes_, truth[learned])
        kinds = [view_modality(part.view) for part in self.usable_parts(modality)]
        alone = [[at for at, kind in enumerate(kinds) if kind == one] for one in ("text", "image")]
        combination = choose_combination(
            parts[:, learned], codes, log_prior=self.log_prior, alone=alone
        )
        self.combinations_[modality] = combination
        # Values that were never learned count as wrong here: confidence has to answer for them too.
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
