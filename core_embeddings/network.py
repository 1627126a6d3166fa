"""Both towers, the fusion and the training heads as one torch module."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.fusion import ConcatReLU, make_fusion
from core_embeddings.image_tower import ArticleCNN, FeatureHead
from core_embeddings.initialisation import initialise
from core_embeddings.text_tower import TextBatch, TextTower

AGREEMENT, UNLIKELY = 0.05, 1e-6
"""Weight of what the heads agree on beside the cosine, and the least probability of it."""


class Shape(NamedTuple):
    """What the data decides about a network.

    Attributes
    ----------
    image_width
        Width of the frozen image features; 0 when the CNN sees pixels.
    text_rows
        Rows of the token table.
    prior_size
        Width of the pretrained word vectors, 0 for none.
    """

    image_width: int
    text_rows: int
    prior_size: int


class FusionNetwork(nn.Module):
    """Image tower, text tower, fusion; one space for text alone, image alone and both.

    Parameters
    ----------
    config
        The embedder's settings.
    shape
        Sizes given by the data.
    labels
        Number of classes per training head.
    """

    def __init__(self, config: EmbedderConfig, shape: Shape, labels: Mapping[str, int]) -> None:
        super().__init__()
        self.shape = shape
        self.text_residual = 0.0 if config.text_residual is None else config.text_residual
        self.text_lean = 0.0 if config.text_lean is None else config.text_lean
        size = config.tower_size
        self.image_tower: nn.Module = (
            FeatureHead(shape.image_width, size, config.dropout)
            if shape.image_width
            else ArticleCNN(config.image_size, size)
        )
        self.text_tower = TextTower(
            rows=shape.text_rows,
            word_size=config.word_size,
            prior_size=shape.prior_size,
            rnn=config.rnn,
            rnn_size=config.rnn_size,
            layers=config.layers,
            bidirectional=config.bidirectional,
            pooling=config.pooling,
            size=size,
            dropout=config.dropout,
            shortcut=config.word_shortcut,
            bag=config.word_bag,
        )
        self.fusion = make_fusion(config.fusion, size, config.embedding_size)
        self.match = nn.Linear(config.embedding_size, 1)
        self.heads = nn.ModuleDict(
            {
                f"field_{i}": nn.Linear(config.embedding_size, n)
                for i, n in enumerate(labels.values())
            }
        )
        if config.objective == "match":
            initialise(self)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.log_head_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    @property
    def scale(self) -> Tensor:
        """Learned inverse temperature of the contrastive losses, at most 50."""
        return self.log_scale.exp().clamp(max=50.0)

    def see(self, features: Tensor) -> Tensor:
        """Map frozen features or pixels to F_image (n, D)."""
        return self.image_tower(features)

    def read(self, texts: TextBatch) -> Tensor:
        """Map texts to F_text (n, D)."""
        return self.text_tower(texts)

    @property
    def leans(self) -> bool:
        """Whether the fusion has a gate that ``text_lean`` can move."""
        return bool(self.fusion.leans)

    def fuse(
        self,
        image: Tensor,
        text: Tensor,
        has_image: Tensor,
        has_text: Tensor,
        *,
        lean: float = 0.0,
    ) -> Tensor:
        """Fuse tower outputs into unit vectors (n, embedding_size); no modality gives zeros."""
        present = (has_image | has_text)[:, None].to(image.dtype)
        fused = self.fusion(image, text, has_image, has_text, lean)
        return F.normalize(fused, dim=1) * present

    def embed(self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor) -> Tensor:
        """Return the vectors that are stored and searched: fused ones, balanced for use.

        Training sees neither lean nor residual: with them in the loss it learns to cancel them.
        """
        fused = self.fuse(image, text, has_image, has_text, lean=self.text_lean)
        words = self.fuse(image, text, torch.zeros_like(has_image), has_text)
        both = (has_image & has_text)[:, None].to(image.dtype)
        return F.normalize(fused + self.text_residual * both * words, dim=1)

    def match_logits(self, image: Tensor, text: Tensor) -> Tensor:
        """Return the logit that image and text belong together, (n,): the article's head."""
        both = torch.ones(len(image), dtype=torch.bool, device=image.device)
        return self.match(self.fusion(image, text, both, both))[:, 0]

    def match_table(self, image: Tensor, text: Tensor) -> Tensor:
        """Return `match_logits` of every image (n, D) with every text (m, D), of shape (n, m)."""
        if isinstance(self.fusion, ConcatReLU):  # every report and every training step needs it
            return self.match(self.fusion.every_pair(image, text))[..., 0]
        ones, others = image.repeat_interleave(len(text), 0), text.repeat(len(image), 1)
        return self.match_logits(ones, others).view(len(image), len(text))

    def together(self, seen: Tensor, read: Tensor, *, every: bool) -> Tensor:
        """Return how well pictures and texts go together, from their unit vectors.

        The cosine, and a little of how much the training heads agree on what both show: the mean
        over fields of the log-probability that a value drawn for the picture is the text's.

        Parameters
        ----------
        seen, read
            Vectors of pictures alone (n, embedding_size) and of texts alone (m, embedding_size), or
            wider ones (see `label_logits`).
        every
            Whether every picture meets every text, (n, m), or each its own row's, (n,).
        """

        def products(ones: Tensor, others: Tensor) -> Tensor:
            return ones @ others.T if every else (ones * others).sum(1)

        score = products(seen, read)
        fields = zip(self.label_logits(seen), self.label_logits(read), strict=True)
        for one, other in fields:
            same = products(one.softmax(1), other.softmax(1))
            score = score + AGREEMENT / len(self.heads) * (same + UNLIKELY).log()
        return score

    def label_logits(self, vectors: Tensor) -> list[Tensor]:
        """Return the logits of each training head for unit vectors (n, embedding_size).

        Of wider ones, which parts in closed form stand beside, the network's own part is read.
        """
        own = F.normalize(vectors[:, : self.match.in_features], dim=1)
        scaled = own * self.log_head_scale.exp().clamp(max=50.0)
        return [head(scaled) for head in self.heads.values()]
