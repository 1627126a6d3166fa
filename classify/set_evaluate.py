"""How good a field of sets is on held-out products, and beside baselines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from classify.baselines import TEXT_CHOICES, joined_texts
from classify.metrics import auto_accuracy, coverage, ece
from classify.modalities import Mask, Views
from classify.set_blend import Has, likeliest_sets
from classify.set_metrics import set_macro_f1, set_micro_f1, subset_accuracy
from classify.set_tagger import SetTagger
from classify.value_sets import Sets, value_matrix

SetBaseline = Callable[[pd.DataFrame], Has]


class SetTruth(NamedTuple):
    """What is true of the measured products."""

    values: list[str]
    """Every value that was learned or is true of one of them, sorted."""
    has: Has
    """Of shape (n_products, n_values)."""


def set_truth(sets: Sets, learned: NDArray[Any]) -> SetTruth:
    """Return the truth in terms of ``learned`` and of what else is true, which nobody can say."""
    values = sorted({*learned.tolist()}.union(*sets))
    return SetTruth(values, value_matrix(sets, values))


def measure_sets(
    tagger: SetTagger, views: Views, sets: Sets, *, has_image: Mask, has_text: Mask
) -> dict[str, float]:
    """Return every metric of a tagger on products of known values.

    ``accuracy`` is that of whole sets (subset accuracy), as are ``ece`` and ``auto_accuracy``.
    """
    truth = set_truth(sets, tagger.classes_)
    scores = tagger.scores(views, has_image=has_image, has_text=has_text)
    chosen = tagger.choose(scores, has_image=has_image, has_text=has_text)
    auto = tagger.decide(chosen, has_image=has_image, has_text=has_text)
    said = np.zeros(truth.has.shape, dtype=np.bool_)
    said[:, np.searchsorted(truth.values, tagger.classes_.tolist())] = chosen.has
    correct = (truth.has == said).all(axis=1)
    return _label_metrics(truth.has, said) | {
        "ece": ece(chosen.confidence, correct),
        "coverage": coverage(auto),
        "auto_accuracy": auto_accuracy(correct, auto),
    }


def set_baselines(
    products: pd.DataFrame, sets: Sets, *, train: Mask, val: Mask, rows: NDArray[np.int64]
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield name and metrics of every baseline on the products ``rows``.

    ``tfidf+svm`` is ``TfidfVectorizer`` with one ``LinearSVC`` per value at their defaults, on the
    title or on title and description, as in ``fit_tfidf_svm``; ``majority`` says the most frequent
    set of all.
    """
    known = np.array([bool(found) for found in sets])
    learned = known & (train | val)
    values = np.array(sorted(set().union(*sets[learned])), dtype=object)
    truth = set_truth(sets[rows], values)
    has = value_matrix(sets, values.tolist())
    fitted = {
        "tfidf+svm": _fit_svm(products, has, train=train & known, val=val & known),
        "majority": _majority(has[learned]),
    }
    columns = np.searchsorted(truth.values, values.tolist())
    for name, baseline in fitted.items():
        if baseline is not None:
            said = np.zeros(truth.has.shape, dtype=np.bool_)
            said[:, columns] = baseline(products.iloc[rows])
            yield name, _label_metrics(truth.has, said)


def _label_metrics(truth: Has, said: Has) -> dict[str, float]:
    return {
        "accuracy": subset_accuracy(truth, said),
        "micro_f1": set_micro_f1(truth, said),
        "macro_f1": set_macro_f1(truth, said),
    }


def _majority(has: Has) -> SetBaseline:
    most = Counter(map(bytes, has)).most_common(1)[0][0]
    row = np.frombuffer(most, dtype=np.bool_)
    return lambda products: np.tile(row, (len(products), 1))


def _fit_svm(products: pd.DataFrame, has: Has, *, train: Mask, val: Mask) -> SetBaseline | None:
    """Choose the texts on ``val``, then fit on both; ``None`` without words or two values."""
    if has.shape[1] < 2:
        return None
    best: tuple[float, tuple[str, ...]] | None = None
    for names in TEXT_CHOICES:
        model = _svm_on(products, has, train, names)
        quality = subset_accuracy(has[val], model(products[val])) if model and val.any() else 0.0
        if model is not None and (best is None or quality >= best[0]):
            best = quality, names
    return None if best is None else _svm_on(products, has, train | val, best[1])


def _svm_on(
    products: pd.DataFrame, has: Has, rows: Mask, names: tuple[str, ...]
) -> SetBaseline | None:
    varies = has[rows].any(axis=0) & ~has[rows].all(axis=0)
    if varies.sum() < 2:
        return None
    model = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LinearSVC()))
    try:
        model.fit(joined_texts(products[rows], names), has[rows][:, varies].astype(int))
    except ValueError:  # no word in any text
        return None
    always = has[rows].all(axis=0)

    def answer(asked: pd.DataFrame) -> Has:
        scores = np.tile(np.where(always, 1.0, -np.inf), (len(asked), 1))
        if len(asked):
            scores[:, varies] = model.decision_function(joined_texts(asked, names))
        return likeliest_sets(scores)

    return answer
