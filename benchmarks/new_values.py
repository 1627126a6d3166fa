"""What five examples of a value teach, beside a head that has learned from all of them.

    python benchmarks/new_values.py [hm] [--shop DIR] [--write]

The shop is that of real_sets.py (benchmarks/out), or DIR/<set>-shop; a set without one is skipped.
Each value in turn is taken out of the train rows, but for five examples of it (three draws).
Measured on val rows, whose other labels stay: recall and precision of the value, and what it costs
the others in accuracy. Rows are those of the frozen CNN and of the words, since the embedder has
met the value. `likely`: of the twenty train products found first, how many do have it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_softmax
from sections import ROOT, write_section

from classify.few_shot import membership
from classify.labels import field_labels
from classify.softmax import SoftmaxTagger
from classify.witnesses import values_of
from core_embeddings.columns import Columns
from tuwen.shop import Shop
from tuwen.suspecting import picture_rows, word_rows
from tuwen.teaching import DIRECTIONS

FIELDS: Final = {"hm": ("color", "garment_group"), "fashion": ("color", "category")}
EXAMPLES, DRAWS, VALUES, FIRST = 5, 3, 8, 20
LEAST: Final = 10
"""Val rows that a value needs to be measured on."""


def main(arguments: list[str]) -> int:
    """Measure the named sets."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", default=["hm"])
    parser.add_argument("--shop", type=Path, default=ROOT / "benchmarks" / "out")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(arguments)
    for name in asked.sets or ["hm"]:
        folder = asked.shop / f"{name}-shop"
        if not folder.is_dir():
            print(f"{name}: {folder} is absent; skipped")
            continue
        text = section(name, Shop.open(folder))
        print(text, flush=True)
        if asked.write:
            write_section(f"new values {name}", text)
    return 0


def section(name: str, shop: Shop) -> str:
    """Return the Markdown of one set."""
    products, embedder = shop.catalogue(), shop.embedder()
    kept = products[Columns.SPLIT] != "test"
    products = products[kept].reset_index(drop=True)
    parts = (
        picture_rows(embedder, embedder.views(products), size=DIRECTIONS),
        word_rows(products, size=DIRECTIONS, engine="rjieba"),
    )
    rows = np.hstack([part / part.std() for part in parts])
    frames = [measure(rows, products, field) for field in FIELDS[name]]
    whole = pd.concat(frames).groupby(["field", "how"], sort=False).mean(numeric_only=True)
    head = ["field", "how", *whole.columns]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for key, values in whole.iterrows():
        cells = ["–" if pd.isna(value) else f"{value:.3f}" for value in values]
        lines.append("| " + " | ".join([*key, *cells]) + " |")
    return f"### New values from {EXAMPLES} examples: {name}\n\n" + "\n".join(lines)


def measure(rows: NDArray[Any], products: pd.DataFrame, field: str) -> pd.DataFrame:
    """Return a row per value, way and draw."""
    labels = field_labels(products, field)
    split = products[Columns.SPLIT].to_numpy(dtype=object)
    train, val = split == "train", split == "val"
    counts = pd.Series(labels[val & (labels != "")]).value_counts()
    found = []
    for value in counts[counts >= LEAST].index[1 : 1 + VALUES]:  # the most frequent is no new one
        found += of_value(rows, labels, train & (labels != ""), val, str(value))
        print(field, value, file=sys.stderr, flush=True)
    return pd.DataFrame(found).assign(field=field)


def of_value(
    rows: NDArray[Any],
    labels: NDArray[np.object_],
    train: NDArray[np.bool_],
    val: NDArray[np.bool_],
    value: str,
) -> list[dict[str, Any]]:
    """Take one value out and teach it again."""
    scaled = (rows / np.sqrt(rows.shape[1])).astype(np.float32)
    old, own = np.flatnonzero(train & (labels != value)), np.flatnonzero(train & (labels == value))
    base = head().fit(scaled[old], labels[old])
    truth = labels[val]
    before = float((base.predict(scaled[val]) == truth)[truth != value].mean())

    def told(how: str, said: NDArray[Any], likely: float = np.nan) -> dict[str, Any]:
        right, ours = said == truth, truth == value
        return {
            "how": how,
            "recall": right[ours].mean(),
            "precision": right[said == value].mean() if (said == value).any() else np.nan,
            "said": (said == value).mean(),
            "others": right[~ours].mean() - before,
            "likely": likely,
        }

    def refitted(examples: NDArray[np.int64]) -> NDArray[Any]:
        every = np.concatenate([old, examples])
        return head().fit(scaled[every], labels[every], start=base).predict(scaled[val])

    found = [told("head, all examples", refitted(own))]
    scores = log_softmax(base.class_scores(scaled[val]).astype(np.float64), axis=1)
    best = base.classes_[scores.argmax(axis=1)]
    for draw in range(DRAWS):
        examples = np.random.default_rng(draw).choice(own, EXAMPLES, replace=False)
        found.append(told(f"head, {EXAMPLES} examples", refitted(examples)))
        hidden = np.where(train & (labels != value), labels, "")
        share = membership(rows, values_of(hidden).codes, examples)
        # One of the old values gets what is left.
        new = share[val] > (1 - share[val]) * np.exp(scores.max(axis=1))
        others = np.setdiff1d(np.flatnonzero(train), examples)
        first = others[np.argsort(-share[others], kind="stable")[:FIRST]]
        said = np.where(new, value, best)
        found.append(told("what they share", said, float((labels[first] == value).mean())))
    return found


def head() -> SoftmaxTagger:
    """Return an unfitted head."""
    return SoftmaxTagger(C=10.0, calibrate=False, standardize=False, max_iter=60, tol=1e-3)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
