"""``tuwen evaluate``: a fitted shop on held-out tables of the user's own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core_embeddings.columns import Columns
from core_embeddings.errors import TableError
from tuwen import evaluation
from tuwen.catalogue import stacked
from tuwen.fit_logging import report_metrics
from tuwen.inputs import table_digest
from tuwen.loading import Note, TableOptions, read_products, settle_all, usable_products
from tuwen.report import as_report, join
from tuwen.session import records
from tuwen.shop import Shop

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.embedder import FusionEmbedder
    from core_embeddings.tables import Loaded, LoadedQueries


@dataclass(frozen=True)
class HeldOut:
    """Tables the shop was not fitted on; any may be absent."""

    queries: str | Path | None = None
    products: str | Path | None = None
    interactions: str | Path | None = None


@dataclass(frozen=True)
class _Read:
    """The same tables as read."""

    queries: LoadedQueries | None = None
    products: Loaded | None = None
    interactions: Loaded | None = None


def evaluate_held_out(
    shop: Shop, tables: HeldOut, options: TableOptions, *, note: Note
) -> list[dict[str, Any]]:
    """Return report rows of the tables given, and log them to MLflow.

    Raises
    ------
    TableError
        If a table holds nothing to measure.
    """
    from core_embeddings.tracking import open_run

    k = int(shop.setting("baseline", "report_k", 10))
    list_k = int(shop.setting("baseline", "list_k", 10))
    read, paths, parts = _read(shop, tables, options, note), _given(tables), []
    if read.queries is not None:
        parts.append(_search(shop, paths["queries"], read.queries, k))
    if read.products is not None:
        parts.append(_products(shop, paths["products"], read.products, note))
    if read.interactions is not None:
        parts.append(_lists(shop, paths["interactions"], read.interactions, list_k, note))
    report = join(parts)
    rows = records(report)
    with open_run(shop.state.name, "evaluate") as run:
        run.log_params({"k": k, "list_k": list_k, **_named(tables)})
        for name, path in _given(tables).items():
            run.log_dataset(name, table_digest(path), None, "test")
        run.log_metrics(report_metrics(rows))
        run.log_table(report, "report")
        run.set_tags({"fingerprint": shop.state.fingerprint})
    return rows


def _given(tables: HeldOut) -> dict[str, str | Path]:
    return {name: path for name, path in asdict(tables).items() if path is not None}


def _named(tables: HeldOut) -> dict[str, str]:
    return {name: Path(path).name for name, path in _given(tables).items()}


def _read(shop: Shop, tables: HeldOut, options: TableOptions, note: Note) -> _Read:
    """Read every table before any is measured, and settle what is wrong with them together."""
    from core_embeddings.tables import read_interactions, read_queries

    found: dict[str, Any] = {}
    if tables.queries is not None:
        found["queries"] = read_queries(
            tables.queries,
            images=options.images,
            columns=options.columns,
            allow_url_images=options.allow_url_images,
            max_pixels=options.max_pixels,
        )
    if tables.products is not None:
        found["products"] = read_products(tables.products, options)
    if tables.interactions is not None:
        found["interactions"] = read_interactions(
            tables.interactions,
            known_products=set(shop.vectors().product_ids),
            columns=options.columns,
        )
    paths = _given(tables)
    rejects = [(str(paths[name]), loaded.rejects) for name, loaded in found.items()]
    settle_all(rejects, options, note=note)
    return _Read(**found)


def _search(shop: Shop, path: str | Path, asked: LoadedQueries, k: int) -> pd.DataFrame:
    if asked.judgements.empty:
        raise TableError(f"{path} has no judgements; it needs product_id (and relevance) per query")
    return evaluation.evaluate_search(_embedders(shop), shop.catalogue(), asked, k)


def _embedders(shop: Shop) -> dict[str, FusionEmbedder]:
    from core_embeddings.embedder import FusionEmbedder

    embedders = {evaluation.OURS: shop.embedder()}
    if shop.path("article").is_dir():
        embedders[evaluation.ARTICLE] = FusionEmbedder.from_pretrained(shop.path("article"))
    return embedders


def _products(shop: Shop, path: str | Path, read: Loaded, note: Note) -> pd.DataFrame:
    """Measure pairs, matching and tags of new products; baselines learn from the shop's own."""
    new, held = usable_products(read.rows, path), shop.catalogue()
    digests = {digest for cell in held[Columns.IMAGE_DIGEST] for digest in cell}
    seen = new[Columns.PRODUCT].isin(held[Columns.PRODUCT]).sum()
    shared = sum(bool(digests & set(cell)) for cell in new[Columns.IMAGE_DIGEST])
    if seen or shared:
        note(
            f"{path}: {seen} products by id and {shared} by picture are in the shop already; "
            "those the shop learned from make the numbers look better than they are"
        )
    taggers = shop.taggers()
    fields = [name for name in taggers.fields if name in new]
    if not fields:
        raise TableError(f"{path} has none of the tagged fields: {', '.join(taggers.fields)}")
    both = stacked(held, new.assign(split="held out"))
    for name in taggers.fields:
        both[name] = both[name].fillna("")
    both[Columns.SPLIT] = both[Columns.SPLIT].replace({"test": "unused", "held out": "test"})
    embedders = _embedders(shop)
    views = embedders[evaluation.OURS].views(both)
    split = both[Columns.SPLIT].to_numpy(dtype=object)
    return join(
        [
            evaluation.evaluate_pairs(embedders, both, seed=shop.state.seed),
            evaluation.evaluate_match(embedders, both),
            evaluation.evaluate_tags(taggers, views, both, split, fields=fields),
        ]
    )


def _lists(shop: Shop, path: str | Path, found: Loaded, k: int, note: Note) -> pd.DataFrame:
    """Measure the served recommender on what happened after its fit."""
    from recommend.evaluate import evaluate_lists

    recommender, table = shop.recommender(), shop.vectors()
    log = recommender.state.interactions
    pairs = [Columns.USER, Columns.PRODUCT]
    if set(map(tuple, found.rows[pairs].values)) <= set(map(tuple, log[pairs].values)):
        raise TableError(
            f"{path} holds no pair of user and product that is new to the shop, so there is "
            "nothing to measure; give interactions that happened after the fit"
        )
    times = found.rows[Columns.TIMESTAMP]
    if np.asarray(times < log[Columns.TIMESTAMP].max()).any():
        note(f"{path}: some of it is older than the newest interaction the shop was fitted on")
    measured = evaluate_lists(
        log,
        found.rows,
        product_ids=table.product_ids,
        vectors=table.vectors,
        recommender=recommender,
        k=k,
    )
    return as_report(measured.table, job="recommend")
