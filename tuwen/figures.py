"""Pictures of how good a shop's models are: curves, bars, calibration, confusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from core_embeddings.errors import TableError
from tuwen.figure_text import (
    GRID,
    INK,
    MUTED,
    PALETTE,
    cut,
    drawable,
    finish,
    new_figure,
    short_labels,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

CLASSES_SHOWN = 30
"""Classes of a confusion matrix; the rest go into one row and column."""
OTHERS = "all others"
BINS = 15


def confusion_matrix_figure(
    y_true: Sequence[str], y_pred: Sequence[str], field: str, *, top: int = CLASSES_SHOWN
) -> Figure:
    """Draw which value of a field is taken for which; rows sum to 100 %.

    Parameters
    ----------
    y_true, y_pred
        True and predicted value of each product, of equal length.
    field
        Its name, for the title.
    top
        The most frequent true values get a row each; the others share one.

    Raises
    ------
    TableError
        If there is nothing to compare, or the two differ in length.
    """
    names, counts = confusion_counts(y_true, y_pred, top=top)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2.6 + 0.34 * len(names), 5.0, 14.0))
    figure = new_figure(side + 1.2, side)
    axes = figure.add_subplot()
    picture = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    _name_cells(axes, names, counts)
    size = 8.5 if len(names) <= 14 else 6.5
    for row, column in zip(*np.nonzero(share >= 0.01), strict=True):
        colour = "white" if share[row, column] > 0.55 else INK
        text = f"{100 * share[row, column]:.0f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    right = float(np.mean(np.asarray(y_true, dtype=object) == np.asarray(y_pred, dtype=object)))
    axes.set_title(
        drawable(f"{field}: {right:.1%} of {len(y_true):,} right  (% of each row)"), loc="left"
    )
    bar = figure.colorbar(picture, ax=axes, shrink=0.6, pad=0.02, format="{x:.0%}")
    bar.outline.set_visible(False)
    return finish(figure)


def confusion_counts(
    y_true: Sequence[str], y_pred: Sequence[str], *, top: int = CLASSES_SHOWN
) -> tuple[list[str], NDArray[np.int64]]:
    """Return the values shown, frequent ones first, and counts of shape (n, n): true, predicted.

    Raises
    ------
    TableError
        If there is nothing to compare, or the two differ in length.
    """
    true, predicted = (np.asarray(values, dtype=object) for values in (y_true, y_pred))
    if len(true) != len(predicted) or len(true) == 0:
        raise TableError(
            f"a confusion matrix needs as many predictions as true values, and at least one; "
            f"got {len(true)} true and {len(predicted)} predicted: pass columns of one table"
        )
    values, frequency = np.unique(true.astype(str), return_counts=True)
    order = np.lexsort((values, -frequency))
    shown = [str(value) for value in values[order][:top]]
    place = {value: row for row, value in enumerate(shown)}
    rows, columns = (
        np.array([place.get(str(value), len(shown)) for value in several])
        for several in (true, predicted)
    )
    names = [*shown, OTHERS] if max(rows.max(), columns.max()) == len(shown) else shown
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (rows, columns), 1)
    return names, counts


def training_curve_figure(history: pd.DataFrame) -> Figure:
    """Draw what changed over the epochs: losses in one panel, everything else in the next.

    Parameters
    ----------
    history
        One row per epoch; ``epoch`` gives the places (else 1, 2, …), other numeric columns the
        curves. Names with ``loss`` share a panel.

    Raises
    ------
    TableError
        If no column can be drawn.
    """
    epochs = history["epoch"] if "epoch" in history else np.arange(1, len(history) + 1)
    curves = [c for c in history.select_dtypes("number").columns if c != "epoch"]
    losses = [name for name in curves if "loss" in str(name).lower()]
    scores = [name for name in curves if name not in losses]
    panels = [(title, names) for title, names in (("loss", losses), ("score", scores)) if names]
    if not panels or history.empty:
        raise TableError(
            "a training curve needs a table with one row per epoch and numeric columns; "
            f"got {len(history)} rows of {', '.join(map(str, history.columns)) or 'nothing'}"
        )
    figure = new_figure(5.6 * len(panels), 4.2)
    for axes, (title, names) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        for name, colour in zip(names, _colours(len(names)), strict=True):
            values = history[name].to_numpy(dtype=float)
            axes.plot(epochs, values, color=colour, lw=1.8, marker="o", ms=3, label=cut(name, 30))
        axes.set_title(title, loc="left")
        axes.set_xlabel("epoch", color=MUTED)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=GRID)
        place = {"loc": "upper left", "bbox_to_anchor": (0.0, -0.17), "borderaxespad": 0.0}
        axes.legend(**place, ncols=min(3, len(names)), frameon=False, fontsize=8)
    return finish(figure)


def metric_bars_figure(report: pd.DataFrame, metric: str, *, job: str | None = None) -> Figure:
    """Compare models on one metric: a group of bars per segment, one bar per model.

    Parameters
    ----------
    report
        Long frame with ``segment``, ``model``, ``metric``, ``value`` and maybe ``job``.
    metric
        Which metric.
    job
        Only rows of this job.

    Raises
    ------
    TableError
        If the report has no such rows.
    """
    rows = report[report["metric"] == metric]
    if job is not None:
        rows = rows[rows["job"] == job]
    if rows.empty:
        known = ", ".join(sorted(map(str, report["metric"].unique()))) or "none"
        raise TableError(f"the report has no metric {metric!r} to draw; it has {known}")
    wide = rows.pivot_table(
        index="segment", columns="model", values="value", aggfunc="mean", sort=False
    )
    segments, models = [str(s) for s in wide.index], [str(m) for m in wide.columns]
    figure = new_figure(7.6, 1.5 + 0.24 * len(segments) * (len(models) + 0.8))
    axes = figure.add_subplot()
    height = 0.82 / len(models)
    for number, (model, colour) in enumerate(zip(models, _colours(len(models)), strict=True)):
        values = wide.iloc[:, number].to_numpy(dtype=float)
        places = np.arange(len(segments)) + (number - (len(models) - 1) / 2) * height
        bars = axes.barh(places, values, height * 0.92, color=colour, label=cut(model, 30))
        texts = ["" if np.isnan(value) else f" {value:.3f}" for value in values]
        axes.bar_label(bars, texts, fontsize=7.5, color=INK)
    axes.set_yticks(np.arange(len(segments)), short_labels(segments, 30))
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.set_title(drawable(f"{job}: {metric}" if job else metric), loc="left")
    figure.legend(loc="outside lower center", ncols=min(6, len(models)), frameon=False, fontsize=8)
    return finish(figure)


def reliability_figure(confidence: ArrayLike, correct: ArrayLike, title: str = "") -> Figure:
    """Draw how often tags of a confidence are right; on the diagonal, confidence is honest.

    Parameters
    ----------
    confidence
        In [0, 1], of shape (n,).
    correct
        Whether each was right, of shape (n,).
    title
        What was tagged.

    Raises
    ------
    TableError
        If there is nothing to draw, or the two differ in length.
    """
    sure, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    if len(sure) == 0 or sure.shape != right.shape:
        raise TableError(
            "a reliability picture needs one confidence and one right-or-wrong per tag, at least "
            f"one; got {len(sure)} and {len(right)}"
        )
    order = np.argsort(sure, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    x, y = (np.array([values[part].mean() for part in bins]) for values in (sure, right))
    error = float(sum(len(p) * abs(a - b) for p, a, b in zip(bins, x, y, strict=True)) / len(sure))
    figure = new_figure(4.8, 5.2)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls="--")
    axes.vlines(x, np.minimum(x, y), np.maximum(x, y), color=PALETTE[3], alpha=0.45, lw=3)
    axes.plot(x, y, color=PALETTE[0], marker="o", ms=5, lw=1.5)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_ylabel("share right", color=MUTED)
    axes.grid(color=GRID)
    axes.set_title(drawable(f"{title}  ECE {error:.3f}, n = {len(sure):,}".strip()), loc="left")
    below.hist(sure, bins=20, range=(0, 1), color=PALETTE[0], alpha=0.75)
    below.set_xlabel("confidence", color=MUTED)
    below.set_ylabel("tags", color=MUTED)
    return finish(figure)


def _name_cells(axes: Axes, names: list[str], counts: NDArray[np.int64]) -> None:
    labels = short_labels(names)
    size = 9 if len(names) <= 14 else 7.5
    totals = [f"{name}  {total:,}" for name, total in zip(labels, counts.sum(1), strict=True)]
    axes.set_yticks(np.arange(len(names)), totals, fontsize=size)
    axes.set_xticks(np.arange(len(names)), labels, fontsize=size, rotation=55, ha="right")
    axes.tick_params(axis="x", pad=1)
    for label in axes.get_xticklabels():
        label.set_rotation_mode("anchor")
    axes.set_ylabel("true value, and how many", color=MUTED)
    axes.set_xlabel("predicted value", color=MUTED)


def _colours(count: int) -> list[str]:
    return [PALETTE[number % len(PALETTE)] for number in range(count)]


def bar_metrics(report: pd.DataFrame) -> Mapping[str, list[str]]:
    """Return, per job, the metrics that say most: at most two, of those the report has."""
    wanted = {
        "search": ("ndcg@10", "recall@10"),
        "pairs": ("accuracy",),
        "match": ("recall@1", "recall@10"),
        "tag": ("accuracy", "macro_f1"),
        "recommend": ("ndcg@10", "recall@10"),
    }
    found = {}
    for job, metrics in wanted.items():
        known = set(report.loc[report["job"] == job, "metric"])
        found[job] = [metric for metric in metrics if metric in known]
    return found
