"""How well wrong labels are found when some are made wrong on purpose, beside cleanlab.

    python benchmarks/label_noise.py [hm] [fashion] [--shop DIR] [--seeds N] [--write]

The shops are those of real_sets.py (benchmarks/out), or DIR/<set>-shop; without a shop, or without
cleanlab (the extra `[bench]`), a set is skipped. Only train and val rows are used. All fields get
wrong labels at once: every value has a rate of its own, .3 to 1.7 times the mean, and three values
that it is mistaken for. The method was chosen on other seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sections import ROOT, write_section
from sklearn.metrics import average_precision_score

from classify.labels import field_labels
from classify.suspects import Doubts, doubt_labels
from classify.witnesses import OTHER_FIELDS, Values, Witness, values_of
from core_embeddings.columns import Columns
from core_embeddings.fields import taggable_fields
from core_embeddings.splits import duplicate_groups
from tuwen.shop import Shop
from tuwen.suspecting import PICTURE, WORDS, picture_rows, product_witnesses, word_rows

RATES = (0.05, 0.1, 0.2)
ABLATED, ABLATED_FIELDS = 0.1, ("category", "color")
MISTAKEN_FOR = 3
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
Labels = dict[str, NDArray[np.object_]]


class Case(NamedTuple):
    """A catalogue with true labels and what is known besides."""

    labels: Labels
    witnesses: dict[str, Witness]
    rows: dict[str, NDArray[np.float32]]
    groups: NDArray[np.int64]


def main(arguments: list[str]) -> int:
    """Measure the named sets, or both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", default=["hm", "fashion"])
    parser.add_argument("--shop", type=Path, default=ROOT / "benchmarks" / "out")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(arguments)
    for name in asked.sets or ["hm", "fashion"]:
        shop = asked.shop / f"{name}-shop"
        if not shop.is_dir() or find_spec("cleanlab") is None:
            print(f"{name}: {shop} or the package cleanlab is absent; skipped")
            continue
        text = section(name, read_case(Shop.open(shop)), asked.seeds)
        print(text, flush=True)
        if asked.write:
            write_section(f"label noise {name}", text)
    return 0


def read_case(shop: Shop) -> Case:
    """Read the train and val rows of a shop."""
    products = shop.catalogue()
    embedder = shop.embedder()
    kept = (products[Columns.SPLIT] != "test").to_numpy()
    views = embedder.views(products[kept].reset_index(drop=True))
    fields = taggable_fields(products)
    products = products[kept].reset_index(drop=True)
    rows = {PICTURE: picture_rows(embedder, views), WORDS: word_rows(products, engine="rjieba")}
    groups = duplicate_groups(products)
    log = shop.recommender().state.interactions if shop.has_recommender else None
    witnesses = product_witnesses(rows, groups, products, log)
    return Case({f: field_labels(products, f) for f in fields}, witnesses, rows, groups)


def section(name: str, case: Case, seeds: int) -> str:
    """Return the Markdown of one set."""
    runs, by_field = [], []
    for alike, rates in ((False, RATES), (True, (ABLATED,))):
        for rate in rates:
            for seed in range(seeds if not alike else 1):
                noisy = with_noise(case, rate, seed, alike=alike)
                found = doubt_labels(noisy, case.witnesses, groups=case.groups)
                rows = pd.DataFrame(measured(case.labels, noisy, found))
                kind = f"{rate:.0%}" + (", lookalikes" if alike else "")
                runs.append(rows.assign(noise=kind, seed=seed))
                if rate == ABLATED and not alike:
                    by_field.append(rows)
                print(name, kind, seed, f"{rows['ours'].mean():.3f}", file=sys.stderr, flush=True)
    whole = pd.concat(runs)
    levels = whole.groupby("noise", sort=False).mean(numeric_only=True).drop(columns="seed")
    fields = pd.concat(by_field).groupby("field", sort=False).mean(numeric_only=True)
    parts = [
        f"### Label noise: {name}",
        "Area under precision and recall of wrong labels, mean of fields"
        f" ({', '.join(case.labels)}) and seeds; `cleanlab …`: its scores of the same"
        " probabilities. `expected`: sum of our probabilities / labels that are wrong; `right`:"
        " suggestions that are the true value.",
        markdown(levels.reset_index()),
        f"By field, {ABLATED:.0%} noise:",
        markdown(fields.reset_index()),
        f"Without a witness, {ABLATED:.0%} noise, seed 0:",
        markdown(ablation(case)),
    ]
    return "\n\n".join(parts)


def with_noise(case: Case, rate: float, seed: int, *, alike: bool) -> Labels:
    """Return the labels with some of every field mistaken."""
    rng = np.random.default_rng(seed)
    noisy = {}
    for field, labels in case.labels.items():
        values = values_of(labels)
        near = closeness(values, case.rows) if alike else np.ones((len(values.names),) * 2)
        codes = mistaken(values, rate, near, rng)
        noisy[field] = np.where(codes >= 0, values.names[codes], "")
    return noisy


def mistaken(
    values: Values, rate: float, near: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return codes with class-dependent mistakes; frequent and near values are drawn more often."""
    count = len(values.names)
    sizes = np.bincount(values.codes[values.codes >= 0], minlength=count)
    rates = rng.uniform(0.3, 1.7, count)
    rates = np.minimum(rates * rate * sizes.sum() / (rates @ sizes), 0.6)
    codes = values.codes.copy()
    for value in range(count):
        weight = np.sqrt(sizes) * near[value]
        weight[value] = 0
        others = rng.choice(
            count, min(MISTAKEN_FOR, count - 1), replace=False, p=weight / weight.sum()
        )
        shares = rng.dirichlet(np.ones(len(others)))
        rows = np.flatnonzero(values.codes == value)
        hit = rows[rng.random(len(rows)) < rates[value]]
        codes[hit] = rng.choice(others, size=len(hit), p=shares)
    return codes


def closeness(values: Values, rows: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return exp(5 · cosine) of the mean rows of values: people mistake what looks alike."""
    stacked = np.hstack([part / max(float(part.std()), 1e-9) for part in rows.values()])
    codes = range(len(values.names))
    means = np.array([stacked[values.codes == code].mean(axis=0) for code in codes])
    unit = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    return np.asarray(np.exp(5 * (unit @ unit.T)), dtype=np.float64)


def measured(true: Labels, noisy: Labels, found: Mapping[str, Doubts]) -> list[dict[str, Any]]:
    """Return a row per field: ours, cleanlab's scores, and how our probabilities sum up."""
    from cleanlab.rank import get_label_quality_scores

    rows = []
    for field, doubts in found.items():
        known = doubts.values.codes >= 0
        codes, wrong = doubts.values.codes[known], (noisy[field] != true[field])[known]
        shares = np.exp(doubts.pooled[known])
        shares /= shares.sum(axis=1, keepdims=True)
        row: dict[str, Any] = {"field": field}
        row["ours"] = average_precision_score(wrong, doubts.wrong[known])
        for score in SCORES:
            for adjust in (False, True) if score != SCORES[2] else (False,):
                quality = get_label_quality_scores(
                    codes, shares, method=score, adjust_pred_probs=adjust
                )
                label = f"cleanlab {score.replace('_', ' ')}" + (" adjusted" if adjust else "")
                row[label] = average_precision_score(wrong, -quality)
        row["expected"] = doubts.wrong[known].sum() / wrong.sum()
        suggested = doubts.values.names[doubts.suggested[known]]
        row["right"] = (suggested == true[field][known])[wrong].mean()
        rows.append(row)
    return rows


def ablation(case: Case) -> pd.DataFrame:
    """Return what is left without each witness."""
    noisy = with_noise(case, ABLATED, 0, alike=False)
    rows = []
    for left_out in ("none", *case.witnesses, OTHER_FIELDS):
        called = {n: w for n, w in case.witnesses.items() if n != left_out}
        alone = [[field] for field in ABLATED_FIELDS]
        groups = alone if left_out == OTHER_FIELDS else [list(noisy)]
        found: dict[str, Doubts] = {}
        for fields in groups:
            labels = {field: noisy[field] for field in fields}
            asked = tuple(field for field in ABLATED_FIELDS if field in labels)
            found |= doubt_labels(labels, called, groups=case.groups, fields=asked)
        ours = {row["field"]: row["ours"] for row in measured(case.labels, noisy, found)}
        rows.append({"without": left_out, **ours})
    return pd.DataFrame(rows)


def markdown(frame: pd.DataFrame) -> str:
    """Return a table."""
    head = [str(name) for name in frame.columns]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in frame.itertuples(index=False):
        cells = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
