"""The picture of what is left of each job when products lose their texts or their pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from core_embeddings.errors import TableError
from tuwen.figure_text import GRID, INK, MUTED, PALETTE, finish, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

TITLES: Final = {
    ("tag", "accuracy"): "tags: mean accuracy",
    ("tag", "macro_f1"): "tags: mean macro-F1",
    ("search", "ndcg"): "search: ndcg",
    ("recommend", "recall"): "lists from content: recall",
}
COLOURS: Final = {
    "mask": PALETTE[0],
    "default": PALETTE[1],
    "mean": PALETTE[1],
    "context": PALETTE[2],
    "image": PALETTE[3],
}
ROWS: Final = {"text": "texts removed", "image": "pictures removed"}
APART: Final = 0.075
"""Smallest distance between two labels, as a share of the panel's height."""


def missing_figure(report: pd.DataFrame) -> Figure:
    """Draw a panel per job and metric (columns) and per removed part (rows), a line per policy.

    Columns share their scale, so that losing texts and losing pictures can be compared; dotted is
    an answer that looks at no product.

    Parameters
    ----------
    report
        As `missing_report.missing_report` returns it.

    Raises
    ------
    TableError
        If it has no curve.
    """
    curves = report[report["removed"] != ""]
    if curves.empty:
        raise TableError("a picture of missing parts needs curves; the report has only baselines")
    columns = list(dict.fromkeys(zip(curves["job"], curves["metric"], strict=True)))
    rows = [removed for removed in ROWS if (curves["removed"] == removed).any()]
    figure = new_figure(1.3 + 3.2 * len(columns), 0.7 + 3.1 * len(rows))
    panels = figure.subplots(len(rows), len(columns), squeeze=False, sharex=True, sharey="col")
    for line, removed in zip(panels, rows, strict=True):
        for axes, (job, metric) in zip(line, columns, strict=True):
            own = report[(report["job"] == job) & (report["metric"] == metric)]
            _panel(axes, own[own["removed"] == removed], own[own["removed"] == ""])
        line[0].set_ylabel(ROWS[removed], color=INK, fontsize=11)
    for axes, (job, metric) in zip(panels[0], columns, strict=True):
        name, _, k = metric.partition("@")
        axes.set_title(TITLES.get((job, name), f"{job}: {name}") + (k and f"@{k}"), loc="left")
    for axes in panels[-1]:
        axes.set_xlabel("share of products without it", color=MUTED)
    if "tag" in set(curves["job"]) and "context" in set(curves["policy"]):
        note = "Tags: context without the columns that are tagged, so no stand-in names the answer."
        figure.supxlabel(note, fontsize=8, color=MUTED)
    return finish(figure)


def _panel(axes: Axes, curves: pd.DataFrame, baseline: pd.DataFrame) -> None:
    ends: dict[str, float] = {}
    for policy, points in curves.groupby("policy", sort=False):
        colour = COLOURS.get(str(policy), INK)
        shares, values = (points[n].to_numpy(dtype=float) for n in ("share", "value"))
        axes.plot(shares, values, color=colour, lw=1.8, marker="o", ms=3.5)
        ends[str(policy)] = float(values[-1])
    for name, value in zip(baseline["policy"], baseline["value"].astype(float), strict=True):
        axes.plot([0, 1], [value, value], color=MUTED, lw=1.2, ls=":")
        ends[str(name)] = value
    axes.set_xlim(-0.03, 1.36)
    axes.set_ylim(bottom=0)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.grid(axis="y", color=GRID)
    top = max(axes.get_ylim()[1], 1.05 * max(ends.values()))
    axes.set_ylim(0, top)
    places = spread(np.array([*ends.values()]) / top, APART) * top
    for (name, value), place in zip(ends.items(), places.tolist(), strict=True):
        colour = COLOURS.get(name, MUTED)
        axes.annotate(
            f"{name} {value:.3f}".replace(" 0.", " ."),
            xy=(1, value),
            xytext=(1.04, place),
            va="center",
            fontsize=8,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5, "shrinkA": 0, "shrinkB": 3},
        )


def spread(places: NDArray[np.float64], apart: float) -> NDArray[np.float64]:
    """Move places so that none are closer than ``apart``, keeping their order and their middle.

    Parameters
    ----------
    places
        In [0, 1], of shape (n,).
    apart
        At least 0.

    Returns
    -------
    Of shape (n,). Neighbours that are too close become a run with equal steps around their mean
    (pooled as in isotonic regression), shifted to stay at or above 0.
    """
    order = np.argsort(places, kind="stable")
    targets = places[order] - apart * np.arange(len(places))
    runs: list[list[float]] = []
    for target in targets:
        runs.append([float(target)])
        while len(runs) > 1 and np.mean(runs[-2]) > np.mean(runs[-1]):
            runs[-2:] = [runs[-2] + runs[-1]]
    pooled = np.array([np.mean(run) for run in runs for _ in run])
    result = np.empty(len(places))
    result[order] = np.maximum(pooled, 0) + apart * np.arange(len(places))
    return result
