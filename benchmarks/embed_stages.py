"""Where the time of embedding goes, step by step on one thread, and how near the tower is to peak.

Read by `embed_speed`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import torch
from plain_loop import Stopwatch, plain_embed, with_closed_parts
from torch.utils.flop_counter import FlopCounterMode

from core_embeddings.colours import colour_histograms
from core_embeddings.embedder import FusionEmbedder
from core_embeddings.engines import PROBES, TorchEngine, candidates, choose_engine
from core_embeddings.fast_jpeg import decode_plain_jpeg
from core_embeddings.images import MAX_PIXELS, read_pixels
from core_embeddings.missing_text import product_texts
from core_embeddings.pooled_tower import PooledTower
from core_embeddings.runtime import Runtime, torch_threads
from core_embeddings.text_reader import TextReader
from core_embeddings.vector_table import VectorTable, write_vectors

STEPS = ("decode", "resize", "tower", "colours", "tokens", "text tower", "fusion", "Parquet")
PEAK_SIDE = 2048


def stages_of(embedder: FusionEmbedder, rows: pd.DataFrame) -> dict[str, Any]:
    """Return milliseconds per product and step of both sides, and the tower's share of the peak."""
    texts = product_texts(rows, "default")
    with torch_threads(1), tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "v.parquet"
        plain_embed(embedder, rows, texts, out)  # so that both sides know all words
        plain = plain_embed(embedder, rows, texts, out).seconds
        fast, flops = fast_stages(embedder, rows, texts, out)
        peak = bfloat16_peak()
    per_product = {
        side: {name: 1e3 * own[name] / len(rows) for name in STEPS}
        for side, own in (("plain", plain), ("fast", fast))
    }
    reached = flops * len(rows) / fast["tower"]
    return {**per_product, "flops": flops, "peak": peak, "share": reached / peak}


def fast_stages(
    embedder: FusionEmbedder, rows: pd.DataFrame, texts: list[str], out: Path
) -> tuple[dict[str, float], int]:
    """Run each step over all products by itself; return seconds, and operations per image."""
    watch, spec, backbone = Stopwatch(), embedder.features.spec, embedder.features.backbone
    assert backbone is not None
    paths = [Path(own[0]) for own in rows["image"]]
    with watch.part("decode"):
        for path in paths:
            content = path.read_bytes()
            decode_plain_jpeg(content, at_least=2 * spec.image_size, max_pixels=MAX_PIXELS)
    start = perf_counter()
    loaded = [read_pixels(path, size=spec.image_size, mode=spec.resize).pixels for path in paths]
    watch.seconds["resize"] = perf_counter() - start - watch.seconds["decode"]
    pixels = np.stack([own for own in loaded if own is not None])
    tower = PooledTower(backbone)
    probes = pixels[:PROBES]
    offers = candidates(tower, Runtime.chosen(), size=spec.image_size, pictures=probes)
    engine = choose_engine(offers, TorchEngine(tower), probes)
    batches = [pixels[at : at + 32] for at in range(0, len(pixels), 32)]
    engine(batches[0])
    with watch.part("tower"):
        means = [engine(batch) for batch in batches]
    with watch.part("colours"):
        colours = [colour_histograms(batch) for batch in batches]
    features = torch.from_numpy(np.hstack([np.vstack(means), np.vstack(colours)]))
    reader = TextReader(embedder.network.text_tower, embedder.text_input, "auto")
    with torch.inference_mode():
        with watch.part("tokens"):
            limit = None if embedder.closed.width else embedder.text_input.max_tokens
            words = embedder.text_input.tokenizer.many(texts, limit=limit)
            tokens = [own[: embedder.text_input.max_tokens] for own in words]
        reader.read(tokens)
        with watch.part("text tower"):
            read = reader.read(tokens)
        with watch.part("fusion"):
            here = torch.ones(len(rows), dtype=torch.bool)
            seen = embedder.network.see(features)
            own = embedder.network.embed(seen, read, here, here).numpy()
            told = (features.numpy(), words, here.numpy(), here.numpy())
            vectors = with_closed_parts(embedder, own, told)
        with FlopCounterMode(display=False) as counter:
            tower(torch.from_numpy(pixels[:1]))
    with watch.part("Parquet"):
        ids = rows["product_id"].tolist()
        write_vectors(out, VectorTable(ids, vectors, here.numpy(), here.numpy(), "fast"))
    return watch.seconds, counter.get_total_flops()


def bfloat16_peak() -> float:
    """Return the most operations per second of a large bfloat16 product on one thread."""
    one, other = (torch.randn(PEAK_SIDE, PEAK_SIDE).bfloat16() for _ in range(2))
    times = []
    for _ in range(8):
        start = perf_counter()
        one @ other
        times.append(perf_counter() - start)
    return 2 * PEAK_SIDE**3 / min(times)


def stage_lines(found: dict[str, Any]) -> list[str]:
    """Return the steps as a table, and the share of the peak."""
    lines = [
        "| ms of one core per product | " + " | ".join((*STEPS, "sum")) + " |",
        "|---|" + "---|" * (len(STEPS) + 1),
    ]
    for side in ("plain", "fast"):
        own = [found[side][name] for name in STEPS]
        lines.append(f"| {side} | " + " | ".join(f"{ms:.2f}" for ms in (*own, sum(own))) + " |")
    share = (
        f"The tower takes {found['flops'] / 1e9:.2f} GFLOP per image and reaches "
        f"{found['share']:.0%} of the bfloat16 peak measured here on one core "
        f"({found['peak'] / 1e9:.0f} GFLOP/s, a product of {PEAK_SIDE} x {PEAK_SIDE})."
    )
    return [*lines, "", share]


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw the steps of both sides as stacked bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(2)
    for name in STEPS:
        width = np.array([found[side][name] for side in ("fast", "plain")])
        axes.barh(["fast", "plain"], width, left=left, label=name)
        left += width
    axes.set_xlabel("milliseconds of one core per product")
    axes.legend(ncols=4, fontsize="small", loc="lower right")
    figure.savefig(path, dpi=150)
