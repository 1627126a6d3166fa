"""What can be told from the features of a photo while its network is adapted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_embeddings.losses import contrastive_loss, label_loss


class Targets(NamedTuple):
    """What is to be told from n photos.

    Attributes
    ----------
    labels
        int64 of shape (n, fields), -1 where unknown.
    words
        A vector of each photo's text, float32 of shape (n, size), zero rows for none.
    groups
        int64 of shape (n,): photos of one group are no negatives of each other.
    """

    labels: Tensor
    words: Tensor
    groups: Tensor

    def of(self, rows: Tensor) -> Targets:
        """Return those of some rows."""
        return Targets(*(values[rows] for values in self))


class FieldHeads(nn.Module):
    """What is told from the features of a photo: the value of each field, and its text's vector.

    Parameters
    ----------
    features
        Of the training photos, (n, width): their mean and deviation standardise the input.
    classes
        Values per field.
    words
        Width of the text vectors, 0 for none.
    dropout, smoothing, words_weight
        Share of the features hidden while training; label smoothing; weight of the texts' term.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        features: Tensor,
        classes: Sequence[int],
        *,
        words: int,
        dropout: float,
        smoothing: float,
        words_weight: float,
    ) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.words_weight = words_weight
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("deviation", features.std(0).clamp_min(1e-3))
        self.dropout = nn.Dropout(dropout)
        self.fields = nn.ModuleList([nn.Linear(features.shape[1], count) for count in classes])
        self.to_words = nn.Linear(features.shape[1], words) if words and words_weight else None
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def logits(self, features: Tensor) -> list[Tensor]:
        """Return the scores of each field's values."""
        standard = self.dropout(self._standard(features))
        return [head(standard) for head in self.fields]

    def loss(self, features: Tensor, targets: Targets) -> Tensor:
        """Return the mean cross-entropy of the fields plus the term of the words, a scalar."""
        terms = [
            label_loss(logits, targets.labels[:, field], smoothing=self.smoothing)
            for field, logits in enumerate(self.logits(features))
        ]
        total = torch.stack(terms).mean() if terms else features.sum() * 0.0
        told = (targets.words.abs().sum(1) > 0).nonzero()[:, 0]
        if self.to_words is None or len(told) < 2:
            return total
        seen = F.normalize(self.to_words(self.dropout(self._standard(features[told]))), dim=1)
        same = targets.groups[told][:, None] == targets.groups[told][None, :]
        scale = self.log_scale.exp().clamp(max=50.0)
        matched = contrastive_loss(seen, targets.words[told], scale, ignore=same)
        return total + self.words_weight * matched

    def accuracy(self, features: Tensor, labels: Tensor) -> float:
        """Return the mean over the fields of the share told right."""
        shares = []
        for field, logits in enumerate(self.logits(features)):
            known = labels[:, field] >= 0
            if bool(known.any()):
                right = logits.argmax(1)[known] == labels[known, field]
                shares.append(float(right.float().mean()))
        return float(np.mean(shares)) if shares else 0.0

    def _standard(self, features: Tensor) -> Tensor:
        return ((features - self.mean) / self.deviation).clamp(-8, 8)
