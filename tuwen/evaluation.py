"""Each job measured on held-out rows beside its baselines, as parts of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.errors import TableError
from tuwen.report import as_report, join

if TYPE_CHECKING:
    import pandas as pd

    from classify.taggers import TaggerSet
    from core_embeddings.embedder import FusionEmbedder, Views, What
    from core_embeddings.tables import LoadedQueries
    from core_embeddings.vector_table import VectorTable
    from recommend.hybrid import HybridRecommender

OURS, ARTICLE, BM25, CCA, CHANCE = "tuwen", "article", "bm25", "cca", "chance"
WHAT: tuple[What, ...] = ("fused", "text", "image")


def evaluate_search(
    embedders: Mapping[str, FusionEmbedder], products: pd.DataFrame, asked: LoadedQueries, k: int
) -> pd.DataFrame:
    """Measure searching ``products`` with judged queries.

    Every embedder is measured with its fused vectors; the first one also with those of one
    modality alone. BM25 over title and description is the baseline. Segments are the kinds of
    query: ``text``, ``image``, ``both``, and ``all`` where there are several kinds.

    Parameters
    ----------
    embedders
        By the name in the report; the first is the shop's.
    products
        What is searched: held-out products only, where honesty matters.
    asked
        Queries with judgements; those on other products are left out.
    k
        List length.
    """
    judged = asked.judgements[asked.judgements[Columns.PRODUCT].isin(products[Columns.PRODUCT])]
    relevant = judged[judged[Columns.RELEVANCE] > 0]
    queries = asked.queries[asked.queries[Columns.QUERY_ID].isin(relevant[Columns.QUERY_ID])]
    if queries.empty:
        return join([])
    hits = search_hits(embedders, products, queries.reset_index(drop=True), k)
    parts = []
    for segment, ids in query_segments(queries).items():
        chosen = judged[judged[Columns.QUERY_ID].isin(ids)]
        parts.append(search_report(hits, chosen, k, segment))
    return join(parts)


def search_report(
    hits: Mapping[str, pd.DataFrame], judged: pd.DataFrame, k: int, segment: str
) -> pd.DataFrame:
    """Score hits, and add how much better than keywords the first hit is (the article's claim)."""
    import pandas as pd

    from retrieve.evaluate import evaluate_retrieval

    summary = evaluate_retrieval(hits, judged, k).summary
    first = summary[summary["metric"] == "accuracy@1"].set_index("model")
    keyword = float(first["value"].get(BM25, 0.0))
    if keyword > 0:
        gain = first.drop(index=BM25).assign(metric="gain_over_bm25@1")
        gain = gain.assign(value=gain["value"] / keyword - 1).reset_index()
        summary = pd.concat([summary, gain], ignore_index=True)
    return as_report(summary, job="search", segment=segment)


def search_hits(
    embedders: Mapping[str, FusionEmbedder], products: pd.DataFrame, queries: pd.DataFrame, k: int
) -> dict[str, pd.DataFrame]:
    """Return the HITS of every model."""
    from core_embeddings.missing_text import written_texts
    from retrieve.lexical import LexicalIndex
    from retrieve.matcher import Matcher

    ids = products[Columns.PRODUCT].tolist()
    names, texts = queries[Columns.QUERY_ID].tolist(), queries[Columns.QUERY].tolist()
    hits: dict[str, pd.DataFrame] = {}
    for place, (model, embedder) in enumerate(embedders.items()):
        vectors = embedder.encode_queries(texts, queries[Columns.IMAGE].tolist())
        for what in WHAT if place == 0 else WHAT[:1]:
            label = model if what == "fused" else f"{model}, {what} only"
            stored = embedder.encode(products, what)
            matcher = Matcher(ids, stored, fingerprint=embedder.fingerprint)
            hits[label] = matcher.search_vectors(vectors, k, query_ids=names)
    keywords = LexicalIndex(ids, written_texts(products), correct=False)  # as everybody has it
    hits[BM25] = keywords.search(texts, k, query_ids=names)
    return hits


def query_segments(queries: pd.DataFrame) -> dict[str, list[str]]:
    """Return the query ids by kind of query, and all of them where there are several kinds."""
    has_text, has_image = queries[Columns.QUERY] != "", queries[Columns.IMAGE] != ""
    kinds = {
        "text": has_text & ~has_image,
        "image": has_image & ~has_text,
        "both": has_text & has_image,
    }
    found = {n: queries[Columns.QUERY_ID][mask].tolist() for n, mask in kinds.items() if mask.any()}
    every = {"all": queries[Columns.QUERY_ID].tolist()} if len(found) > 1 else {}
    return every | found


def evaluate_pairs(
    embedders: Mapping[str, FusionEmbedder], products: pd.DataFrame, *, seed: int = 0
) -> pd.DataFrame:
    """Measure whether pictures and texts are told to belong together, on test products."""
    import pandas as pd

    from tuwen.pairs import pair_accuracy

    rows = []
    for model, embedder in embedders.items():
        found = pair_accuracy(embedder, products, seed=seed)
        if found is not None:
            rows.append({"model": model, "metric": "accuracy", **found._asdict()})
    return as_report(pd.DataFrame(rows), job="pairs", segment="test") if rows else join([])


def evaluate_match(embedders: Mapping[str, FusionEmbedder], products: pd.DataFrame) -> pd.DataFrame:
    """Measure how test pictures find their texts, and texts their pictures, among all of them.

    Products of one duplicate group, and so of one text, count as one. Beside the embedders stand
    canonical correlation of the first one's frozen picture features with TF-IDF, and chance.

    Parameters
    ----------
    embedders
        By the name in the report; the first is the shop's.
    products
        With ``split``: the baseline learns from train rows and is chosen on val rows.
    """
    import pandas as pd

    from core_embeddings.splits import duplicate_groups
    from tuwen.match_baseline import correlation_scores
    from tuwen.matching import both_directions, chance, complete_products

    train, val, test = (complete_products(products, part) for part in ("train", "val", "test"))
    if len(test) < 2:
        return join([])
    groups = np.asarray(duplicate_groups(test), dtype=np.int64)
    tables: dict[str, NDArray[np.floating]] = {
        model: embedder.match_scores(test, test) for model, embedder in embedders.items()
    }
    classical = correlation_scores(next(iter(embedders.values())), train, val, test)
    if classical is not None:
        tables[CCA] = classical
    found = {model: both_directions(table, groups) for model, table in tables.items()}
    rows = [
        {"model": model, "segment": one.segment, "metric": metric, "value": value, "n": len(test)}
        for model, directions in (found | {CHANCE: chance(groups)}).items()
        for one in directions
        for metric, value in one.metrics.items()
    ]
    by_direction = pd.DataFrame(rows).sort_values("segment", kind="stable")
    return as_report(by_direction, job="match")


def evaluate_tags(
    taggers: TaggerSet,
    views: Views,
    products: pd.DataFrame,
    split: NDArray[np.object_],
    *,
    fields: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Measure tagging on test products, with its baselines; the segment is the field."""
    from classify.evaluate import evaluate_tagging
    from tuwen.tagging import tagger_views

    found = evaluate_tagging(
        taggers,
        tagger_views(views),
        products,
        split=split,
        fields=fields,
        has_image=views.has_image,
        has_text=views.has_text,
    )
    return as_report(found.rename(columns={"field": "segment"}), job="tag")


def evaluate_recent(
    log: pd.DataFrame,
    table: VectorTable,
    fit: Callable[[pd.DataFrame], HybridRecommender],
    *,
    first_day: str,
    share: float,
    k: int,
) -> pd.DataFrame:
    """Measure lists made from what was known before a time cut on what came after it.

    Parameters
    ----------
    log
        Every interaction.
    table
        Vectors of the products that are ranked.
    fit
        Gives a recommender that knows only the interactions it is handed.
    first_day, share
        Where the cut is: a day, or "" for the day that leaves about this share after it.
    k
        List length.
    """
    import pandas as pd

    from core_embeddings.splits import before, since, time_cut
    from recommend.evaluate import evaluate_lists

    cut = pd.Timestamp(first_day, tz="UTC") if first_day else time_cut(log, share=share)
    if cut is None:
        return join([])
    train, test = before(log, cut), since(log, cut)
    if train.empty or test.empty:
        raise TableError(
            f"split.recent_from {first_day} leaves {len(train)} interactions before it and "
            f"{len(test)} after; choose a day between {log[Columns.TIMESTAMP].min():%Y-%m-%d} "
            f"and {log[Columns.TIMESTAMP].max():%Y-%m-%d}"
        )
    found = evaluate_lists(
        train,
        test,
        product_ids=table.product_ids,
        vectors=table.vectors,
        recommender=fit(train),
        k=k,
    )
    return as_report(found.table, job="recommend")
