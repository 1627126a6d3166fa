"""What is left of each job when test products lose their texts or pictures, on the real sets.

    python benchmarks/missing_parts.py [hm] [fashion] [--write]

The shops are those of real_sets.py ($TUWEN_BENCH, default benchmarks/out), fitted where they are
not yet; the data folder is $TUWEN_DATA (default ../shared/data), a set that is absent is skipped.
The picture goes into the shop as missing.png; with --write the tables go into RESULTS.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from real_sets import SETS, RealSet, fit
from sections import DATA, ROOT, write_section

SECTION = "missing parts"
REMOVED = {"": "nothing", "text": "texts", "image": "pictures"}


def main(arguments: list[str]) -> int:
    """Measure the named sets, or all."""
    names = [word for word in arguments if word != "--write"] or list(SETS)
    parts = []
    for name in names:
        if not (DATA / name).is_dir():
            print(f"{name}: {DATA / name} is absent; skipped (set TUWEN_DATA)")
            continue
        fit(SETS[name])
        parts.append(f"### {name}\n\n{table(measure(SETS[name]))}")
        print(parts[-1], flush=True)
    if parts and "--write" in arguments:
        head = (
            "## Missing parts\n\nTest products lose their text, or their picture: a share of those "
            "that have both, the same ones for every policy. `tuwen evaluate SHOP --missing`."
        )
        write_section(SECTION, "\n\n".join([head, *parts]))
    return 0


def measure(real: RealSet) -> pd.DataFrame:
    """Run the command; return its rows."""
    queries = [word for word in real.options if word.endswith("queries.parquet")]
    asked = ["--queries", queries[0].replace("{data}", str(DATA / real.name))] if queries else []
    tuwen = Path(sys.executable).with_name("tuwen")
    command = ["evaluate", str(real.shop), "--missing", *asked, "--json"]
    done = subprocess.run([tuwen, *command], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return pd.DataFrame(answer["missing"])


def table(rows: pd.DataFrame) -> str:
    """Return a line per job, metric and policy, with a column per share removed."""
    keys = ["job", "metric", "removed", "policy"]
    wide = rows.pivot_table(index=keys, columns="share", values="value", sort=False)
    wide = wide[sorted(wide.columns)]
    head = ["job", "metric", "removed", "policy", *(f"{share:.0%}" for share in wide.columns)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for (job, metric, removed, policy), values in wide.iterrows():
        numbers = ["–" if pd.isna(value) else f"{value:.3f}" for value in values]
        cells = [job, metric, REMOVED[removed], policy, *numbers]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
