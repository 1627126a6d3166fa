"""How good the taggers are on held-out products, with one modality hidden, and beside baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from classify import metrics
from classify.availability import availability
from classify.baselines import Answer, fit_majority, fit_tfidf_svm, spaced_texts
from classify.labels import field_labels
from classify.last_level import (
    PRODUCT_TYPE,
    has_last_level,
    last_levels,
    summed_by_last_level,
)
from classify.linear_solver import Matrix
from classify.modalities import Mask
from classify.set_evaluate import measure_sets, set_baselines
from classify.set_tagger import SetTagger
from classify.taggers import TaggerSet
from classify.value_sets import Sets, value_sets
from classify.verdict_metrics import verdict_metrics
from classify.verdicts import Verdicts
from classify.views import MultiViewTagger

FUSED: Final = "fused"
IMAGE_ONLY: Final = "image only"
TEXT_ONLY: Final = "text only"
TFIDF_SVM: Final = "tfidf+svm"
MAJORITY: Final = "majority"
REPORT_COLUMNS: Final = ("field", "model", "metric", "value", "n")
SHOWN: Final = 20
Record = tuple[str, str, str, float, int]
"""A row of the report."""


def evaluate_tagging(
    tagger_set: TaggerSet,
    views: Mapping[str, Matrix],
    products: pd.DataFrame,
    *,
    split: ArrayLike,
    rows: str = "test",
    fields: Sequence[str] | None = None,
    has_image: ArrayLike | None = None,
    has_text: ArrayLike | None = None,
    baselines: bool = True,
) -> pd.DataFrame:
    """Return every metric of every model on labelled products of one split.

    Parameters
    ----------
    tagger_set
        Fitted on the rows of splits ``train`` and ``val``.
    views, products, has_image, has_text
        All products, as in ``TaggerSet.fit``.
    split
        Split of each product; the baselines choose on ``val`` and are fitted on both.
    rows
        The split that is measured.
    fields
        Which fields; by default all that were learned.
    baselines
        Add ``tfidf+svm`` and ``majority``.

    Returns
    -------
    DataFrame
        ``field``, ``model``, ``metric``, ``value``, ``n`` (products measured). ``fused`` sees all;
        ``image only`` and ``text only`` are the same taggers with the other modality hidden, over
        the products that have theirs. Where categories are paths, their last level is measured as
        ``product_type`` too, against a baseline that learned just that. A value never seen in
        learning counts as an error. Of a field of sets ``accuracy`` is that of whole sets, and
        ``micro_f1`` is told besides ``macro_f1`` over its values.
    """
    split = np.asarray(split, dtype=object)
    available = availability(products, has_image, has_text)
    measured = np.flatnonzero(split == rows)
    held_out = products.iloc[measured]
    prepared = tagger_set.prepare({name: X[measured] for name, X in views.items()}, held_out)
    seen, read = available.has_image[measured], available.has_text[measured]
    none = np.zeros(len(measured), dtype=bool)
    shown = {FUSED: (seen, read), IMAGE_ONLY: (seen, none), TEXT_ONLY: (none, read)}
    records: list[Record] = []
    plain = spaced_texts(products) if baselines else products
    for field in tagger_set.fields if fields is None else fields:
        if field in tagger_set.set_taggers:
            sets = value_sets(products, field)
            tagged = tagger_set.set_taggers[field]
            records += _set_records(field, tagged, sets[measured], prepared, shown)
            records += _set_baseline_records(field, plain, sets, split, rows) if baselines else []
            continue
        tagger, labels = tagger_set.tagger(field), field_labels(products, field)
        kinds = {field: labels}
        if has_last_level(products, field):
            kinds[PRODUCT_TYPE] = last_levels(labels)
        for model, (image, text) in shown.items():
            kept = np.flatnonzero((labels[measured] != "") & (image | text))
            said = _said(tagger, {n: X[kept] for n, X in prepared.items()}, image[kept], text[kept])
            for name, truth in kinds.items():
                found = _measure(said, truth[measured][kept], derived=name != field)
                records += [(name, model, metric, v, len(kept)) for metric, v in found.items()]
        for name, truth in kinds.items() if baselines else ():
            records += _baseline_records(name, plain, truth, split, rows)
    return pd.DataFrame(records, columns=list(REPORT_COLUMNS))


def confusion(
    truth: ArrayLike, predicted: ArrayLike, *, most: int = SHOWN, other: str = "(other)"
) -> pd.DataFrame:
    """Return how often each true value (index) was tagged as each value (columns), as counts.

    The ``most`` frequent true values are shown, in order of frequency (ties by value); the rest are
    one row and column ``other``, last, present only when needed.
    """
    true, tagged = pd.Series(truth, dtype=object), pd.Series(predicted, dtype=object)
    counts = true.value_counts().rename_axis("value").reset_index(name="count")
    ordered = counts.sort_values(["count", "value"], ascending=[False, True])["value"]
    names = ordered.head(most).tolist()
    rows = true.where(true.isin(names), other)
    columns = tagged.where(tagged.isin(names), other)
    if (rows == other).any() or (columns == other).any():
        names.append(other)
    table = pd.crosstab(rows, columns).reindex(index=names, columns=names, fill_value=0)
    return table.rename_axis(index="true", columns="predicted")


class _Said(NamedTuple):
    answer: Answer
    verdicts: Verdicts


def _said(tagger: MultiViewTagger, views: Mapping[str, Matrix], image: Mask, text: Mask) -> _Said:
    probabilities = np.exp(tagger.log_probabilities(views, has_image=image, has_text=text))
    best = probabilities.argmax(axis=1)
    verdicts = tagger.judge(probabilities, has_image=image, has_text=text)
    return _Said(Answer(tagger.classes_[best], tagger.classes_, probabilities), verdicts)


def _measure(said: _Said, truth: NDArray[Any], *, derived: bool) -> dict[str, float]:
    """Return every metric; of a derived field, which nobody decides on, those of the labels."""
    answer = summed_by_last_level(said.answer) if derived else said.answer
    correct = answer.predicted == truth
    found = _label_metrics(truth, answer)
    found["ece"] = metrics.ece(answer.scores.max(axis=1), correct)
    if not derived:
        found |= verdict_metrics(truth, answer.predicted, said.verdicts)
    return found


def _label_metrics(truth: NDArray[Any], answer: Answer) -> dict[str, float]:
    position = {name: at for at, name in enumerate(answer.classes.tolist())}
    codes = np.array([position.get(name, -1) for name in truth.tolist()], dtype=np.int64)
    return {
        "accuracy": metrics.accuracy(truth, answer.predicted),
        "macro_f1": metrics.macro_f1(truth, answer.predicted),
        "recall": metrics.recall(truth, answer.predicted),
        "top5_accuracy": metrics.top5_accuracy(codes, answer.scores),
    }


def _baseline_records(
    field: str, products: pd.DataFrame, labels: NDArray[Any], split: NDArray[Any], rows: str
) -> Iterator[Record]:
    train, val = split == "train", split == "val"
    kept = np.flatnonzero((split == rows) & (labels != ""))
    fitted = {
        TFIDF_SVM: fit_tfidf_svm(products, labels, train=train, val=val),
        MAJORITY: fit_majority(labels[(train | val) & (labels != "")]),
    }
    for model, baseline in fitted.items():
        if baseline is None:
            continue
        found = _label_metrics(labels[kept], baseline(products.iloc[kept]))
        yield from ((field, model, name, value, len(kept)) for name, value in found.items())


def _set_records(
    field: str,
    tagger: SetTagger,
    sets: Sets,
    views: Mapping[str, Matrix],
    shown: Mapping[str, tuple[Mask, Mask]],
) -> list[Record]:
    records: list[Record] = []
    for model, (image, text) in shown.items():
        kept = np.flatnonzero(sets.astype(bool) & (image | text))
        own = {name: X[kept] for name, X in views.items()}
        found = measure_sets(tagger, own, sets[kept], has_image=image[kept], has_text=text[kept])
        records += [(field, model, metric, value, len(kept)) for metric, value in found.items()]
    return records


def _set_baseline_records(
    field: str, products: pd.DataFrame, sets: Sets, split: NDArray[Any], rows: str
) -> list[Record]:
    kept = np.flatnonzero((split == rows) & sets.astype(bool))
    fitted = set_baselines(products, sets, train=split == "train", val=split == "val", rows=kept)
    return [
        (field, model, name, value, len(kept))
        for model, found in fitted
        for name, value in found.items()
    ]
