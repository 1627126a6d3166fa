"""What a hundred answers change, and how soon: on copies of the fitted shops.

    python benchmarks/correct_answers.py [hm] [fashion] [--shops DIR] [--write]

Two things are simulated, each on a copy of the shop, with the embedder as it is:

- *labels*: a thousand train products lose category and color, and the heads of these two fields are
  fitted without them. `tuwen review` asks for a hundred of the values, the true ones are answered,
  `tuwen correct` takes them in. Measured on test products: macro-F1 before, after, and after a fit
  of the same heads from nothing.
- *silent products*: three hundred products lose their texts, and category and color. Of fashion
  they are test products, which its judged queries search; of hm they are products that nobody
  bought before 2020-09-20, which lists rank by content alone. Before, after a hundred answers, and
  after all of them.

Seconds are those of `correct` in a process that has started, by the clock and of the processor:
reading the shop and loading the embedder count.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sections import DATA, ROOT, write_section
from threadpoolctl import threadpool_limits

from classify.evaluate import evaluate_tagging
from classify.taggers import TaggerSet
from core_embeddings.columns import written_columns
from core_embeddings.embedding import embed_products
from core_embeddings.splits import before, since
from core_embeddings.tables import read_interactions, read_queries
from recommend.hybrid import HybridRecommender
from retrieve.evaluate import evaluate_retrieval
from retrieve.matcher import Matcher
from tuwen.correcting import correct
from tuwen.corrections import Cells
from tuwen.renewing import replaced
from tuwen.review import review_shop
from tuwen.search import allowed
from tuwen.shop import Shop
from tuwen.tagging import tagger_views

FIELDS = ("category", "color")
ANSWERS = 100
UNLABELLED, SILENT = 1000, 300
CUT = pd.Timestamp("2020-09-20", tz="UTC")
SEED = 0


@dataclass(frozen=True)
class Step:
    """A measurement: what, when, value."""

    set: str
    what: str
    when: str
    value: float


def labels_lost(name: str, shop: Shop) -> Iterator[Step]:
    """Measure macro-F1 and seconds where train products lost their labels."""
    truth = shop.catalogue()
    views = shop.embedder().views(truth)
    split = truth["split"].to_numpy(dtype=object)
    rows = np.random.default_rng(SEED).choice(
        np.flatnonzero(split == "train"), UNLABELLED, replace=False
    )
    lost = truth.copy()
    lost.loc[rows, list(FIELDS)] = ""
    shop.write_products(lost, shop.vectors())

    def fitted(products: pd.DataFrame) -> TaggerSet:
        return TaggerSet.fit(
            tagger_views(views),
            products,
            fields=FIELDS,
            split=split,
            has_image=views.has_image,
            has_text=views.has_text,
            config=shop.taggers().config,
        )

    def measured(taggers: TaggerSet, when: str) -> Iterator[Step]:
        found = evaluate_tagging(
            taggers,
            tagger_views(views),
            truth,
            split=split,
            fields=FIELDS,
            has_image=views.has_image,
            has_text=views.has_text,
            baselines=False,
        )
        kept = found[(found["model"] == "fused") & (found["metric"] == "macro_f1")]
        for field, value in zip(kept["field"], kept["value"], strict=True):
            if field in FIELDS:
                yield Step(name, f"{field} macro-F1", when, value)

    shop.write_taggers(fitted(lost), "taggers")
    yield from measured(shop.taggers(), "before")
    cells = answers(shop, truth, ANSWERS)
    yield from timed(name, "heads of both fields", shop, cells)
    shown, seconds = filtered(shop, cells)
    yield Step(name, "answers that a filter finds", "after", shown)
    yield Step(name, "seconds of such a filter", "after", seconds)
    yield from measured(shop.taggers(), "after")
    yield from measured(fitted(shop.catalogue()), "fitted from nothing")


def texts_lost(name: str, shop: Shop) -> Iterator[Step]:
    """Measure search or lists where products lost texts and labels."""
    truth, embedder = shop.catalogue(), shop.embedder()
    measure = SearchQuality(name, shop) if name == "fashion" else ListQuality(name, shop)
    rows = np.random.default_rng(SEED).choice(measure.rows, SILENT, replace=False)
    lost = truth.copy()
    lost.loc[rows, [*FIELDS, *written_columns(truth.columns)]] = ""
    vectors = shop.vectors()
    yield measure.of(vectors.vectors, "with every text")
    silent = lost.iloc[rows].reset_index(drop=True)
    shop.write_products(lost, replaced(vectors, embed_products(embedder, silent, "fused")))
    yield measure.of(shop.vectors().vectors, "before")
    cells = answers(shop, truth, ANSWERS)
    yield from timed(name, "silent products", shop, cells)
    yield measure.of(shop.vectors().vectors, "after")
    correct(shop, answers(shop, truth, None, set(silent["product_id"])))
    yield measure.of(shop.vectors().vectors, "all answered")


def timed(name: str, what: str, shop: Shop, cells: Cells) -> Iterator[Step]:
    """Correct, and say how long it took and how many vectors it renewed."""
    clock, processor = time.perf_counter(), time.process_time()
    done = correct(Shop.open(shop.root), cells)
    yield Step(name, f"seconds of correct, {what}", "after", seconds_since(clock))
    spent = round(time.process_time() - processor, 3)
    yield Step(name, f"processor seconds of it, {what}", "after", spent)
    yield Step(name, f"vectors renewed, {what}", "after", done.embedded)


def answers(
    shop: Shop, truth: pd.DataFrame, count: int | None, among: set[str] | None = None
) -> Cells:
    """Answer what the shop asks first with the truth; ``None`` answers everything of some."""
    true = truth.set_index("product_id")
    if count is None:
        pairs = [(product, field) for product in sorted(among or ()) for field in FIELDS]
    else:
        work = review_shop(shop, fields=FIELDS, limit=count).worklist
        pairs = list(zip(work["product_id"], work["field"], strict=True))
    told = {pair: true.at[pair] for pair in pairs}
    return {pair: value for pair, value in told.items() if value}


def filtered(shop: Shop, cells: Cells) -> tuple[int, float]:
    """Return how many answers a filter on their value finds, and the seconds of one."""
    start, found = time.perf_counter(), 0
    for (product, field), value in cells.items():
        products = shop.catalogue()
        mask = allowed(products, f"{field} = '{value}'")
        found += product in set(products["product_id"][mask])
    return found, seconds_since(start) / len(cells)


def seconds_since(start: float) -> float:
    """Return the seconds since a moment, rounded."""
    return round(time.perf_counter() - start, 3)


class SearchQuality:
    """ndcg@10 of the judged queries of a set, searching its test products."""

    def __init__(self, name: str, shop: Shop) -> None:
        self.name, products = name, shop.catalogue()
        self.rows = np.flatnonzero(products["split"] == "test")
        self.ids = products["product_id"].iloc[self.rows].tolist()
        asked = read_queries(DATA / name / "queries.parquet")
        self.judged = asked.judgements[asked.judgements["product_id"].isin(self.ids)]
        kept = asked.queries["query_id"].isin(self.judged["query_id"])
        self.queries = asked.queries[kept].reset_index(drop=True)
        embedder = shop.embedder()
        self.fingerprint = embedder.fingerprint
        self.asked = embedder.encode_queries(
            self.queries["query"].tolist(), self.queries["image"].tolist()
        )

    def of(self, vectors: NDArray[np.float32], when: str) -> Step:
        """Measure with these vectors of the whole catalogue."""
        matcher = Matcher(self.ids, vectors[self.rows], fingerprint=self.fingerprint)
        hits = matcher.search_vectors(self.asked, 10, query_ids=self.queries["query_id"].tolist())
        found = evaluate_retrieval({"tuwen": hits}, self.judged, 10).summary
        value = found.loc[found["metric"] == "ndcg@10", "value"].iloc[0]
        return Step(self.name, "search ndcg@10", when, float(value))


class ListQuality:
    """recall@12 of products nobody met before the cut, ranked among themselves."""

    def __init__(self, name: str, shop: Shop) -> None:
        self.name, products, table = name, shop.catalogue(), shop.vectors()
        known = set(products["product_id"])
        log = read_interactions(
            DATA / name / "interactions.parquet", known_products=known, columns={}
        ).rows
        train, test = before(log, CUT), since(log, CUT)
        cold = ~products["product_id"].isin(train["product_id"])
        self.rows, self.ids = np.flatnonzero(cold), table.product_ids
        self.cold = set(products["product_id"][cold])
        self.test = test[test["product_id"].isin(self.cold)].groupby("user_id")["product_id"]
        self.model = HybridRecommender(shop.recommender().config).fit(
            train, product_ids=self.ids, vectors=table.vectors
        )

    def of(self, vectors: NDArray[np.float32], when: str) -> Step:
        """Measure with these vectors of the whole catalogue."""
        self.model.align(self.ids, vectors)
        wanted: dict[Any, set[str]] = self.test.agg(set).to_dict()
        users = sorted(set(wanted) & set(self.model.user_ids))
        lists = self.model.recommend(users, 12, allowed=self.cold)
        listed = lists.groupby("user_id")["product_id"].agg(set)
        recalls = [len(wanted[user] & listed[user]) / len(wanted[user]) for user in users]
        what = f"cold-item recall@12 among {len(self.cold)} cold items ({len(users)} users)"
        return Step(self.name, what, when, float(np.mean(recalls)))


WHEN = ("with every text", "before", "after", "fitted from nothing")


def table(steps: Sequence[Step]) -> str:
    """Return one row per thing measured, one column per moment."""
    frame = pd.DataFrame([vars(step) for step in steps])
    moments = [*WHEN, "all answered"]
    lines = ["| set | measured | " + " | ".join(moments) + " |", "|" + "---|" * (len(moments) + 2)]
    for (name, what), rows in frame.groupby(["set", "what"], sort=False):
        values = rows.set_index("when")["value"]
        cells = [f"{values[moment]:.4g}" if moment in values else "" for moment in moments]
        lines.append(f"| {name} | {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print, and write with --write."""
    parser = argparse.ArgumentParser(description="A hundred answers on copies of the shops.")
    parser.add_argument("sets", nargs="*", default=["hm", "fashion"])
    parser.add_argument("--shops", type=Path, default=ROOT / "benchmarks" / "out")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    steps: list[Step] = []
    for name in asked.sets:
        fitted = asked.shops / f"{name}-shop"
        if not (fitted.is_dir() and (DATA / name).is_dir()):
            print(f"{fitted} or {DATA / name} is absent; skipped (run benchmarks/real_sets.py)")
            continue
        for scenario in (labels_lost, texts_lost):
            with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
                copy = shutil.copytree(fitted, Path(folder) / "shop")
                for step in scenario(name, Shop.open(copy)):
                    print(step, flush=True)
                    steps.append(step)
    if not steps:
        return 0
    text = table(steps)
    print(text)
    if asked.write:
        lines = [
            f"## Correct: what {ANSWERS} answers change, and how soon",
            "",
            "benchmarks/correct_answers.py says what is simulated; measured on test products.",
            "",
            text,
        ]
        write_section("correct_answers", "\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
