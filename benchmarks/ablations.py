"""What each choice of the embedder adds: trained without it, measured on validation rows.

    OMP_NUM_THREADS=1 python benchmarks/ablations.py [hm] [fashion] [--epochs N] [--runs N]
                                                     [--table] [--write]

Every run is one training of a set with one choice changed and one seed; its metrics go as a line
to $TUWEN_BENCH/ablations.jsonl (default benchmarks/out), and a run that is there is not done again:
stop it whenever you like, or do a slice of it with --runs. --table only prints what is there,
--write puts that into RESULTS.md. No test row is read. The data folder is $TUWEN_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sections import DATA, write_section
from val_scores import WHAT, list_scores, val_scores

from core_embeddings.columns import Columns
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_training import train_embedder
from core_embeddings.feature_cache import feature_cache_folder
from core_embeddings.splits import before, since
from core_embeddings.tables import read_catalogue, read_interactions, read_queries, taggable_fields

OUT = Path(os.environ.get("TUWEN_BENCH", "benchmarks/out")) / "ablations.jsonl"
SETS = ("hm", "fashion")
EPOCHS = 6
LISTS_FROM, LISTS_TO = pd.Timestamp("2020-09-19", tz="UTC"), pd.Timestamp("2020-09-20", tz="UTC")
"""The last day of hm's training period is what its lists are measured on."""


@dataclass(frozen=True)
class Variant:
    """One choice changed."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1)
    sets: tuple[str, ...] = SETS


VARIANTS = (
    Variant("default", seeds=(0, 1, 2)),
    Variant("with category .2", {"category": 0.2}, seeds=(0, 1, 2)),
    Variant("without balance", {"text_residual": 0.0, "text_lean": 0.0}),
    Variant("without image-text", {"image_text": 0.0}),
    Variant("without part-product", {"part_product": 0.0}),
    Variant("without query-product", {"query_product": 0.0}),
    Variant("without label heads", {"labels": 0.0}),
    Variant("without modality dropout", {"modality_dropout": 0.0}),
    Variant("without word dropout", {"word_dropout": 0.0}),
    Variant("without foreign words", {"foreign_words": 0.0}),
    Variant("without label smoothing", {"label_smoothing": 0.0}),
    Variant("without weight decay", {"weight_decay": 0.0}),
    Variant("without word bag", {"word_bag": False}),
    Variant("without word shortcut", {"word_shortcut": False}),
    Variant("without word vectors", {"word_vectors": "none"}),
    Variant("fusion concat_relu", {"fusion": "concat_relu"}, seeds=(0,)),
    Variant("fusion split", {"fusion": "split"}, seeds=(0,)),
    Variant("fusion weighed", {"fusion": "weighed"}, seeds=(0,)),
    Variant("fusion tokens", {"fusion": "tokens"}, seeds=(0,)),
    Variant("with co-purchase .1", {"co_purchase": 0.1}, seeds=(0,), sets=("hm",)),
    Variant("with co-purchase .3", {"co_purchase": 0.3}, seeds=(0,), sets=("hm",)),
    Variant("with hard negatives .5", {"hard_negatives": 0.5}, seeds=(0,)),
    Variant("with same category ignored", {"same_category": "ignored"}, seeds=(0,)),
    Variant("with L1 1e-6", {"l1": 1e-6}, seeds=(0,)),
)


@dataclass(frozen=True)
class Run:
    """One training."""

    data: str
    variant: Variant
    seed: int
    epochs: int

    @property
    def key(self) -> list[Any]:
        """What makes a run the same as one that is done."""
        return [self.data, self.variant.name, self.variant.settings, self.seed, self.epochs]


class Shelf:
    """The tables of one set, without its test rows."""

    def __init__(self, name: str) -> None:
        folder = DATA / name
        everything = read_catalogue(
            folder / "catalogue.parquet", cache_folder=feature_cache_folder()
        ).rows
        split = everything[Columns.SPLIT]
        self.fields = sorted(taggable_fields(everything[split == "train"]))
        self.products = everything[split != "test"].reset_index(drop=True)
        self.judged: pd.DataFrame | None = None
        self.log: pd.DataFrame | None = None
        if (folder / "queries.parquet").exists():
            asked = read_queries(folder / "queries.parquet")
            self.judged = asked.judgements.merge(asked.queries, on=Columns.QUERY_ID)
        if (folder / "interactions.parquet").exists():
            known = set(self.products[Columns.PRODUCT])
            log = read_interactions(folder / "interactions.parquet", known_products=known).rows
            self.log = before(log, LISTS_TO)

    def measure(self, run: Run) -> dict[str, float]:
        """Train once and return every metric."""
        known = None if self.log is None else before(self.log, LISTS_FROM)
        start = time.process_time()
        embedder = train_embedder(
            self.products,
            split=self.products[Columns.SPLIT],
            fields=self.fields,
            config=EmbedderConfig.for_preset(
                "default", **{"epochs": run.epochs, **run.variant.settings}
            ),
            seed=run.seed,
            together=known,
            cache_folder=feature_cache_folder(),
        )
        seconds = time.process_time() - start
        found = val_scores(embedder, self.products, self.fields, self.judged)
        if known is not None and self.log is not None:
            later = since(self.log, LISTS_FROM)
            found |= list_scores(embedder, self.products, known, later)
        chosen = {name: getattr(embedder.config, name) for name in ("text_residual", "text_lean")}
        found |= means(found, "named") | means(found, "probe")
        return found | {"seconds": seconds, **chosen}


def means(found: dict[str, float], kind: str) -> dict[str, float]:
    """Average ``named`` or ``probe`` over the fields; tell how far fused is behind on the worst."""
    chosen = {name: value for name, value in found.items() if name.startswith(f"{kind}.")}
    by = {w: np.array([v for n, v in chosen.items() if n.endswith(f".{w}")]) for w in WHAT}
    gap = by["fused"] - np.maximum(by["text"], by["image"])
    mean = {f"{kind}_mean.{what}": float(by[what].mean()) for what in WHAT}
    return mean | {f"{kind}_worst": float(gap.min())}


def main() -> int:
    """Do what is left of the runs, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sets", nargs="*", default=[])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--runs", type=int, default=10**9, help="at most so many trainings now")
    parser.add_argument("--table", action="store_true", help="train nothing")
    parser.add_argument("--write", action="store_true", help="write the table into RESULTS.md")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    sets = [name for name in chosen.sets or SETS if is_there(name)]
    if not chosen.table:
        train(sets, chosen.epochs, chosen.runs)
    text = "\n\n".join(table(name, chosen.epochs) for name in sets)
    print(text)
    if chosen.write and sets:
        write_section("ablations", f"## What each choice of the embedder adds\n\n{text}")
    return 0


def is_there(name: str) -> bool:
    """Tell whether a set is on this machine; say so where it is not."""
    if (DATA / name).is_dir():
        return True
    print(f"{name}: {DATA / name} is absent; skipped (set TUWEN_DATA)")
    return False


def plan(sets: list[str], epochs: int) -> Iterator[Run]:
    """Yield every run: one seed of all variants before the next, so that a slice compares."""
    for seed in sorted({seed for variant in VARIANTS for seed in variant.seeds}):
        for variant in VARIANTS:
            for name in sets:
                if seed in variant.seeds and name in variant.sets:
                    yield Run(name, variant, seed, epochs)


def train(sets: list[str], epochs: int, most: int) -> None:
    """Do the runs that are not done, one line each."""
    done = [line["run"] for line in lines()]
    left = [run for run in plan(sets, epochs) if run.key not in done]
    shelves: dict[str, Shelf] = {}
    for run in left[:most]:
        if run.data not in shelves:
            shelves[run.data] = Shelf(run.data)
        found = shelves[run.data].measure(run)
        OUT.parent.mkdir(parents=True, exist_ok=True)
        with OUT.open("a") as file:
            file.write(json.dumps({"run": run.key, **found}) + "\n")
        print(run.data, run.variant.name, run.seed, f"{found['seconds']:.0f} s", flush=True)


def lines() -> list[dict[str, Any]]:
    """Return what earlier runs found."""
    return [json.loads(line) for line in OUT.read_text().splitlines()] if OUT.exists() else []


def table(name: str, epochs: int) -> str:
    """Return a set's Markdown: the default as it is, every other row as its difference to it."""
    rows = [line for line in lines() if line["run"][0] == name and line["run"][4] == epochs]
    current = {variant.name: variant.settings for variant in VARIANTS}
    rows = [row for row in rows if current.get(row["run"][1]) == row["run"][2]]
    frame = pd.DataFrame([{"variant": row["run"][1], **row} for row in rows])
    if frame.empty or "default" not in set(frame["variant"]):
        return f"### {name}\n\nNothing measured."
    columns = [column for column in COLUMNS if column in frame]
    head = ["variant", "seeds", *(COLUMNS[column] for column in columns)]
    text = [f"### {name}, {epochs} epochs", "", "| " + " | ".join(head) + " |"]
    text.append("|" + "---|" * len(head))
    default = frame[frame["variant"] == "default"]
    text.append(_cells("default", len(default), default[columns].mean(), ".4f"))
    for what, words in (("text", "its words alone"), ("image", "its pictures alone")):
        twins = [column.replace("fused", what) for column in columns]
        alone = default[[twin for twin in twins if twin in default]].mean().reindex(twins)
        shown = alone.where([twin != column for twin, column in zip(twins, columns, strict=True)])
        text.append(_cells(words, len(default), shown, ".4f"))
    width = default[columns].max() - default[columns].min()
    text.append(_cells("highest - lowest seed", len(default), width, ".4f"))
    for variant in [v.name for v in VARIANTS if v.name != "default"]:
        chosen = frame[frame["variant"] == variant]
        if len(chosen):
            seeds = {run[3] for run in chosen["run"]}
            same = default[[run[3] in seeds for run in default["run"]]]
            change = chosen[columns].mean() - same[columns].mean()
            text.append(_cells(variant, len(chosen), change, "+.4f"))
    return "\n".join(text)


COLUMNS = {
    "facet_queries.fused": "facet queries",
    "judged_queries.fused": "judged queries",
    "picture_queries.fused": "picture queries",
    "image_to_text.recall": "image→text",
    "named_mean.fused": "heads",
    "named_worst": "heads, worst margin",
    "probe_mean.fused": "probes",
    "probe_worst": "probes, worst margin",
    "lists.fused": "lists",
    "seconds": "CPU seconds",
}
"""What is shown: ndcg@10 of three kinds of query; recall@10; accuracy of the heads and of a
linear probe, each with how far fused is ahead of the better part on its worst field; recall@12."""


def _cells(name: str, count: int, values: pd.Series, digits: str) -> str:
    cells = [
        "–"
        if pd.isna(v)
        else format(v, digits.replace("4", "0") if column == "seconds" else digits)
        for column, v in values.items()
    ]
    return f"| {name} | {count} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    raise SystemExit(main())
