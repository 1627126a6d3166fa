"""What every head says of validation and test rows, kept so that rules are compared in seconds.

Heads are fitted as ``TaggerSet.fit`` fits them. A validation row is answered by heads that had not
seen it, a test row by the final ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from classify.baselines import TEXT_CHOICES, spaced_texts
from classify.calibration import fit_temperature
from classify.cross_fit import FLOOR
from classify.labels import field_labels
from classify.tagger_config import TaggerConfig
from classify.taggers import TaggerSet
from classify.views import MultiViewTagger
from core_embeddings.splits import duplicate_groups

Matrix = NDArray[Any]
BASELINE = "baseline.tfidf+svm"


class Answers(NamedTuple):
    """One field."""

    classes: NDArray[Any]
    examples: NDArray[np.int64]
    parts: list[str]
    """``view.head``, and the baseline."""
    held: Matrix
    """Log-probabilities of validation rows, of shape (n_parts, n_held, n_classes)."""
    codes: NDArray[np.int64]
    folds: NDArray[np.int64]
    test: Matrix
    """The same of test rows."""
    truth: NDArray[Any]
    """Labels of the test rows."""
    groups: NDArray[np.int64]
    """Duplicate group of the test rows."""

    def of(self, chosen: Callable[[str], bool]) -> Answers:
        """Return only some parts."""
        at = [at for at, part in enumerate(self.parts) if chosen(part)]
        parts = [self.parts[one] for one in at]
        return self._replace(parts=parts, held=self.held[at], test=self.test[at])


class Recorded(MultiViewTagger):
    """Keeps what heads said of validation rows with picture and text."""

    told: tuple[Matrix, NDArray[Any], NDArray[np.int64]]

    def _choose(
        self,
        answers: Mapping[Any, Matrix],
        truth: NDArray[Any],
        rows: NDArray[np.bool_],
        folds: NDArray[np.int64],
        modality: str,
    ) -> None:
        if modality == "both":
            parts = np.array([answers[part][rows] for part in self.usable_parts("both")])
            self.told = parts, truth[rows], folds[rows]
        super()._choose(answers, truth, rows, folds, modality)


def answers_of(
    views: Mapping[str, Matrix],
    products: pd.DataFrame,
    *,
    fields: list[str],
    split: NDArray[Any],
    full: NDArray[np.bool_],
    config: TaggerConfig,
    baseline: bool = True,
) -> dict[str, Answers]:
    """Fit every field and return what is said; ``full`` are the products with both modalities."""
    with patch("classify.taggers.MultiViewTagger", Recorded):
        fitted = TaggerSet.fit(
            views, products, fields=fields, split=split, config=config, progress=print
        )
    test = np.flatnonzero((split == "test") & full)
    rows = {name: X[test] for name, X in views.items()}
    ready = fitted.prepare(rows, products.iloc[test])
    plain, groups = spaced_texts(products), duplicate_groups(products)
    found = {}
    for field, tagger in fitted.taggers.items():
        assert isinstance(tagger, Recorded)
        labels = field_labels(products, field)
        known = labels[test] != ""
        said = np.log(_said(tagger, ready, len(test))[:, known])
        held, truth, folds = tagger.told
        parts = [f"{part.view}.{part.head}" for part in tagger.parts_]
        if baseline:
            kept = np.flatnonzero((split == "val") & (labels != "") & full)
            both = _baseline(plain, labels, tagger.classes_, split, kept, test[known])
            held = np.concatenate([held, both[0][None]])
            said = np.concatenate([said, both[1][None]])
            parts.append(BASELINE)
        found[field] = Answers(
            tagger.classes_,
            tagger.examples_,
            parts,
            held,
            np.searchsorted(tagger.classes_, truth),
            folds,
            said,
            labels[test][known],
            groups[test][known],
        )
    return found


def _said(tagger: MultiViewTagger, views: Mapping[str, Any], n_rows: int) -> Matrix:
    said = np.full((len(tagger.parts_), n_rows, len(tagger.classes_)), FLOOR)
    for at, (part, head) in enumerate(tagger.parts_.items()):
        columns = np.searchsorted(tagger.classes_, head.classes_)
        said[at][:, columns] = np.maximum(head.predict_proba(views[part.view]), FLOOR)
    return said


def _baseline(
    products: pd.DataFrame,
    labels: NDArray[Any],
    classes: NDArray[Any],
    split: NDArray[Any],
    held: NDArray[np.int64],
    test: NDArray[np.int64],
) -> tuple[Matrix, Matrix]:
    """Return log-probabilities of TF-IDF + linear SVM, on the text that is better on ``held``.

    Of held rows by the model of training rows, of test rows by that of both; one temperature.
    """
    train = np.flatnonzero((split == "train") & (labels != ""))
    best: tuple[float, Matrix, NDArray[Any]] | None = None
    for names in TEXT_CHOICES:
        texts = products[list(names)].agg(" ".join, axis=1).to_numpy(dtype=object)
        scores = _svm_scores(texts, labels, classes, train, held)
        right = float((classes[scores.argmax(axis=1)] == labels[held]).mean())
        if best is None or right >= best[0]:
            best = right, scores, texts
    assert best is not None
    every = np.concatenate([train, np.flatnonzero((split == "val") & (labels != ""))])
    final = _svm_scores(best[2], labels, classes, every, test)
    codes = np.searchsorted(classes, labels[held])
    met = np.isfinite(best[1][np.arange(len(held)), codes])
    temperature = fit_temperature(best[1][met], codes[met])
    held_said, test_said = (
        np.maximum(log_softmax(scores / temperature, axis=1), np.log(FLOOR))
        for scores in (best[1], final)
    )
    return held_said, test_said


def _svm_scores(
    texts: NDArray[Any],
    labels: NDArray[Any],
    classes: NDArray[Any],
    fit_on: NDArray[np.int64],
    asked: NDArray[np.int64],
) -> Matrix:
    model = make_pipeline(TfidfVectorizer(), LinearSVC()).fit(texts[fit_on], labels[fit_on])
    said = model.decision_function(texts[asked])
    said = np.column_stack([-said, said]) if said.ndim == 1 else said
    scores = np.full((len(asked), len(classes)), -np.inf)
    scores[:, np.searchsorted(classes, model.classes_)] = said
    return scores


def save(found: Mapping[str, Answers], folder: Path) -> None:
    """Write one npz per field."""
    folder.mkdir(parents=True, exist_ok=True)
    for field, answers in found.items():
        arrays = {name: np.asarray(value) for name, value in answers._asdict().items()}
        texts = {name: array.astype(str) for name, array in arrays.items() if array.dtype == object}
        halves = {name: arrays[name].astype(np.float32) for name in ("held", "test")}
        np.savez(folder / f"{field}.npz", **{**arrays, **texts, **halves})  # type: ignore[arg-type]


def load(folder: Path, field: str) -> Answers:
    """Read what ``save`` wrote."""
    with np.load(folder / f"{field}.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    texts = {name: arrays[name].astype(object) for name in ("classes", "truth")}
    parts = {"parts": arrays["parts"].tolist()}
    doubles = {name: arrays[name].astype(np.float64) for name in ("held", "test")}
    return Answers(**{**arrays, **texts, **parts, **doubles})
