"""The loop a user would write around the same weights: what `embed_speed` compares with.

Pictures one by one with Pillow in the main process, batches of 32, float32, eager, NCHW, texts in
the order they come, torch's default threads; all vectors are kept and written at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image

from core_embeddings.backbones import Backbone
from core_embeddings.colours import colour_histograms
from core_embeddings.embedder import FusionEmbedder
from core_embeddings.images import resize_pixels
from core_embeddings.vector_table import VectorTable, write_vectors

BATCH = 32

Told = tuple[NDArray[np.float32], list[list[str]], NDArray[np.bool_], NDArray[np.bool_]]
"""Image features, words, and which rows have a picture and a text."""


class Stopwatch:
    """Adds up seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        start = perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start


def plain_features(
    backbone: Backbone, paths: list[str], size: int, watch: Stopwatch
) -> NDArray[np.float32]:
    """Return the image features of a batch of files."""
    with watch.part("decode"):
        images = [Image.open(path).convert("RGB") for path in paths]
    with watch.part("resize"):
        pixels = np.stack([resize_pixels(image, size, "pad") for image in images])
    with watch.part("tower"):
        scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float() / 255
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (backbone.mean, backbone.std))
        means = [m.mean(dim=(2, 3)) for m in backbone.module((scaled - mean) / std)]
    with watch.part("colours"):
        return np.hstack([torch.cat(means, 1).numpy(), colour_histograms(pixels)])


def plain_vectors(
    embedder: FusionEmbedder,
    texts: list[str],
    paths: list[str],
    watch: Stopwatch,
    *,
    queries: bool = False,
) -> NDArray[np.float32]:
    """Return the vectors of a batch of products or queries; "" stands for no text, no picture."""
    backbone, spec = embedder.features.backbone, embedder.features.spec
    assert backbone is not None
    reader = embedder.text_input
    with torch.inference_mode():
        has_image = torch.tensor([bool(path) for path in paths])
        features = np.zeros((len(paths), spec.width), np.float32)
        named = [path for path in paths if path]
        if named:
            features[has_image.numpy()] = plain_features(backbone, named, spec.image_size, watch)
        with watch.part("tokens"):
            words = reader.tokenizer.many(texts)
            tokens = [own[: reader.max_tokens] for own in words]
        with watch.part("text tower"):
            read = embedder.network.read(reader.batch(tokens))
        with watch.part("fusion"):
            seen = embedder.network.see(torch.from_numpy(features))
            has_text = torch.tensor([bool(own) for own in tokens])
            own = embedder.network.embed(seen, read, has_image, has_text).numpy()
            told = (features, words, has_image.numpy(), has_text.numpy())
            return with_closed_parts(embedder, own, told, queries=queries)


def with_closed_parts(
    embedder: FusionEmbedder, own: NDArray[np.float32], told: Told, *, queries: bool = False
) -> NDArray[np.float32]:
    """Put the parts in closed form beside the network's vectors, where the embedder has them."""
    closed = embedder.closed
    if not closed.width:
        return own
    _, words, sees, _ = told
    shares = closed.asked(words, sees, embedder.text_input) if queries else closed.stored
    return closed.join(own, closed.blocks(*told, embedder.text_input), shares)


def plain_embed(
    embedder: FusionEmbedder, products: pd.DataFrame, texts: list[str], out: Path
) -> Stopwatch:
    """Write the vectors of products, each with one picture."""
    watch = Stopwatch()
    paths = [own[0] for own in products["image"]]
    blocks = [
        plain_vectors(embedder, texts[at : at + BATCH], paths[at : at + BATCH], watch)
        for at in range(0, len(products), BATCH)
    ]
    with watch.part("Parquet"):
        all_true = np.ones(len(products), bool)
        ids = products["product_id"].tolist()
        write_vectors(out, VectorTable(ids, np.vstack(blocks), all_true, all_true, "plain"))
    return watch
