"""What one shared vector is worth on validation rows: asked in words, shown a picture, or tagged.

Every number is of products that did not train, and of three versions of their vectors: ``fused``,
the one that a shop stores, and those of one modality alone. An embedder earns its fusion where no
``fused`` number is below the same number of ``text`` or ``image``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse

from core_embeddings.columns import Columns
from core_embeddings.embedder import FusionEmbedder, What
from core_embeddings.ensemble import Ensemble
from core_embeddings.facets import Facet, facets_of, spoken
from core_embeddings.metrics import ideal_dcg_binary, ndcg_at_k, recall_at_k
from core_embeddings.splits import duplicate_groups
from core_embeddings.topk import topk_of_scores
from recommend.user_vector import user_vectors

WHAT: tuple[What, ...] = ("fused", "text", "image")
K, LIST_K = 10, 12
RIDGE = 0.1
"""Penalty of the linear probe, per unit row; probes compare vectors, they are no tagger."""

Vectors = Mapping[What, NDArray[np.float32]]


class Asked(NamedTuple):
    """Queries and, as bool of shape (queries, products), what answers each."""

    texts: list[str]
    right: NDArray[np.bool_]


def val_scores(
    embedder: FusionEmbedder | Ensemble,
    products: pd.DataFrame,
    fields: Sequence[str],
    judged: pd.DataFrame | None = None,
) -> dict[str, float]:
    """Return every metric by name, as ``<task>.<what>``.

    Parameters
    ----------
    embedder
        Trained on the train rows.
    products
        The catalogue with its ``split``; train rows fit the probes, val rows are measured.
    fields
        What is tagged.
    judged
        Real queries with ``query`` and ``product_id``, or None.
    """
    split = products[Columns.SPLIT].to_numpy(dtype=object)
    train, val = (products[split == name].reset_index(drop=True) for name in ("train", "val"))
    stored: Vectors = {what: embedder.encode(val, what) for what in WHAT}
    learned: Vectors = {what: embedder.encode(train, what) for what in WHAT}
    facets = facets_of(val, fields)
    found = _words(embedder, "facet_queries", facet_queries(facets, seed=1), stored)
    if judged is not None:
        found |= _words(embedder, "judged_queries", judged_queries(judged, val), stored)
    return (
        found
        | picture_scores(stored, facets)
        | pair_scores(stored, duplicate_groups(val))
        | (head_scores(embedder, stored, val) if isinstance(embedder, FusionEmbedder) else {})
        | probe_scores(learned, stored, train, val, fields)
    )


def facet_queries(facets: Sequence[Facet], *, seed: int, per_product: int = 2) -> Asked:
    """Draw queries that name one to three facets of a product; right is who has all of them."""
    rng = np.random.default_rng(seed)
    texts: dict[str, NDArray[np.bool_]] = {}
    count = len(facets[0].codes) if facets else 0
    for row in np.repeat(np.arange(count), per_product):
        known = [facet for facet in facets if facet.codes[row] >= 0]
        size = min(len(known), int(rng.integers(1, 4)))
        chosen = [known[i] for i in rng.choice(len(known), size=size, replace=False)]
        text = " ".join(spoken(facet.values[facet.codes[row]]) for facet in chosen)
        texts[text] = np.logical_and.reduce([f.codes == f.codes[row] for f in chosen])
    return Asked(list(texts), np.array(list(texts.values())))


def judged_queries(judged: pd.DataFrame, products: pd.DataFrame) -> Asked:
    """Keep the judgements on these products; queries without any are left out."""
    places = {name: row for row, name in enumerate(products[Columns.PRODUCT])}
    kept = judged[judged[Columns.PRODUCT].isin(places)]
    texts = sorted(set(kept[Columns.QUERY]))
    rows = {text: row for row, text in enumerate(texts)}
    right = np.zeros((len(texts), len(products)), dtype=np.bool_)
    right[kept[Columns.QUERY].map(rows), kept[Columns.PRODUCT].map(places)] = True
    return Asked(texts, right)


def picture_scores(stored: Vectors, facets: Sequence[Facet]) -> dict[str, float]:
    """Ask with every product's picture for the others of its category leaf and colour."""
    shown = [f for f in facets if f.name.startswith("category/") or f.name == "color"]
    right = np.logical_and.reduce([f.codes[:, None] == f.codes[None, :] for f in shown])
    np.fill_diagonal(right, False)
    queries = stored["image"]
    asked = right.any(1) & queries.any(1)
    found = {}
    for what in WHAT:
        scores = queries @ stored[what].T
        np.fill_diagonal(scores, -2)  # the product itself is no answer
        found[f"picture_queries.{what}"] = mean_ndcg(scores[asked], right[asked])
    return found


def pair_scores(stored: Vectors, groups: NDArray[np.int64]) -> dict[str, float]:
    """Find a product's text by its picture, and the other way: recall@10 over duplicate groups."""
    has = stored["image"].any(1) & stored["text"].any(1)
    image, text, groups = stored["image"][has], stored["text"][has], groups[has]
    same = groups[:, None] == groups[None, :]
    return {
        "image_to_text.recall": _hit_share(image @ text.T, same),
        "text_to_image.recall": _hit_share(text @ image.T, same),
    }


def head_scores(embedder: FusionEmbedder, stored: Vectors, val: pd.DataFrame) -> dict[str, float]:
    """Let the training heads name the labels; accuracy on val rows."""
    found = {}
    for what in WHAT:
        logits = embedder.network.label_logits(torch.from_numpy(stored[what]))
        for (field, classes), scores in zip(embedder.labels.items(), logits, strict=True):
            named = np.array(classes, dtype=object)[scores.argmax(1).numpy()]
            truth = val[field].astype(str).to_numpy(dtype=object)
            found[f"named.{field}.{what}"] = float((named == truth)[truth != ""].mean())
    return found


def probe_scores(
    learned: Vectors,
    stored: Vectors,
    train: pd.DataFrame,
    val: pd.DataFrame,
    fields: Sequence[str],
) -> dict[str, float]:
    """Fit a ridge regression on one-hot labels per field and version; accuracy on val rows."""
    found = {}
    for what in WHAT:
        x, y = _with_bias(learned[what]), _with_bias(stored[what])
        solver = np.linalg.inv(x.T @ x + RIDGE * np.eye(x.shape[1])) @ x.T
        for field in fields:
            values = sorted({str(v) for v in train[field] if str(v)})
            places = {value: place for place, value in enumerate(values)}
            codes, truth = (
                np.array([places.get(str(v), -1) for v in f[field]]) for f in (train, val)
            )
            targets = np.eye(len(values) + 1)[codes][:, :-1]  # an unknown label has a zero row
            best = (y @ (solver @ targets)).argmax(1)
            asked = np.array([str(v) != "" for v in val[field]])
            found[f"probe.{field}.{what}"] = float((best == truth)[asked].mean())
    return found


def mean_ndcg(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Return the mean ndcg@10 of ranking by scores of shape (queries, products)."""
    if not len(scores):
        return float("nan")
    k = min(K, scores.shape[1])
    gains = np.take_along_axis(right, topk_of_scores(scores, k).rows, axis=1).astype(np.float64)
    relevant = right.sum(1)
    return float(np.mean(ndcg_at_k(gains, relevant, ideal_dcg_binary(relevant, k))))


def _words(
    embedder: FusionEmbedder | Ensemble, task: str, asked: Asked, stored: Vectors
) -> dict[str, float]:
    queries = embedder.encode_queries(asked.texts)
    return {f"{task}.{what}": mean_ndcg(queries @ stored[what].T, asked.right) for what in WHAT}


def _hit_share(scores: NDArray[np.float32], same: NDArray[np.bool_]) -> float:
    rows = topk_of_scores(scores, min(K, scores.shape[1])).rows
    return float(np.take_along_axis(same, rows, axis=1).any(1).mean())


def _with_bias(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.hstack([vectors.astype(np.float64), np.ones((len(vectors), 1))])


def list_scores(
    embedder: FusionEmbedder, products: pd.DataFrame, known: pd.DataFrame, later: pd.DataFrame
) -> dict[str, float]:
    """Rank products by the mean vector of what each user bought before; recall@12 of what came.

    Parameters
    ----------
    embedder
        Must not have learned from ``later``.
    products
        What is ranked.
    known, later
        Purchases before and in a window of the training period; new pairs alone count.
    """
    places = {name: row for row, name in enumerate(products[Columns.PRODUCT])}
    users = sorted(set(known[Columns.USER]) & set(later[Columns.USER]))
    rows = {name: row for row, name in enumerate(users)}
    had, came = (_met(log, rows, places) for log in (known, later))
    new = came & ~had
    asked = new.any(1) & had.any(1)
    found = {}
    for what in WHAT:
        vectors = embedder.encode(products, what)
        near = user_vectors(sparse.csr_matrix(had[asked], dtype=np.float32), vectors) @ vectors.T
        near[had[asked]] = -2
        best = topk_of_scores(near, LIST_K).rows
        gains = np.take_along_axis(new[asked], best, axis=1).astype(np.float64)
        found[f"lists.{what}"] = float(np.mean(recall_at_k(gains, new[asked].sum(1))))
    return found


def _met(
    log: pd.DataFrame, users: Mapping[str, int], products: Mapping[str, int]
) -> NDArray[np.bool_]:
    known = log[log[Columns.USER].isin(users) & log[Columns.PRODUCT].isin(products)]
    met = np.zeros((len(users), len(products)), dtype=np.bool_)
    met[known[Columns.USER].map(users), known[Columns.PRODUCT].map(products)] = True
    return met
