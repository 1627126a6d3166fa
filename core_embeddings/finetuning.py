"""Adapting a pretrained network to a shop's photos, before anything is trained on its features.

What the network gives afterwards is computed once per image like any frozen feature, so nothing
behind it knows whether it was adapted. Three measures keep what it gives for photos it trained on
close to what it gives for others, without which whatever is trained on those features would trust
them too much: new views of a photo in every epoch, heads that are ready before the network moves
(or its first steps would follow their random weights), and weights that stop half way between the
old and the new ones.

References
----------
Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution",
2022 (heads first); Wortsman et al., "Robust fine-tuning of zero-shot models", 2022 (half way).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core_embeddings.backbones import Backbone, current_weights, with_weights
from core_embeddings.errors import ConfigError
from core_embeddings.image_augmentation import augmented
from core_embeddings.photo_heads import FieldHeads, Targets
from core_embeddings.trainer import History, Trainer, TrainerConfig

_HEAD_EPOCHS = 15
_HEAD_STEPS = 300
_HEAD_RATE = 2e-3
_HEAD_BATCH = 128
_WARMUP = 0.1
_CLIP = 5.0
_AT_ONCE = 64  # photos whose maps are held when nothing is learned


@dataclass(frozen=True)
class FinetuneConfig:
    """How a network is adapted.

    Parameters
    ----------
    unfreeze
        How many of its stages move, counted from the last, at least 1; -1 for all. The statistics
        of its batch norm never move: batches are small and their views are cropped.
    epochs, batch_size
        Passes over the photos, and photos per step.
    learning_rate, backbone_learning_rate
        Of the heads and of the network; both rise and fall as `TrainerConfig` says.
    weight_decay, dropout, label_smoothing
        Regularisation; dropout is between features and heads.
    words
        Weight of the term that draws a photo to the pretrained vectors of its text's words.
    augmentation
        Strength of the views in [0, 1], see `image_augmentation.augmented`.
    view_size
        Side of the views as a share of the photos' side, in (0, 1].
    share
        How far the weights go from the old to the new ones, in (0, 1].
    seed
        Source of chance.
    """

    unfreeze: int = 2
    epochs: int = 4
    batch_size: int = 64
    learning_rate: float = 1e-3
    backbone_learning_rate: float = 1e-4
    weight_decay: float = 0.05
    dropout: float = 0.3
    label_smoothing: float = 0.1
    words: float = 0.5
    augmentation: float = 1.0
    view_size: float = 0.75
    share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        _require(self.unfreeze == -1 or self.unfreeze >= 1, "unfreeze", "-1 or above 0", self)
        _require(self.epochs >= 1, "epochs", "at least 1", self)
        _require(self.batch_size >= 2, "batch_size", "at least 2", self)
        for name in ("learning_rate", "backbone_learning_rate"):
            _require(getattr(self, name) > 0, name, "above 0", self)
        for name in ("dropout", "label_smoothing"):
            _require(0 <= getattr(self, name) < 1, name, "in [0, 1)", self)
        for name in ("weight_decay", "words"):
            _require(getattr(self, name) >= 0, name, "at least 0", self)
        _require(0 <= self.augmentation <= 1, "augmentation", "in [0, 1]", self)
        for name in ("view_size", "share"):
            _require(0 < getattr(self, name) <= 1, name, "in (0, 1]", self)


class Photos(NamedTuple):
    """Photos, and what is to be told from them.

    Attributes
    ----------
    pixels
        uint8 of shape (n, side, side, 3).
    features
        What the network makes of them before it is adapted: the mean of every stage's map, float32
        of shape (n, channels of all stages).
    targets
        What is to be told.
    """

    pixels: Tensor
    features: Tensor
    targets: Targets


class Tuned(NamedTuple):
    """An adapted network, how its training went, and the score of the heads before it moved."""

    backbone: Backbone
    history: History
    before: float


class TunedNetwork(nn.Module):
    """A network whose last stages move, and the heads on it.

    Parameters
    ----------
    backbone
        Its weights are moved in place.
    heads
        What is told from it.
    unfreeze
        How many stages move, -1 for all.
    """

    def __init__(self, backbone: Backbone, heads: FieldHeads, unfreeze: int) -> None:
        super().__init__()
        self.backbone = backbone.module
        self.heads = heads
        self._input = (backbone.mean, backbone.std)
        moving = backbone.module.parts if unfreeze == -1 else backbone.module.parts[-unfreeze:]
        for part in moving:
            part.requires_grad_(True)

    def train(self, mode: bool = True) -> TunedNetwork:
        """Set the mode of the heads; batch norm and stochastic depth stay as for inference."""
        super().train(mode)
        self.backbone.eval()
        return self

    def features(self, photos: Tensor) -> Tensor:
        """Map photos (n, 3, side, side) on the scale 0 to 255 to the means of every stage's map."""
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) * 255 for values in self._input)
        maps = self.backbone((photos - mean) / std)
        return torch.cat([found.mean(dim=(2, 3)) for found in maps], dim=1)

    @torch.no_grad()
    def features_of(self, pixels: Tensor) -> Tensor:
        """Return the features of photos (n, side, side, 3) as they are."""
        return torch.cat(
            [
                self.features(augmented(block, strength=0, generator=torch.Generator()))
                for block in torch.split(pixels, _AT_ONCE)
            ]
        )


def finetune(
    backbone: Backbone,
    learn: Photos,
    check: Photos,
    *,
    classes: Sequence[int],
    config: FinetuneConfig,
    on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
    checkpoint: Path | None = None,
    identity: str = "",
) -> Tuned:
    """Adapt a network to photos.

    Parameters
    ----------
    backbone
        Where it starts; it stays as it is.
    learn, check
        Photos that train it, and others that choose the epoch.
    classes
        Values per field.
    config
        How.
    on_epoch, checkpoint, identity
        As of `Trainer`.

    Returns
    -------
    Tuned
        Where no epoch told the fields of ``check`` better than heads on the network as it was,
        that network comes back.
    """
    torch.manual_seed(config.seed)
    heads = FieldHeads(
        learn.features,
        classes,
        words=learn.targets.words.shape[1],
        dropout=config.dropout,
        smoothing=config.label_smoothing,
        words_weight=config.words,
    )
    before = _ready(heads, learn, check, config)
    moved = with_weights(backbone, backbone.state)
    network = TunedNetwork(moved, heads, config.unfreeze)
    steps = max(1, len(learn.pixels) // config.batch_size)
    trainer = Trainer(
        network,
        TrainerConfig(
            epochs=config.epochs,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            warmup_share=_WARMUP,
            patience=config.epochs,
            clip_norm=_CLIP,
        ),
        rates={"backbone.": config.backbone_learning_rate},
        steps_per_epoch=steps,
        on_epoch=on_epoch,
        checkpoint=checkpoint,
        identity=identity,
    )
    history = trainer.fit(
        lambda epoch, start: _views(learn, config, steps, epoch, start),
        lambda view: heads.loss(network.features(view.photos), view.targets),
        lambda: {"score": heads.accuracy(network.features_of(check.pixels), check.targets.labels)},
    )
    if history.best_score <= before:
        return Tuned(backbone, history, before)
    tuned = current_weights(moved)
    mixed = {name: _between(old, tuned[name], config.share) for name, old in backbone.state.items()}
    return Tuned(with_weights(backbone, mixed), history, before)


class _View(NamedTuple):
    photos: Tensor
    targets: Targets


def _views(
    learn: Photos, config: FinetuneConfig, steps: int, epoch: int, start: int
) -> Iterator[_View]:
    """Draw the views of an epoch; a batch depends on the seed, the epoch and its place alone."""
    order = np.random.default_rng([config.seed, epoch]).permutation(len(learn.pixels))
    for step in range(start, steps):
        rows = torch.from_numpy(order[step * config.batch_size : (step + 1) * config.batch_size])
        chance = np.random.default_rng([config.seed, epoch, step]).integers(2**62)
        generator = torch.Generator().manual_seed(int(chance))
        photos = augmented(
            learn.pixels[rows],
            strength=config.augmentation,
            generator=generator,
            side=round(config.view_size * learn.pixels.shape[1]),
        )
        yield _View(photos, learn.targets.of(rows))


def _ready(heads: FieldHeads, learn: Photos, check: Photos, config: FinetuneConfig) -> float:
    """Train the heads on the features as they are; return how much of ``check`` they tell."""
    steps = max(1, len(learn.features) // _HEAD_BATCH)

    def batches(epoch: int, start: int) -> Iterator[Tensor]:
        order = np.random.default_rng([config.seed, epoch]).permutation(len(learn.features))
        for step in range(start, steps):
            yield torch.from_numpy(order[step * _HEAD_BATCH : (step + 1) * _HEAD_BATCH])

    epochs = max(_HEAD_EPOCHS, _HEAD_STEPS // steps)
    trainer = Trainer(
        heads,
        TrainerConfig(
            epochs=epochs,
            learning_rate=_HEAD_RATE,
            weight_decay=config.weight_decay,
            patience=epochs // 2,
        ),
        steps_per_epoch=steps,
    )
    history = trainer.fit(
        batches,
        lambda rows: heads.loss(learn.features[rows], learn.targets.of(rows)),
        lambda: {"score": heads.accuracy(check.features, check.targets.labels)},
    )
    return history.best_score


def _between(old: Tensor, new: Tensor, share: float) -> Tensor:
    return old + share * (new - old) if old.is_floating_point() else old


def _require(holds: bool, name: str, expected: str, config: FinetuneConfig) -> None:
    if not holds:
        raise ConfigError(f"{name} must be {expected}; got {getattr(config, name)}")
