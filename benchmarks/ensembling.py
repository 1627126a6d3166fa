"""What several embedders buy together, and how much of it one that imitates them keeps.

    OMP_NUM_THREADS=1 python benchmarks/ensembling.py [hm] [fashion] [--test] [--write]

On each set: single embedders of several seeds, their `Ensemble`, and one embedder that learned from
them (`embedder.members`). Numbers are of validation rows, with --test of test rows, too; training
and early stopping never see test rows. A run that was cut goes on where it stood. Trainings are
kept in $TUWEN_BENCH (default benchmarks/out), in the folder ensembling: remove it to measure time
anew.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sections import DATA, write_section
from val_scores import val_scores

from core_embeddings.columns import Columns
from core_embeddings.embedder import FusionEmbedder
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_training import Session, resolve, train_on
from core_embeddings.ensemble import Ensemble
from core_embeddings.feature_cache import feature_cache_folder
from core_embeddings.fields import taggable_fields
from core_embeddings.tables import read_catalogue
from core_embeddings.training_material import Material, prepare

KEPT = Path(os.environ.get("TUWEN_BENCH", "benchmarks/out")) / "ensembling"
EPOCHS, MEMBERS = 8, 3
SHOWN = {
    "label heads, accuracy": "heads.",
    "linear probe, accuracy": "probe.",
    "facet queries, ndcg@10": "facet_queries.",
    "judged queries, ndcg@10": "judged_queries.",
    "picture queries, ndcg@10": "picture_queries.",
    "image → text, recall@10": "image_to_text.",
    "text → image, recall@10": "text_to_image.",
}
Scores = Mapping[str, float]


@dataclass(frozen=True)
class Model:
    """What is compared, one per seed, and what its training costs in seconds of one core."""

    name: str
    ones: Sequence[FusionEmbedder | Ensemble]
    seconds: float


@dataclass(frozen=True)
class Measured:
    """One model's scores, one mapping per seed, and what it costs."""

    name: str
    scores: Sequence[Scores]
    seconds: float
    width: int


def main(arguments: list[str]) -> int:
    """Measure the named sets, or both."""
    torch.set_num_threads(1)
    for name in [a for a in arguments if not a.startswith("--")] or ["hm", "fashion"]:
        if not (DATA / name).is_dir():
            print(f"{name}: {DATA / name} is absent; skipped (set TUWEN_DATA)")
            continue
        products = read_catalogue(
            DATA / name / "catalogue.parquet", cache_folder=feature_cache_folder()
        ).rows
        models = train_all(name, products)
        for rows in ["val", "test"] if "--test" in arguments else ["val"]:
            text = report(name, [score(name, products, model, rows) for model in models], rows)
            print(text, flush=True)
            if "--write" in arguments:
                write_section(f"ensembling {name} {rows}", text)
    return 0


def train_all(name: str, products: pd.DataFrame) -> list[Model]:
    """Train what is compared, on train rows."""
    split = products[Columns.SPLIT]
    config = resolve(EmbedderConfig(epochs=EPOCHS))
    material = prepare(
        products,
        split=split,
        fields=fields_of(products),
        config=config,
        cache_folder=feature_cache_folder(),
    )
    alone = replace(config, distill=0.0)
    singles = [trained(name, material, alone, seed) for seed in range(1, MEMBERS + 1)]
    members = [embedder for embedder, _ in singles]
    student, extra = trained(name, material, config, 0, members)
    seconds = float(np.mean([cost for _, cost in singles]))
    return [
        Model("single", members, seconds),
        Model(f"ensemble of {MEMBERS}", [Ensemble(members)], MEMBERS * seconds),
        Model(f"distilled from {MEMBERS}", [student], MEMBERS * seconds + extra),
    ]


def fields_of(products: pd.DataFrame) -> list[str]:
    """Return what is tagged, as a fit chooses it."""
    return sorted(taggable_fields(products[products[Columns.SPLIT] == "train"]))


def score(name: str, products: pd.DataFrame, model: Model, rows: str) -> Measured:
    """Measure a model on ``rows``, which stand in for the validation rows of `val_scores`."""
    split = products[Columns.SPLIT]
    measured = products.assign(split=split.where(split == "train", "").mask(split == rows, "val"))
    queries, fields = DATA / name / "queries.parquet", fields_of(products)
    judged = pd.read_parquet(queries) if queries.exists() else None
    scores = [
        head_scores(one, measured[split == rows]) | val_scores(one, measured, fields, judged)
        for one in model.ones
    ]
    return Measured(model.name, scores, model.seconds, model.ones[0].embedding_size)


def trained(
    name: str,
    material: Material,
    config: EmbedderConfig,
    seed: int,
    members: Sequence[FusionEmbedder] = (),
) -> tuple[FusionEmbedder, float]:
    """Train one embedder, or take it from its checkpoint; with its cost in seconds of one core."""
    KEPT.mkdir(parents=True, exist_ok=True)
    of = "-distilled" if members else ""
    checkpoint, cost = KEPT / f"{name}-{seed}{of}", KEPT / f"{name}-{seed}{of}.seconds"
    kept = checkpoint.exists() and cost.exists()
    start = time.process_time()
    embedder = train_on(material, config, Session(seed, checkpoint), members=list(members))
    if not kept:
        cost.write_text(str(time.process_time() - start))
    print(f"{checkpoint.name}: {cost.read_text()} s", file=sys.stderr, flush=True)
    return embedder, float(cost.read_text())


def head_scores(model: FusionEmbedder | Ensemble, products: pd.DataFrame) -> dict[str, float]:
    """Return the accuracy of the training heads per field, on products with a known class."""
    labels = (model.members[0] if isinstance(model, Ensemble) else model).labels
    found = {}
    for field, shares in model.label_probabilities(products).items():
        best = np.array(labels[field])[shares.argmax(1)]
        truth = products[field].astype(str).to_numpy()
        found[f"heads.{field}.fused"] = float((best == truth)[truth != ""].mean())
    return found


def report(name: str, measured: list[Measured], rows: str) -> str:
    """Return the table: models as rows; of several seeds the mean and the standard deviation."""
    columns = {
        title: prefix
        for title, prefix in SHOWN.items()
        if any(key.startswith(prefix) for key in measured[0].scores[0])
    }
    lines = [
        f"## ensembling: {name}, {rows} rows",
        "",
        f"`OMP_NUM_THREADS=1 python benchmarks/ensembling.py {name}"
        f"{' --test' if rows == 'test' else ''} --write`: {EPOCHS} epochs each; accuracies are the "
        "mean over the fields, search is by the stored (fused) vector.",
        "",
        "| model | " + " | ".join(columns) + " | training, core-s | floats per product |",
        "|" + "---|" * (len(columns) + 3),
    ]
    for model in measured:
        values = [_cell([mean_of(s, prefix) for s in model.scores]) for prefix in columns.values()]
        cells = [_name(model), *values, f"{model.seconds:.0f}", str(model.width)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def mean_of(scores: Scores, prefix: str) -> float:
    """Return the mean of a task's scores over its fields, by the stored vectors."""
    chosen = [
        value
        for key, value in scores.items()
        if key.startswith(prefix) and key.endswith((".fused", ".recall"))
    ]
    return float(np.mean(chosen))


def _name(model: Measured) -> str:
    seeds = len(model.scores)
    return f"{model.name}, {seeds} seeds" if seeds > 1 else model.name


def _cell(values: list[float]) -> str:
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
