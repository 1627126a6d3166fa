"""What every tagger has to beat: the most frequent value, and TF-IDF with a linear SVM."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from classify.lexical_view import default_tokenizer
from classify.metrics import accuracy
from core_embeddings.columns import Columns

Mask = NDArray[np.bool_]
HAN: Final = re.compile(r"[\u3400-\u9fff]")
TEXT_CHOICES: Final = ((Columns.TITLE,), (Columns.TITLE, Columns.DESCRIPTION))


class Answer(NamedTuple):
    """What a baseline says of some products."""

    predicted: NDArray[Any]
    """Best value of each, of shape (n_rows,)."""
    classes: NDArray[Any]
    """Values known, of shape (n_classes,)."""
    scores: NDArray[Any]
    """Higher is likelier, of shape (n_rows, n_classes)."""


Baseline = Callable[[pd.DataFrame], Answer]


def fit_majority(labels: NDArray[Any]) -> Baseline:
    """Return the baseline that ranks values by how often they occur; ties by value."""
    classes, counts = np.unique(labels, return_counts=True)
    scores = counts / counts.sum()

    def answer(products: pd.DataFrame) -> Answer:
        predicted = np.full(len(products), classes[scores.argmax()], dtype=object)
        return Answer(predicted, classes, np.tile(scores, (len(products), 1)))

    return answer


def fit_tfidf_svm(
    products: pd.DataFrame, labels: NDArray[Any], *, train: Mask, val: Mask
) -> Baseline | None:
    """Return ``TfidfVectorizer`` + ``LinearSVC`` at their defaults.

    On the title, or on title and description: what is more accurate on the validation rows when
    fitted on the training rows; without validation rows the latter. The one chosen is then fitted
    on both. ``None`` where the training rows have fewer than two labels, or no words.
    """
    known = labels != ""
    train, val = train & known, val & known
    if len(np.unique(labels[train])) < 2:
        return None
    best: tuple[float, Pipeline, tuple[str, ...]] | None = None
    for names in TEXT_CHOICES:
        texts = joined_texts(products, names)
        model = make_pipeline(TfidfVectorizer(), LinearSVC())
        try:
            model.fit(texts[train], labels[train])
        except ValueError:  # no word in any text
            continue
        quality = accuracy(labels[val], model.predict(texts[val])) if val.any() else 0.0
        if best is None or quality >= best[0]:
            best = quality, model, names
    if best is None:
        return None
    _, chosen, kept = best
    both = train | val
    return _answering(chosen.fit(joined_texts(products, kept)[both], labels[both]), kept)


def spaced_texts(products: pd.DataFrame) -> pd.DataFrame:
    """Return products whose Chinese titles and descriptions have spaces between the words.

    The vectoriser would take a whole clause for one word. Other texts stay as they are.
    """
    found = products.copy()
    tokenize = None
    for name in (Columns.TITLE, Columns.DESCRIPTION):
        texts = found[name].to_numpy(dtype=object, copy=True)
        for row in np.flatnonzero([HAN.search(text) is not None for text in texts]):
            tokenize = tokenize or default_tokenizer()
            texts[row] = " ".join(tokenize(texts[row]))
        found[name] = texts
    return found


def _answering(model: Pipeline, names: tuple[str, ...]) -> Baseline:
    def answer(products: pd.DataFrame) -> Answer:
        if products.empty:  # scikit-learn refuses to score no rows
            nothing = np.empty(0, dtype=object)
            return Answer(nothing, model.classes_, np.empty((0, len(model.classes_))))
        texts = joined_texts(products, names)
        scores = model.decision_function(texts)
        if scores.ndim == 1:
            scores = np.column_stack([-scores, scores])
        return Answer(model.predict(texts), model.classes_, scores)

    return answer


def joined_texts(products: pd.DataFrame, names: tuple[str, ...]) -> NDArray[Any]:
    """Return these columns of each product as one text, of shape (n_products,)."""
    joined = products[names[0]]
    for name in names[1:]:
        joined = joined + " " + products[name]
    return joined.to_numpy(dtype=object)
