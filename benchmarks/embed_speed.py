"""Products per second from JPEG files and texts to a vector table, beside the plain loop.

    python benchmarks/embed_speed.py [small] [large] [resnet18] [--runs 5] [--write] [--out F.png]

``small``: 600 products of `fashion` (60 x 80 pixels); ``large``: 200 of them with photos of
800 x 800, made here; ``resnet18``: the image features alone, random weights. The data folder is
$TUWEN_DATA (default ../shared/data); without it nothing is measured. The embedder is trained for
an epoch and kept in $TUWEN_BENCH (default benchmarks/out). Each run is a process of its own
without a feature cache, the two sides in turn; engines are built and dictionaries read beforehand,
on other products. The fast side runs as it does in a catalogue of many thousand pictures, where
rounding a network's weights pays ($TUWEN_PRECISION is bfloat16 unless it is set).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import torch
from embed_stages import draw, stage_lines, stages_of
from numpy.typing import NDArray
from PIL import Image
from plain_loop import BATCH, Stopwatch, plain_embed, plain_features, plain_vectors
from sections import DATA, write_section

from core_embeddings.embedder import FusionEmbedder
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedding import embed_to_file
from core_embeddings.engines import lowest_cosine
from core_embeddings.errors import TuwenError
from core_embeddings.feature_cache import feature_cache_folder
from core_embeddings.frozen_features import FeatureSpec, FrozenFeatures
from core_embeddings.images import image_digest
from core_embeddings.missing_text import product_texts
from core_embeddings.runtime import PRECISION_VARIABLE, available_cores
from core_embeddings.tables import read_catalogue
from core_embeddings.vector_table import read_vectors

BENCH = Path(os.environ.get("TUWEN_BENCH", "benchmarks/out"))
WARM, TRAINED_ON = 160, 1500
SETS = {"small": 600, "large": 200, "resnet18": 300}
QUERIES = 40
RESNET = FeatureSpec(backbone="resnet18", weights="random")


def prepared(name: str, folder: Path) -> Path:
    """Write the products of a set, with some before them to warm up on, and return the file."""
    count = SETS[name] + WARM
    rows = pd.read_parquet(DATA / "fashion" / "catalogue.parquet")[:count].fillna("")
    paths = [DATA / "fashion" / str(own).split("|")[0] for own in rows["image"]]
    if name == "large":
        paths = [large_photo(path, place, folder) for place, path in enumerate(paths)]
    rows["image"] = [[str(path.resolve())] for path in paths]
    rows["image_digest"] = [[image_digest(path)] for path in paths]
    names = ["product_id", "title", "description", "brand", "category", "image", "image_digest"]
    rows[names].to_parquet(folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


def large_photo(path: Path, place: int, folder: Path) -> Path:
    """Make a photo of 800 x 800 out of a small one; grain gives it a photo's file size."""
    photo = Image.open(path).convert("RGB").resize((800, 800), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(place).integers(-6, 7, (800, 800, 3))
    made = folder / f"{place}.jpg"
    pixels = (np.asarray(photo).astype(np.int16) + grain).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(made, quality=88)
    return made


def embedder_folder() -> Path:
    """Return an embedder as large as a fitted one, trained briefly: speed knows no better."""
    kept = BENCH / "embed-speed"
    with suppress(TuwenError):  # absent, or of an older version of the code
        FusionEmbedder.from_pretrained(kept)
        return kept
    products = read_catalogue(DATA / "fashion" / "catalogue.parquet").rows[:TRAINED_ON]
    made = FusionEmbedder.train(
        products,
        split=products["split"],
        fields=["category", "color"],
        config=EmbedderConfig(epochs=1),
        cache_folder=feature_cache_folder(),
    )
    made.save_pretrained(kept)
    return kept


def timed_run(side: str, name: str, table: Path, embedder: Path, out: Path) -> dict[str, Any]:
    """Embed a set once, as a process of its own does."""
    rows = pd.read_parquet(table)
    warm, rows = rows[:WARM], rows[WARM:].reset_index(drop=True)
    if name == "resnet18":
        return {**features_run(side, warm, rows, out), "peak_mib": peak_mib()}
    model = FusionEmbedder.from_pretrained(embedder)
    texts = product_texts(rows, "default")
    start = perf_counter()
    if side == "fast":
        model.encode(warm)
    else:
        plain_embed(model, warm[:BATCH], product_texts(warm[:BATCH], "default"), out)
    ready = perf_counter()
    if side == "fast":
        embed_to_file(model, rows, out)
    else:
        plain_embed(model, rows, texts, out)
    seconds = perf_counter() - ready
    return {
        "seconds": seconds,
        "warm": ready - start,
        "peak_mib": peak_mib(),
        "engine": model.features.engine_name,
    }


def features_run(side: str, warm: pd.DataFrame, rows: pd.DataFrame, out: Path) -> dict[str, Any]:
    """Compute image features alone."""
    features = FrozenFeatures(RESNET)
    paths, digests = ([own[0] for own in rows[name]] for name in ("image", "image_digest"))
    before, names = ([own[0] for own in warm[name]] for name in ("image", "image_digest"))
    assert features.backbone is not None
    with torch.inference_mode():
        if side == "fast":
            features.for_images(before, names)
        start = perf_counter()
        if side == "fast":
            found = features.for_images(paths, digests)
            table = np.stack([found[digest] for digest in digests])
        else:
            parts = [
                plain_features(features.backbone, paths[at : at + BATCH], 128, Stopwatch())
                for at in range(0, len(paths), BATCH)
            ]
            table = np.vstack(parts)
    seconds = perf_counter() - start
    np.save(out, table)
    return {"seconds": seconds, "warm": 0.0, "engine": features.engine_name}


def peak_mib() -> float:
    """Return the largest resident memory of this process so far.

    From the kernel's own count: what getrusage says begins with the size of the parent process.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def latencies(table: Path, embedder: Path) -> dict[str, dict[str, float]]:
    """Return the median milliseconds of single queries, both sides in turn."""
    rows = pd.read_parquet(table)
    model = FusionEmbedder.from_pretrained(embedder)
    model.encode(rows[:WARM])
    asked = rows[WARM : WARM + QUERIES]
    titles, paths = asked["title"].tolist(), [own[0] for own in asked["image"]]
    empty = [""] * len(titles)
    found: dict[str, dict[str, float]] = {}
    for what, words, pictures in (
        ("text", titles, empty),
        ("image", empty, paths),
        ("both", titles, paths),
    ):
        times: dict[str, list[float]] = {"plain": [], "fast": []}
        for word, picture in zip(words, pictures, strict=True):
            for side in ("plain", "fast", "plain", "fast"):
                start = perf_counter()
                if side == "fast":
                    model.encode_queries([word], [picture])
                else:
                    plain_vectors(model, [word], [picture], Stopwatch(), queries=True)
                times[side].append(1e3 * (perf_counter() - start))
        # Of each pair the first call looks new words up, the second is the network's own time.
        found[what] = {side: statistics.median(own[1::2]) for side, own in times.items()}
    return found


def child(arguments: argparse.Namespace) -> None:
    """Do one measurement and print it as JSON."""
    table, embedder = arguments.table, arguments.embedder
    if arguments.child == "latency":
        found: Any = latencies(table, embedder)
    elif arguments.child == "stages":
        found = stages_of(FusionEmbedder.from_pretrained(embedder), pd.read_parquet(table)[:480])
    else:
        found = timed_run(arguments.child, arguments.sets[0], table, embedder, arguments.result)
    print(json.dumps(found))


def asked(what: str, name: str, table: Path, embedder: Path, result: Path) -> Any:
    """Run a measurement in a process of its own."""
    paths = {"table": table, "embedder": embedder, "result": result}
    options = [f"--{option}={path}" for option, path in paths.items()]
    command = [sys.executable, __file__, name, f"--child={what}", *options]
    surroundings = {PRECISION_VARIABLE: "bfloat16", **os.environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def vectors_of(name: str, result: Path) -> NDArray[np.float32]:
    """Return what a run wrote."""
    return np.load(result) if name == "resnet18" else read_vectors(result).vectors


def throughput(name: str, table: Path, embedder: Path, runs: int) -> str:
    """Run both sides in turn and return the table's row."""
    found: dict[str, list[dict[str, Any]]] = {"plain": [], "fast": []}
    results = {side: table.with_name(f"{side}.npy") for side in found}
    for _ in range(runs):
        for side, own in found.items():
            own.append(asked(side, name, table, embedder, results[side]))
    cosine = lowest_cosine(*(vectors_of(name, results[side]) for side in ("fast", "plain")))
    speeds = {side: [SETS[name] / run["seconds"] for run in own] for side, own in found.items()}
    plain, fast = (statistics.median(speeds[side]) for side in ("plain", "fast"))
    times = [f / p for f, p in zip(speeds["fast"], speeds["plain"], strict=True)]
    memory = [max(run["peak_mib"] for run in found[side]) for side in ("plain", "fast")]
    cells = [
        *(name, f"{plain:.0f}", f"{fast:.0f}"),
        f"{statistics.median(times):.1f} × ({min(times):.1f}–{max(times):.1f})",
        *(f"{memory[0]:.0f} / {memory[1]:.0f}", f"{cosine:.5f}", found["fast"][-1]["engine"]),
    ]
    return f"| {' | '.join(cells)} |"


def report(arguments: argparse.Namespace) -> str:
    """Measure everything asked for and return it as Markdown."""
    lines = [
        f"{available_cores()} cores; median of {arguments.runs} runs of each side in turn, each in "
        "a process of its own, no feature cache.",
        "",
        "| set | plain, products/s | fast | ratio (range) | peak MiB plain / fast | lowest cosine "
        "| engine |",
        "|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        embedder = embedder_folder()
        for name in arguments.sets:
            table = prepared(name, folder)
            lines.append(throughput(name, table, embedder, arguments.runs))
        table = prepared("small", folder)
        lines += ["", *latency_lines(asked("latency", "small", table, embedder, table))]
        found = asked("stages", "small", table, embedder, table)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        draw(found, arguments.out)
    return "\n".join([*lines, "", *stage_lines(found)])


def latency_lines(found: dict[str, dict[str, float]]) -> list[str]:
    """Return single queries as a table."""
    rows = [
        f"| {what} | {own['plain']:.1f} | {own['fast']:.1f} | {own['plain'] / own['fast']:.1f} × |"
        for what, own in found.items()
    ]
    return ["| one query | plain, ms | fast | ratio |", "|---|---|---|---|", *rows]


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description="Products per second beside the plain loop.")
    parser.add_argument("sets", nargs="*", default=list(SETS), help=", ".join(SETS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    parser.add_argument("--out", type=Path, help="a picture of where the time goes")
    for hidden in ("--child", "--table", "--embedder", "--result"):
        kind = str if hidden == "--child" else Path
        parser.add_argument(hidden, type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not (DATA / "fashion").is_dir():
        print(f"embed_speed: {DATA / 'fashion'} is not there; skipped")
        return
    if arguments.child:
        child(arguments)
        return
    text = report(arguments)
    print(text)
    if arguments.write:
        write_section("embed-speed", f"## Embedding speed\n\n{text}")


if __name__ == "__main__":
    main()
