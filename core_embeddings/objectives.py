"""What one batch costs: the losses of a preset, weighed and summed."""

from __future__ import annotations

import torch
from torch import Tensor

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.losses import (
    contrastive_loss,
    label_loss,
    match_loss,
    multi_positive_loss,
    weight_penalty,
)
from core_embeddings.network import FusionNetwork
from core_embeddings.training_set import TrainingBatch


class SharedObjective:
    """One space for everything: image to text, query to product, part to whole, labels from each.

    Parameters
    ----------
    network
        What is trained.
    config
        Weights of the terms.
    """

    def __init__(self, network: FusionNetwork, config: EmbedderConfig) -> None:
        self.network = network
        self.config = config

    def __call__(self, batch: TrainingBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        network, config = self.network, self.config
        image, text = network.see(batch.images), network.read(batch.texts)
        nothing = torch.zeros_like(batch.has_image)
        seen = network.fuse(image, text, batch.has_image, nothing)
        read = network.fuse(image, text, nothing, batch.has_text)
        kept = network.fuse(image, text, batch.keep_image, batch.keep_text)
        both = (batch.has_image & batch.has_text).nonzero()[:, 0]
        loss = config.query_product * self._query_loss(batch, image, kept)
        if len(both) > 1:
            same = batch.groups[both][:, None] == batch.groups[both][None, :]
            whole = network.fuse(image, text, batch.has_image, batch.has_text)[both]
            scale = network.scale
            loss = loss + config.image_text * contrastive_loss(
                seen[both], read[both], scale, ignore=same
            )
            for part in (seen, read):
                loss = loss + 0.5 * config.part_product * contrastive_loss(
                    part[both], whole, scale, ignore=same
                )
        loss = loss + config.labels * self._label_losses(batch, (kept, seen, read))
        if config.l1 > 0:
            loss = loss + weight_penalty(network, config.l1)
        return loss

    def _query_loss(self, batch: TrainingBatch, image: Tensor, products: Tensor) -> Tensor:
        asked = batch.queries.lengths > 0
        if not bool(asked.any()):
            return products.sum() * 0.0
        nothing = torch.zeros_like(asked)
        words = self.network.read(batch.queries)
        queries = self.network.fuse(torch.zeros_like(image), words, nothing, asked)
        return multi_positive_loss(
            queries[asked], products, batch.positives[asked], self.network.scale
        )

    def _label_losses(self, batch: TrainingBatch, views: tuple[Tensor, ...]) -> Tensor:
        masks = (batch.keep_image | batch.keep_text, batch.has_image, batch.has_text)
        terms = []
        for vectors, mask in zip(views, masks, strict=True):
            labels = batch.labels.masked_fill(~mask[:, None], -1)
            for field, logits in enumerate(self.network.label_logits(vectors)):
                terms.append(
                    label_loss(logits, labels[:, field], smoothing=self.config.label_smoothing)
                )
        return torch.stack(terms).mean() if terms else views[0].sum() * 0.0


class MatchObjective:
    """The article's objective: does this text belong to this image? Half of the pairs do not."""

    def __init__(self, network: FusionNetwork, config: EmbedderConfig) -> None:
        self.network = network
        self.config = config

    def __call__(self, batch: TrainingBatch) -> Tensor:
        """Return the loss of a batch, a scalar; mismatches come from rolling the texts by one."""
        both = (batch.has_image & batch.has_text).nonzero()[:, 0]
        image, text = self.network.see(batch.images), self.network.read(batch.texts)
        if len(both) < 2:
            return image.sum() * 0.0 + text.sum() * 0.0
        image, text, groups = image[both], text[both], batch.groups[both]
        logits = torch.cat(
            [
                self.network.match_logits(image, text),
                self.network.match_logits(image, text.roll(1, 0)),
            ]
        )
        same = (groups == groups.roll(1, 0)).float()  # a twin's text is no mismatch
        loss = match_loss(logits, torch.cat([torch.ones_like(same), same]))
        if self.config.l1 > 0:
            loss = loss + weight_penalty(self.network, self.config.l1)
        return loss


def make_objective(
    network: FusionNetwork, config: EmbedderConfig
) -> SharedObjective | MatchObjective:
    """Return the objective the config names."""
    if config.objective == "match":
        return MatchObjective(network, config)
    return SharedObjective(network, config)
