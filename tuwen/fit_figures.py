"""The pictures that a fit logs beside its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core_embeddings.columns import Columns
from tuwen.tagging import WHOLE, tagger_views

if TYPE_CHECKING:
    import pandas as pd

    from classify.taggers import TaggerSet
    from core_embeddings.embedder import Views
    from core_embeddings.run import Run

SHOWN = 6
"""Products whose neighbours are drawn."""


def log_training_figure(run: Run, name: str, *, onto: Run) -> None:
    """Draw what a run logged per epoch onto another one."""
    from tuwen.figures import training_curve_figure

    history = run.history()
    if len(history):
        onto.log_figure(training_curve_figure(history), f"training-{name}")


def log_report_figures(run: Run, report: pd.DataFrame) -> None:
    """Draw each job's main metrics, model beside model."""
    from tuwen.figures import bar_metrics, metric_bars_figure

    for job, metrics in bar_metrics(report).items():
        for metric in metrics:
            run.log_figure(metric_bars_figure(report, metric, job=job), f"{job}-{metric}")


def log_space_figures(run: Run, products: pd.DataFrame, views: Views, *, seed: int) -> None:
    """Draw the map of the catalogue, and test products with their neighbours among the others."""
    from core_embeddings.topk import exact_topk
    from tuwen.figure_maps import catalogue_map_figure, neighbours_figure

    vectors = views.fused
    if len(products) < 3:
        return
    labels = products[Columns.CATEGORY].tolist()
    run.log_figure(catalogue_map_figure(vectors, labels, seed=seed), "catalogue-map")
    test = np.flatnonzero((products[Columns.SPLIT] == "test").to_numpy())
    if len(test):
        # From all over the catalogue: neighbours in the table are often one kind of product.
        rows = test[np.unique(np.linspace(0, len(test) - 1, SHOWN).astype(int))]
        near = exact_topk(vectors[rows], vectors, SHOWN, exclude=[[row] for row in rows])
        figure = neighbours_figure(products, rows.tolist(), near.rows.tolist())
        run.log_figure(figure, "neighbours")


def log_tag_figures(run: Run, taggers: TaggerSet, views: Views, products: pd.DataFrame) -> None:
    """Draw confusion and reliability of every field on labelled test products."""
    from tuwen.figures import confusion_matrix_figure, reliability_figure

    test = np.flatnonzero((products[Columns.SPLIT] == "test").to_numpy())
    held_out = products.iloc[test].reset_index(drop=True)
    tags = taggers.tag(
        {name: view[test] for name, view in tagger_views(views).items()},
        held_out,
        has_image=views.has_image[test],
        has_text=views.has_text[test],
        target_precision=WHOLE,
    )
    for field in taggers.fields:
        labels = dict(zip(held_out[Columns.PRODUCT], taggers.labels(held_out, field), strict=True))
        own = tags[tags[Columns.FIELD] == field]
        truth = own[Columns.PRODUCT].map(labels)
        own, truth = own[truth != ""], truth[truth != ""]
        if len(own):
            predicted = own[Columns.VALUE]
            figure = confusion_matrix_figure(truth.tolist(), predicted.tolist(), field)
            run.log_figure(figure, f"confusion-{field}")
            right = (predicted == truth).to_numpy()
            figure = reliability_figure(own[Columns.CONFIDENCE].to_numpy(), right, field)
            run.log_figure(figure, f"reliability-{field}")
