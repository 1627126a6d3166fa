"""How much a budget of labels buys: our worklist against margin sampling and random.

    python benchmarks/review_budget.py [--shop DIR] [--seeds 5] [--rows test] [--write]

Simulated: the train products of hm lose their values in one field; 25 random ones are labelled,
the same for every strategy; then each strategy asks in rounds until 50, 100, 200, 400 and 800 are.
After each round a cheap tagger is fitted on the labels so far: the mean log-probability of two
softmax heads, on the fused vector and on the words of title, brand and description. Measured is
macro-F1 on the test products. The embedder is the shop's, as it is: it was trained with labels of
these very train products, so that all curves are better than in a shop that starts from nothing.
What the worklist is made of was chosen on validation products with two of these seeds (--rows val).
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sections import DATA, ROOT, write_section
from threadpoolctl import threadpool_limits

from classify.labels import field_labels
from classify.lexical_view import LexicalView, default_tokenizer
from classify.metrics import accuracy, macro_f1
from classify.softmax import SoftmaxTagger
from classify.worklist import likeness, settled_by, uncertainty, worklist
from tuwen.review import interactions_of
from tuwen.shop import Shop

FIELDS = ("category", "color", "appearance")
BUDGETS = (25, 50, 100, 200, 400, 800)
MEANS = ("mean", "accuracy", "by demand")
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Material:
    """One shop: what heads see, which rows are asked, which are measured."""

    products: pd.DataFrame
    vectors: NDArray[np.float32]
    words: Any
    demand: NDArray[np.float64]
    pool: Rows
    measured: Rows

    @classmethod
    def of(cls, shop: Shop, rows: str) -> Material:
        """Read a shop; ``rows`` is the split that is measured."""
        products = shop.catalogue()
        split = products["split"].to_numpy()
        pool = np.flatnonzero(split == "train")
        lexical = LexicalView.fit(
            products.iloc[pool], tokenize=default_tokenizer(), char_ngrams=False
        )
        words = lexical.views(products)["words"]
        demand = 1 + np.log1p(interactions_of(shop, products))
        measured = np.flatnonzero(split == rows)
        return cls(products, shop.vectors().vectors, words, demand, pool, measured)


class Tagger:
    """The cheap tagger."""

    def __init__(self, material: Material, rows: Rows, labels: NDArray[Any]) -> None:
        heads = [(material.vectors, True), (material.words, False)]
        self.parts = [
            (X, SoftmaxTagger(10.0, calibrate=False, max_iter=60, tol=3e-4, standardize=standard))
            for X, standard in heads
        ]
        for X, head in self.parts:
            head.fit(X[rows], labels[rows])
        self.classes = self.parts[0][1].classes_

    def shares(self, rows: Rows) -> NDArray[np.float64]:
        """Return the probability of each value, of shape (n_rows, n_classes)."""
        told = [np.log(np.maximum(head.predict_proba(X[rows]), 1e-9)) for X, head in self.parts]
        mean = np.exp(np.mean(told, axis=0))
        found: NDArray[np.float64] = mean / mean.sum(axis=1, keepdims=True)
        return found


@dataclass(frozen=True)
class Round:
    """What a strategy may know: the open rows, what is said of them, and what is labelled."""

    material: Material
    open: Rows
    shares: NDArray[np.float64]
    labelled: Rows
    codes: Rows
    draw: np.random.Generator


def by_chance(now: Round, count: int) -> Rows:
    """Ask at random."""
    return now.draw.choice(now.open, count, replace=False)


def by_margin(now: Round, count: int) -> Rows:
    """Ask where the two likeliest values are closest."""
    top = np.sort(now.shares, axis=1)[:, ::-1]
    margin = top[:, 0] - top[:, 1] if top.shape[1] > 1 else top[:, 0]
    return now.open[np.argsort(margin, kind="stable")[:count]]


def by_worklist(now: Round, count: int) -> Rows:
    """Ask as `tuwen review` does."""
    return _worklist(now, count, now.material.demand[now.open])


def without_demand(now: Round, count: int) -> Rows:
    """Ask as `tuwen review` does where every product is in equal demand."""
    return _worklist(now, count, np.ones(len(now.open)))


def _worklist(now: Round, count: int, demand: NDArray[np.float64]) -> Rows:
    vectors = now.material.vectors
    known = vectors[now.labelled]
    order = worklist(
        uncertainty(now.shares, now.shares.max(axis=1)) * demand,
        likeness(vectors[now.open], now.shares),
        limit=count,
        settled=settled_by(vectors[now.open], now.shares, known, now.codes),
    )
    asked = now.open[order.rows]
    rest = np.setdiff1d(now.open, asked)
    more = now.draw.choice(rest, count - len(asked), replace=False)
    return np.concatenate([asked, more])


STRATEGIES: dict[str, Callable[[Round, int], Rows]] = {
    "worklist": by_worklist,
    "worklist, demand equal": without_demand,
    "margin": by_margin,
    "random": by_chance,
}


def curve(
    material: Material, field: str, strategy: str, seed: int
) -> Iterator[dict[str, str | float]]:
    """Yield what was measured after each round."""
    labels = field_labels(material.products, field)
    pool = material.pool[labels[material.pool] != ""]
    measured = material.measured[labels[material.measured] != ""]
    draw = np.random.default_rng(seed)
    labelled = np.sort(draw.choice(pool, BUDGETS[0], replace=False))
    for budget, following in zip(BUDGETS, (*BUDGETS[1:], 0), strict=True):
        tagger = Tagger(material, labelled, labels)
        said = tagger.classes[tagger.shares(measured).argmax(axis=1)]
        right = said == labels[measured]
        yield {
            "field": field,
            "strategy": strategy,
            "labels": budget,
            "macro_f1": macro_f1(labels[measured], said),
            "accuracy": accuracy(labels[measured], said),
            "by demand": float(np.average(right, weights=material.demand[measured])),
        }
        if not following:
            return
        rest = np.setdiff1d(pool, labelled)
        codes = np.searchsorted(tagger.classes, labels[labelled])
        now = Round(material, rest, tagger.shares(rest), labelled, codes, draw)
        asked = STRATEGIES[strategy](now, following - budget)
        labelled = np.sort(np.concatenate([labelled, asked]))


def table(found: pd.DataFrame) -> str:
    """Return macro-F1 by budget, mean and deviation over seeds, and two means over budgets."""
    lines = [
        "| field | strategy | "
        + " | ".join(map(str, BUDGETS))
        + " | mean | accuracy | by demand |",
        "|---|---|" + "---|" * (len(BUDGETS) + 3),
    ]
    for (field, strategy), rows in found.groupby(["field", "strategy"], sort=False):
        by_budget = rows.groupby("labels")["macro_f1"]
        cells = [
            f"{mean:.3f} ± {deviation:.3f}"
            for mean, deviation in zip(by_budget.mean(), by_budget.std(), strict=True)
        ]
        later = rows[rows["labels"] > BUDGETS[0]]
        means = [f"{later[name].mean():.3f}" for name in ("macro_f1", "accuracy", "by demand")]
        lines.append(f"| {field} | {strategy} | " + " | ".join([*cells, *means]) + " |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print, and write with --write."""
    parser = argparse.ArgumentParser(description="Label budgets on hm.")
    parser.add_argument("--shop", type=Path, default=ROOT / "benchmarks" / "out" / "hm-shop")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--fields", default=",".join(FIELDS))
    parser.add_argument("--rows", choices=("val", "test"), default="test")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    if not (asked.shop.is_dir() and (DATA / "hm").is_dir()):
        print(f"{asked.shop} or {DATA / 'hm'} is absent; skipped (run benchmarks/real_sets.py hm)")
        return 0
    warnings.filterwarnings("ignore", message="The number of unique classes")
    found: list[dict[str, str | float]] = []
    with threadpool_limits(1):
        material = Material.of(Shop.open(asked.shop), asked.rows)
        for field in asked.fields.split(","):
            for strategy in STRATEGIES:
                for seed in range(asked.seeds):
                    found += curve(material, field, strategy, seed)
            print(table(pd.DataFrame(found)), flush=True)
    lines = [
        "## Review: what a budget of labels buys (hm)",
        "",
        f"Macro-F1 on {asked.rows} products after so many labels, mean ± deviation of "
        f"{asked.seeds} seeds; its mean over the budgets from 50 on, and over the same accuracy "
        "and accuracy weighted by demand. The first 25 labels are random and the same for all; "
        "benchmarks/review_budget.py says what is simulated.",
        "",
        table(pd.DataFrame(found)),
    ]
    if asked.write:
        write_section("review_budget", "\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
