"""Fit the real catalogues through the command line and write their tables into RESULTS.md.

    python benchmarks/real_sets.py [hm] [fashion]

The data folder is $TUWEN_DATA (default ../shared/data); a set that is not there is skipped with a
message. Shops go to $TUWEN_BENCH (default benchmarks/out). A shop that is fitted already is not
fitted again: remove its folder to measure time and memory anew.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sections import DATA, ROOT, write_section

OUT = Path(os.environ.get("TUWEN_BENCH", "benchmarks/out"))
OURS = {
    "tag": "fused",
    "search": "tuwen",
    "pairs": "tuwen",
    "match": "tuwen",
    "recommend": "hybrid",
}


@dataclass(frozen=True)
class RealSet:
    """A catalogue and how it is fitted."""

    name: str
    options: tuple[str, ...]

    def command(self) -> list[str]:
        """Return the arguments of ``tuwen``, with {data} filled in."""
        folder = DATA / self.name
        options = [option.replace("{data}", str(folder)) for option in self.options]
        return ["fit", str(folder / "catalogue.parquet"), *options, "--out", str(self.shop)]

    @property
    def shop(self) -> Path:
        """Where the shop goes."""
        return OUT / f"{self.name}-shop"


SETS = {
    "hm": RealSet(
        "hm",
        (
            *("--interactions", "{data}/interactions.parquet"),
            *("--set", "split.recent_from=2020-09-20", "--set", "baseline.list_k=12"),
        ),
    ),
    "fashion": RealSet("fashion", ("--queries", "{data}/queries.parquet")),
}


def main(names: list[str]) -> int:
    """Measure the named sets, or all."""
    for name in names or list(SETS):
        real = SETS[name]
        if not (DATA / name).is_dir():
            print(f"{name}: {DATA / name} is absent; skipped (set TUWEN_DATA)")
            continue
        write_section(name, section(real, fit(real)))
    return 0


def fit(real: RealSet) -> str:
    """Run the fit; return what it cost in words, "" where it was done before."""
    tuwen = Path(sys.executable).with_name("tuwen")
    print("tuwen", *real.command(), flush=True)
    start = time.perf_counter()
    done = subprocess.run(
        [tuwen, *real.command(), "--json"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    minutes = (time.perf_counter() - start) / 60
    answer = json.loads(done.stdout)
    if answer["skipped"]:
        return ""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    stages = ", ".join(f"{s['stage']} {s['seconds']:.0f} s" for s in answer["stages"])
    cost = f"{minutes:.1f} minutes on {os.cpu_count()} cores, peak memory {peak:.1f} GiB ({stages})"
    (ROOT / real.shop / "cost.txt").write_text(cost)
    return cost


def section(real: RealSet, cost: str) -> str:
    """Return a set's Markdown."""
    shop = ROOT / real.shop
    kept = shop / "cost.txt"
    cost = cost or (kept.read_text() if kept.exists() else "not measured")
    report = pd.read_parquet(shop / "report.parquet")
    report = report[report["n"] > 0]
    lines = [f"## {real.name}", "", f"`tuwen {' '.join(real.command())}`", "", f"Cost: {cost}.", ""]
    for job, rows in report.groupby("job", sort=False):
        lines += [f"### {real.name}: {job}", "", table(rows), "", verdict(str(job), rows), ""]
    return "\n".join(lines)


def table(rows: pd.DataFrame) -> str:
    """Return segment and model as rows, metrics as columns."""
    order = list(dict.fromkeys(rows["metric"]))
    wide = rows.pivot_table(
        index=["segment", "model"], columns="metric", values="value", sort=False
    )[order]
    counts = rows.groupby(["segment", "model"], sort=False)["n"].max()
    head = ["segment", "model", *order, "n"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for key, values in wide.iterrows():
        numbers = ["–" if pd.isna(v) else f"{v:.4f}" for v in values]
        lines.append("| " + " | ".join([*key, *numbers, str(counts[key])]) + " |")
    return "\n".join(lines)


def verdict(job: str, rows: pd.DataFrame) -> str:
    """Say where ours is below another model, and by how much; says so too where it never is."""
    watched = {
        "tag": ("accuracy", "macro_f1"),
        "search": ("ndcg", "recall", "mrr"),
        "recommend": ("recall", "ndcg"),
        "pairs": ("accuracy",),
        "match": ("recall",),
    }.get(job, ())
    below, compared = [], 0
    for (segment, metric), group in rows.groupby(["segment", "metric"], sort=False):
        if metric.split("@")[0] not in watched:
            continue
        values = group.set_index("model")["value"]
        if OURS[job] not in values:
            continue
        others = values.drop(index=OURS[job])
        compared += len(others)
        short = others[others > values[OURS[job]] + 1e-9]
        below += [
            f"{segment} {metric}: {values[OURS[job]]:.4f} against {v:.4f} of {m}"
            for m, v in short.items()
        ]
    if not compared:
        return f"No other model was measured in {', '.join(watched)}."
    if not below:
        return f"`{OURS[job]}` is at least as good as every other model in {', '.join(watched)}."
    return f"`{OURS[job]}` is below another model here:\n\n" + "\n".join(f"- {b}" for b in below)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
