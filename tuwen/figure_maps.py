"""Pictures of a catalogue: its map in two dimensions, and products beside their neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from core_embeddings.columns import LEVEL_SEPARATOR, Columns
from core_embeddings.errors import ImageError, TableError
from core_embeddings.seeding import numpy_generator
from tuwen.figure_text import INK, MUTED, PALETTE, cut, finish, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MAP_ROWS = 3_000
"""More products make no better picture, only a slower one."""
PCA_BELOW = 50
"""Fewer rows have no neighbourhoods for t-SNE to keep."""
COLOURS_SHOWN = 11
NEIGHBOURS = 6
PICTURE = 144


def catalogue_map_figure(vectors: ArrayLike, labels: Sequence[str], *, seed: int = 0) -> Figure:
    """Draw products so that those with close vectors lie close, coloured by top-level category.

    Parameters
    ----------
    vectors
        Of shape (n_products, embedding_size).
    labels
        Category path of each product; "" for none.
    seed
        Of the sample and the layout.

    Raises
    ------
    TableError
        If there are fewer than 3 products, or the two differ in length.

    References
    ----------
    Poličar et al., openTSNE: a modular Python library for t-SNE, J. Stat. Softw. 109 (2024).
    """
    matrix = np.asarray(vectors, dtype=np.float32)
    if len(matrix) != len(labels) or len(matrix) < 3:
        raise TableError(
            f"a map needs at least 3 products, and a label for each; got {len(matrix)} vectors "
            f"and {len(labels)} labels"
        )
    rows = np.arange(len(matrix))
    if len(rows) > MAP_ROWS:
        rows = np.sort(numpy_generator(seed).choice(rows, MAP_ROWS, replace=False))
    places = flat_layout(matrix[rows], seed=seed)
    groups = top_levels([labels[row] for row in rows.tolist()])
    figure = new_figure(9.2, 6.6)
    axes = figure.add_subplot()
    size = float(np.clip(9_000 / len(rows), 9, 60))
    for number, group in enumerate(_by_size(groups)):
        inside = np.array([name == group for name in groups])
        colour = "#b8c0ca" if group in ("", OTHER) else PALETTE[number % len(PALETTE)]
        name = f"{cut(group or 'no category', 28)}  {int(inside.sum()):,}"
        spots = places[inside]
        axes.scatter(
            spots[:, 0], spots[:, 1], s=size, color=colour, label=name, alpha=0.8, linewidths=0
        )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xticks=[], yticks=[])
    shown = "" if len(rows) == len(matrix) else f" of {len(matrix):,}"
    axes.set_title(f"catalogue map: {len(rows):,}{shown} products", loc="left")
    legend = figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set(sizes=[45], alpha=1)
    finish(figure)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


OTHER = "other"


def top_levels(labels: Sequence[str]) -> list[str]:
    """Return the top level of each path; levels beyond the 11 most frequent become "other"."""
    tops = [label.split(LEVEL_SEPARATOR)[0] for label in labels]
    counts = sorted(Counter(tops).items(), key=lambda item: (-item[1], item[0]))
    if len(counts) <= COLOURS_SHOWN + 1:
        return tops
    kept = {name for name, _ in counts[:COLOURS_SHOWN]}
    return [name if name in kept else OTHER for name in tops]


def flat_layout(vectors: NDArray[np.float32], *, seed: int) -> NDArray[np.float64]:
    """Return a place per row, of shape (n, 2): t-SNE, or the two main directions of a few rows."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    if len(vectors) < PCA_BELOW or not centred.any():
        left, spread, _ = np.linalg.svd(centred, full_matrices=False)
        flat = np.zeros((len(vectors), 2))
        flat[:, : min(2, len(spread))] = (left * spread)[:, :2]
        return flat
    from openTSNE import TSNE

    engine = TSNE(
        perplexity=min(30, (len(vectors) - 1) / 3),
        metric="cosine",
        initialization="pca",
        random_state=seed,
        n_jobs=1,
        negative_gradient_method="bh",
    )
    return np.asarray(engine.fit(vectors.astype(np.float64)))


def neighbours_figure(
    products: pd.DataFrame,
    rows: Sequence[int],
    neighbour_rows: Sequence[Sequence[int]],
    *,
    scores: Sequence[Sequence[float]] | None = None,
) -> Figure:
    """Draw products (left) with their nearest neighbours.

    Parameters
    ----------
    products
        In-memory products: ``title``, ``category`` and ``image`` (tuples of paths).
    rows
        Row of each query product.
    neighbour_rows
        Rows of its neighbours, the nearest first; -1 is left empty; the first six are drawn.
    scores
        Cosine of each neighbour, written under it.

    Raises
    ------
    TableError
        If there is nothing to draw, or the lists differ in length.
    """
    if not len(rows) or len(rows) != len(neighbour_rows):
        raise TableError(
            "a picture of neighbours needs a list of neighbours for each of at least one product; "
            f"got {len(rows)} products and {len(neighbour_rows)} lists"
        )
    figure = new_figure(1.75 * (NEIGHBOURS + 1) + 0.2, 2.25 * len(rows) + 0.25)
    grid = figure.subplots(
        len(rows), NEIGHBOURS + 1, squeeze=False, gridspec_kw={"width_ratios": [1.12] + [1] * 6}
    )
    for line, (row, near) in enumerate(zip(rows, neighbour_rows, strict=True)):
        _card(grid[line, 0], products.iloc[row], "", query=True)
        for place in range(NEIGHBOURS):
            axes = grid[line, place + 1]
            if place >= len(near) or near[place] < 0:
                axes.set_axis_off()
                continue
            note = "" if scores is None else f"{scores[line][place]:.2f}"
            _card(axes, products.iloc[near[place]], note)
    finish(figure)
    for axes in figure.axes:
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def _card(axes: Axes, product: pd.Series, note: str, *, query: bool = False) -> None:
    title = str(product[Columns.TITLE]) or str(product.get(Columns.CATEGORY, ""))
    pixels = _picture(product[Columns.IMAGE])
    axes.set(xticks=[], yticks=[], xlim=(0, PICTURE), ylim=(PICTURE, 0), aspect="equal")
    if pixels is None:
        axes.set_facecolor("#e9ecf0")
        words = "\n".join(_lines(title or "no picture, no title", 16, 4))
        axes.text(
            PICTURE / 2, PICTURE / 2, words, ha="center", va="center", fontsize=8, color=MUTED
        )
    else:
        axes.imshow(pixels, extent=(0, PICTURE, PICTURE, 0))
    if query:
        corner, colour = (0.0, 0.0), PALETTE[1]
        axes.add_patch(
            Rectangle(
                corner, PICTURE, PICTURE, fill=False, edgecolor=colour, linewidth=4, clip_on=False
            )
        )
    words = "" if pixels is None else "\n".join(_lines(title, 24, 2))
    axes.set_xlabel(f"{words}\n{note}".strip(), fontsize=7.5, color=INK, labelpad=4)


def _lines(text: str, width: int, count: int) -> list[str]:
    """Break a text into at most ``count`` lines; Chinese may break anywhere, words stay whole."""
    lines = [""]
    for word in cut(text, width * count).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if _width(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return [cut(line, width) for line in lines[:count]]


def _width(text: str) -> int:
    return sum(2 if ord(character) > 0x2E80 else 1 for character in text)


def _picture(paths: Sequence[str]) -> NDArray[np.uint8] | None:
    from core_embeddings.images import decode_image, resize_pixels

    for path in paths:
        try:
            return resize_pixels(decode_image(Path(path)), PICTURE, "pad")
        except (ImageError, OSError):
            continue
    return None


def _by_size(groups: Sequence[str]) -> list[str]:
    """Return the groups, the largest first; what has no own colour comes last."""
    counts = Counter(groups)
    return sorted(counts, key=lambda name: (name in ("", OTHER), -counts[name], name))
