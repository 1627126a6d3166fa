"""Chinese shop reviews, text only: fit them through the command line and tag the test rows.

    python benchmarks/zh_text.py [--write]

The data folder is $TUWEN_DATA (default ../shared/data); without the set nothing is done. The shop
goes to $TUWEN_BENCH (default benchmarks/out) and is not fitted again where it is done: remove its
folder to measure time and memory anew. The baseline is TF-IDF of jieba's words with a linear SVM;
like the taggers it is chosen on validation rows, then fitted on those and the training rows.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from sections import DATA, ROOT, write_section

OUT = Path(os.environ.get("TUWEN_BENCH", "benchmarks/out"))
SHOP = OUT / "zh_text-shop"
SETTINGS = ("embedder.epochs=12",)
"""On validation rows twelve epochs are as good as twenty-five."""
FEELINGS = {0: "negative", 1: "positive"}
METRICS = ("accuracy", "macro_f1", "ece", "coverage", "auto_accuracy")


def main(arguments: list[str]) -> int:
    """Fit, print the table, and write it where asked to."""
    source = DATA / "zh_text" / "catalogue.parquet"
    if not source.exists():
        print(f"zh_text: {source} is absent; skipped (set TUWEN_DATA)")
        return 0
    cost = fit(source)
    text = f"## zh_text\n\n{cost}\n\n{table(ROOT / SHOP / 'report.parquet')}"
    print(text)
    if "--write" in arguments:
        write_section("zh_text", text)
    return 0


def fit(source: Path) -> str:
    """Run ``tuwen fit``; return what it cost in words, kept beside the shop's report."""
    tuwen, kept = Path(sys.executable).with_name("tuwen"), ROOT / SHOP / "cost.txt"
    chosen = [part for setting in SETTINGS for part in ("--set", setting)]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "zh_text.parquet"
        reviews = pd.read_parquet(source)
        # A number is no tag: the feeling gets words.
        reviews.assign(sentiment=reviews["sentiment"].map(FEELINGS)).to_parquet(table)
        command = [str(tuwen), "fit", str(table), *chosen, "--out", str(SHOP), "--json"]
        print(" ".join(command), flush=True)
        start = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    minutes = (time.perf_counter() - start) / 60
    stages = [stage for stage in json.loads(done.stdout)["stages"] if not stage["skipped"]]
    if not stages:
        return kept.read_text() if kept.exists() else "Cost: not measured."
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    parts = ", ".join(f"{stage['stage']} {stage['seconds']:.0f} s" for stage in stages)
    cost = f"Cost of {' '.join(SETTINGS)}: {minutes:.1f} minutes, {peak:.1f} GiB at most ({parts})."
    kept.write_text(cost)
    return cost


def table(report: Path) -> str:
    """Return field and model as rows, metrics as columns."""
    rows = pd.read_parquet(report).query("job == 'tag' and n > 0")
    wide = rows.pivot(index=["segment", "model"], columns="metric", values="value")
    wide = wide.reindex(rows[["segment", "model"]].drop_duplicates().apply(tuple, axis=1))
    lines = ["| field | model | " + " | ".join(METRICS) + " |", "|---" * (2 + len(METRICS)) + "|"]
    for (field, model), values in wide.iterrows():
        numbers = ["–" if pd.isna(values[name]) else f"{values[name]:.4f}" for name in METRICS]
        lines.append(f"| {field} | {model} | " + " | ".join(numbers) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
