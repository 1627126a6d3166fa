"""Where the benchmarks find their data, and how each writes its own part of RESULTS.md."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
DATA = Path(os.environ.get("TUWEN_DATA", "../shared/data"))


def write_section(name: str, text: str) -> None:
    """Replace one part of RESULTS.md, or add it at the end."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    whole = RESULTS.read_text() if RESULTS.exists() else "# Results\n"
    if begin in whole:
        before, rest = whole.split(begin)
        whole = before + f"{begin}\n{text}\n{end}" + rest.split(end)[1]
    else:
        whole = f"{whole.rstrip()}\n\n{begin}\n{text}\n{end}\n"
    RESULTS.write_text(whole)
