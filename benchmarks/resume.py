"""Kill a real training at random moments and compare how each ends with one left alone.

    OMP_NUM_THREADS=1 python benchmarks/resume.py [--write]

Trains the default embedder for a few epochs on a part of hm ($TUWEN_DATA), once to its end, then
twenty times from the start with a SIGKILL after a random share of that time and another process
that goes on from the checkpoint. (All are forks of one process that has read the products; that
reading them again makes the same of them is tested in tests/core_embeddings/test_embedder.py.)
Prints where each cut fell and whether the fingerprint (weights, vocabulary, preprocessing,
settings) is the same to the bit. One thread; no test row is read.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
import torch._dynamo  # every optimizer imports it, which takes seconds; here once for all forks
from sections import DATA, write_section

from core_embeddings.checkpoint import read_checkpoint
from core_embeddings.columns import Columns
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_training import Session, resolve, train_on
from core_embeddings.feature_cache import feature_cache_folder
from core_embeddings.tables import read_catalogue
from core_embeddings.training_material import Material, prepare

CUTS, SEED = 20, 7
ROWS = {"train": 700, "val": 150}
CONFIG = resolve(EmbedderConfig(epochs=3, batch_size=64))
FIELDS = ("category", "color", "product_group")


@dataclass(frozen=True)
class Cut:
    """One killed training: after what time, where its checkpoint stood, how its sequel ended."""

    seconds: float
    place: str
    ending: str


def main(arguments: list[str]) -> int:
    """Measure and print; fail where an ending differs."""
    if not (DATA / "hm").is_dir():
        print(f"{DATA / 'hm'} is absent; skipped (set TUWEN_DATA)")
        return 0
    torch.set_num_threads(1)
    material = part_of_hm()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        whole = ending_of(material, Path(folder, "whole"))
        took = time.perf_counter() - start
        rng = random.Random(SEED)
        moments = [rng.uniform(0.0, 1.0) * took for _ in range(CUTS)]
        cuts = [cut_and_continue(material, Path(folder, f"{i}"), s) for i, s in enumerate(moments)]
    text = report(cuts, whole, took)
    print(text)
    if "--write" in arguments:
        write_section("resume", text)
    return int(any(cut.ending != whole for cut in cuts))


def part_of_hm() -> Material:
    """Return the first train and val rows, prepared."""
    cache = feature_cache_folder()
    table = read_catalogue(DATA / "hm" / "catalogue.parquet", cache_folder=cache).rows
    parts = [table[table[Columns.SPLIT] == name].head(count) for name, count in ROWS.items()]
    products = pd.concat(parts, ignore_index=True)
    split = products[Columns.SPLIT]
    return prepare(products, split=split, fields=FIELDS, config=CONFIG, cache_folder=cache)


def cut_and_continue(material: Material, folder: Path, seconds: float) -> Cut:
    """Kill a training after so many seconds, then let another process finish it."""
    child = in_a_process(lambda: train(material, folder))
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    place = place_of(folder / "checkpoint")
    print(f"killed after {seconds:.2f} s: {place}", file=sys.stderr, flush=True)
    return Cut(seconds, place, ending_of(material, folder))


def ending_of(material: Material, folder: Path) -> str:
    """Train to the end in a process of its own; return the fingerprint."""
    child = in_a_process(lambda: train(material, folder))
    if os.waitpid(child, 0)[1] != 0:
        raise SystemExit("a training failed; see above")
    return (folder / "fingerprint").read_text()


def in_a_process(work: Callable[[], None]) -> int:
    """Fork (nothing here has started a thread yet), run the work and leave; return the id."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return child


def train(material: Material, folder: Path) -> None:
    """Train with a checkpoint every fifth of a second, so that most cuts fall inside an epoch."""
    trained = train_on(material, CONFIG, Session(SEED, folder / "checkpoint", 0.2))
    (folder / "fingerprint").write_text(trained.fingerprint)


def place_of(checkpoint: Path) -> str:
    """Say where a checkpoint stands, and whether the kill met one being written."""
    torn = len(list(checkpoint.parent.glob(f".{checkpoint.name}.*")))
    aside = ", a write was cut" if torn else ""
    if not checkpoint.exists():
        return f"before the first checkpoint{aside}"
    notes = read_checkpoint(checkpoint).notes
    return f"epoch {len(notes['history']) + 1}, batch {notes['batches_done']}{aside}"


def report(cuts: list[Cut], whole: str, took: float) -> str:
    """Return the table."""
    same = sum(cut.ending == whole for cut in cuts)
    lines = [
        "## resume",
        "",
        f"`OMP_NUM_THREADS=1 python benchmarks/resume.py --write`: {ROWS['train']} train rows of "
        f"hm, {CONFIG.epochs} epochs of {-(-ROWS['train'] // CONFIG.batch_size)} batches "
        f"({took:.1f} s), each training killed once (SIGKILL) and continued by a new process.",
        "",
        f"**{len(cuts)} cuts, {same} endings identical to the bit** (fingerprint {whole[:12]}).",
        "",
        "| killed after, s | checkpoint it went on from | ending |",
        "|---|---|---|",
    ]
    for cut in sorted(cuts, key=lambda cut: cut.seconds):
        verdict = "identical" if cut.ending == whole else f"other ({cut.ending[:12]})"
        lines.append(f"| {cut.seconds:.2f} | {cut.place} | {verdict} |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
