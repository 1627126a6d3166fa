"""What early stopping looks at: labels and image-to-text retrieval on rows that do not train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.network import FusionNetwork
from core_embeddings.text_input import TextInput
from core_embeddings.text_tower import TextBatch
from core_embeddings.training_set import TrainingRows

RECALL_AT = 10
MISMATCHES = 10
"""False pairs per image: more than one, or chance would choose the epoch."""


@dataclass
class Validation:
    """Metrics of a network on fixed rows; calling it computes them.

    ``score`` is the mean of the head accuracies (fused) and of the image-to-text recall@10, as far
    as the rows have labels and pairs; for the article's objective it is the pair accuracy.
    """

    network: FusionNetwork
    images: Tensor
    texts: TextBatch
    has_image: Tensor
    has_text: Tensor
    labels: Mapping[str, Tensor]
    groups: Tensor
    matching: bool

    @classmethod
    def of(
        cls,
        rows: TrainingRows,
        network: FusionNetwork,
        text_input: TextInput,
        fields: Sequence[str],
        config: EmbedderConfig,
    ) -> Validation:
        """Prepare rows that do not train; ``fields`` names their label columns."""
        return cls(
            network,
            rows.images,
            text_input.batch(rows.tokens),
            torch.from_numpy(rows.has_image),
            torch.from_numpy(rows.has_text),
            {name: torch.from_numpy(rows.labels[:, i]) for i, name in enumerate(fields)},
            torch.from_numpy(rows.groups),
            config.objective == "match",
        )

    def __call__(self) -> dict[str, float]:
        """Return the metrics; ``score`` decides which epoch is kept."""
        network = self.network
        image, text = network.see(self.images), network.read(self.texts)
        both = (self.has_image & self.has_text).nonzero()[:, 0]
        if self.matching:
            return self._pair_accuracy(image[both], text[both], self.groups[both])
        nothing = torch.zeros_like(self.has_image)
        seen = network.fuse(image, text, self.has_image, nothing)
        read = network.fuse(image, text, nothing, self.has_text)
        fused = network.fuse(image, text, self.has_image, self.has_text)
        metrics = self._accuracies(fused)
        if len(both) > 1:
            metrics["image_to_text_recall"] = self._recall(seen[both], read[both], both)
        metrics["score"] = float(np.mean(list(metrics.values()))) if metrics else 0.0
        return metrics

    def _accuracies(self, vectors: Tensor) -> dict[str, float]:
        metrics = {}
        for (name, truth), logits in zip(
            self.labels.items(), self.network.label_logits(vectors), strict=True
        ):
            known = truth >= 0
            if bool(known.any()):
                right = logits.argmax(1)[known] == truth[known]
                metrics[f"accuracy.{name}"] = float(right.float().mean())
        return metrics

    def _recall(self, seen: Tensor, read: Tensor, rows: Tensor) -> float:
        k = min(RECALL_AT, len(rows))
        best = (seen @ read.T).topk(k, dim=1).indices  # (n, k)
        groups = self.groups[rows]
        found = (groups[best] == groups[:, None]).any(1)
        return float(found.float().mean())

    def _pair_accuracy(self, image: Tensor, text: Tensor, groups: Tensor) -> dict[str, float]:
        """Judge every true pair, and each image with the texts of some products far from it.

        Not of the next ones: neighbours in a catalogue are often of one kind, and so no more than
        half mismatched.
        """
        wrong = []
        for distance in _far_apart(len(image)):
            logits = self.network.match_logits(image, text.roll(distance, 0))
            wrong.append(logits[groups != groups.roll(distance, 0)])
        if not any(map(len, wrong)):
            return {"score": 0.0}
        true = float((self.network.match_logits(image, text) > 0).float().mean())
        false = float((torch.cat(wrong) <= 0).float().mean())
        accuracy = (true + false) / 2
        return {"pair_accuracy": accuracy, "score": accuracy}


def _far_apart(rows: int) -> list[int]:
    """Return up to `MISMATCHES` distances spread over so many rows, none of them 0."""
    spread = (rows * i // (MISMATCHES + 1) for i in range(1, MISMATCHES + 1))
    return sorted({distance for distance in spread if distance})
