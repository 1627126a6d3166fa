"""What one batch costs: the losses of a preset, weighed and summed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.losses import (
    contrastive_loss,
    hardest_negative_loss,
    label_loss,
    likeness_loss,
    match_loss,
    multi_positive_loss,
    shared_levels,
    weight_penalty,
)
from core_embeddings.network import FusionNetwork
from core_embeddings.training_set import Partners, TrainingBatch


class _Views(NamedTuple):
    """Unit vectors of a batch: picture alone, words alone, what is left of both, and all of it."""

    seen: Tensor
    read: Tensor
    kept: Tensor
    whole: Tensor


class SharedObjective:
    """One space for everything: image to text, query to product, part to whole, labels from each.

    Parameters
    ----------
    network
        What is trained.
    config
        Weights of the terms; a term of weight 0 is not computed.
    """

    def __init__(self, network: FusionNetwork, config: EmbedderConfig) -> None:
        self.network = network
        self.config = config

    def __call__(self, batch: TrainingBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        network, config = self.network, self.config
        image, text = network.see(batch.images), network.read(batch.texts)
        nothing = torch.zeros_like(batch.has_image)
        views = _Views(
            network.fuse(image, text, batch.has_image, nothing),
            network.fuse(image, text, nothing, batch.has_text),
            network.fuse(image, text, batch.keep_image, batch.keep_text),
            network.fuse(image, text, batch.has_image, batch.has_text),
        )
        loss = self._query_loss(batch, image, views.kept) + self._part_losses(batch, views)
        if config.labels > 0:
            loss = loss + config.labels * self._label_losses(batch, views[:3])
        if config.category > 0:
            loss = loss + config.category * likeness_loss(
                views.whole, shared_levels(batch.levels), network.scale, ignore=_twins(batch.groups)
            )
        if config.co_purchase > 0 and batch.partners is not None:
            loss = loss + config.co_purchase * self._partner_loss(batch.partners, views.whole)
        if config.l1 > 0:
            loss = loss + weight_penalty(network, config.l1)
        return loss

    def _part_losses(self, batch: TrainingBatch, views: _Views) -> Tensor:
        """Bring picture, words and the whole of a product together."""
        config, scale = self.config, self.network.scale
        both = (batch.has_image & batch.has_text).nonzero()[:, 0]
        seen, read, whole = views.seen[both], views.read[both], views.whole[both]
        if len(both) < 2:
            return whole.sum() * 0.0
        no_negative = _twins(batch.groups[both])
        if config.same_category == "ignored":
            no_negative = no_negative | _same_leaf(batch.levels[both])
        loss = config.image_text * contrastive_loss(seen, read, scale, ignore=no_negative)
        for part in (seen, read):
            loss = loss + 0.5 * config.part_product * contrastive_loss(
                part, whole, scale, ignore=no_negative
            )
        if self._hard(batch):
            loss = loss + config.hard_negatives * hardest_negative_loss(
                seen, read, margin=config.hard_margin, ignore=no_negative
            )
        return loss

    def _query_loss(self, batch: TrainingBatch, image: Tensor, products: Tensor) -> Tensor:
        config = self.config
        asked = batch.queries.lengths > 0
        if config.query_product == 0 or not bool(asked.any()):
            return products.sum() * 0.0
        nothing = torch.zeros_like(asked)
        words = self.network.read(batch.queries)
        queries = self.network.fuse(torch.zeros_like(image), words, nothing, asked)[asked]
        positives = batch.positives[asked]
        loss = config.query_product * multi_positive_loss(
            queries, products, positives, self.network.scale
        )
        if self._hard(batch):
            loss = loss + config.hard_negatives * hardest_negative_loss(
                queries, products[asked], margin=config.hard_margin, ignore=positives[:, asked]
            )
        return loss

    def _partner_loss(self, partners: Partners, products: Tensor) -> Tensor:
        """Bring products together that people buy together."""
        if len(partners.places) < 2:
            return products.sum() * 0.0
        image, text = self.network.see(partners.images), self.network.read(partners.texts)
        others = self.network.fuse(image, text, partners.has_image, partners.has_text)
        return contrastive_loss(
            products[partners.places], others, self.network.scale, ignore=partners.no_negative
        )

    def _hard(self, batch: TrainingBatch) -> bool:
        return self.config.hard_negatives > 0 and batch.epoch >= self.config.hard_after

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
        """Return the loss of a batch, a scalar; each image meets every other text of the batch."""
        both = (batch.has_image & batch.has_text).nonzero()[:, 0]
        image, text = self.network.see(batch.images), self.network.read(batch.texts)
        if len(both) < 2:
            return image.sum() * 0.0 + text.sum() * 0.0
        logits = self.network.match_table(image[both], text[both])
        loss = match_loss(logits, _twins(batch.groups[both]))
        if self.config.l1 > 0:
            loss = loss + weight_penalty(self.network, self.config.l1)
        return loss


def _twins(groups: Tensor) -> Tensor:
    """Return which products are one product listed twice, (n, n)."""
    return groups[:, None] == groups[None, :]


def _same_leaf(levels: Tensor) -> Tensor:
    """Return which products stand in one leaf of the category tree, (n, n)."""
    same = (levels[:, None] == levels[None]).all(2)
    return same & (levels >= 0).any(1)[:, None]


def make_objective(
    network: FusionNetwork, config: EmbedderConfig
) -> SharedObjective | MatchObjective:
    """Return the objective the config names."""
    if config.objective == "match":
        return MatchObjective(network, config)
    return SharedObjective(network, config)
