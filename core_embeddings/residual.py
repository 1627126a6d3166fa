"""How much of the text-alone vector a product's stored vector carries: chosen on validation."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.metrics import ideal_dcg_binary, ndcg_at_k
from core_embeddings.network import FusionNetwork
from core_embeddings.text_input import TextInput
from core_embeddings.topk import topk_of_scores
from core_embeddings.training_set import TrainingRows, TrainingSet

CANDIDATES: Final = (0.0, 0.5, 1.0, 2.0)
K: Final = 10
ROUNDS: Final = 4
"""Pseudo-queries drawn per product."""


def choose_text_residual(
    network: FusionNetwork,
    rows: TrainingRows,
    text_input: TextInput,
    config: EmbedderConfig,
    seed: int,
) -> float:
    """Return the candidate whose stored vectors answer pseudo-queries best.

    Queries name facets (category, colour, brand ...) of products that did not train, as shoppers
    do; a product is right when it has every facet asked for. Where colour is in the picture alone
    a small residual wins, where titles say it all a large one. Queries of title words would favour
    the words' vector by construction; they serve only where there are no facets.

    Parameters
    ----------
    network
        Trained, in eval mode.
    rows
        Validation products.
    """
    whole = replace(config, batch_size=max(2, len(rows)), word_dropout=0.0)
    drawn = TrainingSet(rows, text_input, whole, seed, facet_share=1.0)
    scores = np.zeros(len(CANDIDATES))
    with torch.inference_mode():
        for batch in (next(iter(drawn.batches(epoch))) for epoch in range(ROUNDS)):
            asked = (batch.queries.lengths > 0) & (batch.has_image | batch.has_text)
            nothing = torch.zeros_like(asked)
            image, text = network.see(batch.images), network.read(batch.texts)
            words = network.read(batch.queries)
            queries = network.fuse(torch.zeros_like(image), words, nothing, asked)[asked]
            right = batch.positives[asked].numpy()
            for place, share in enumerate(CANDIDATES):
                network.text_residual = share
                stored = network.embed(image, text, batch.has_image, batch.has_text)
                scores[place] += _mean_ndcg((queries @ stored.T).numpy(), right)
    best = int(np.argmax(scores))
    network.text_residual = CANDIDATES[best]
    return CANDIDATES[best]


def _mean_ndcg(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    if not len(scores):
        return 0.0
    k = min(K, scores.shape[1])
    rows = topk_of_scores(scores, k).rows
    gains = np.take_along_axis(right, rows, axis=1).astype(np.float64)
    relevant = right.sum(1)
    return float(np.mean(ndcg_at_k(gains, relevant, ideal_dcg_binary(relevant, k))))
