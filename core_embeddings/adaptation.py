"""Adapting the image network to the train photos, between preparing a training and running it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from core_embeddings.artefact import digest_json
from core_embeddings.columns import Columns
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_store import open_features, saved_spec
from core_embeddings.finetuning import FinetuneConfig, Photos, finetune
from core_embeddings.frozen_features import FeatureSpec, FrozenFeatures
from core_embeddings.photo_heads import Targets
from core_embeddings.run import NullRun, Run
from core_embeddings.training_material import Material, product_features
from core_embeddings.training_set import TrainingRows

logger = logging.getLogger(__name__)

Notify = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and of how much."""

FEWEST_PHOTOS = 2_000
"""Below it nothing is adapted: it was measured on four and five thousand photos, not on fewer."""
MOST_PHOTOS = 10_000
"""More are not looked at: they would cost memory (half a gigabyte at 128 pixels) and hours."""


def adapt(
    material: Material,
    config: EmbedderConfig,
    *,
    seed: int = 0,
    cache_folder: Path | None = None,
    checkpoint: Path | None = None,
    run: Run | None = None,
    notify: Notify | None = None,
) -> Material:
    """Return the material with the features of an adapted network.

    The material comes back as it is where the config freezes the network, where there is none
    (pixels), where fewer than 2,000 train products have a photo, where there is no field to tell
    or nothing to check it on, and where the network tells the fields of the validation products
    no better after the adaptation than before.

    Parameters
    ----------
    material, config
        What is trained on, and the settings.
    seed, cache_folder, run, notify
        As of `embedder_training.train_embedder`.
    checkpoint
        A file of its own to continue from.
    """
    backbone = material.features.backbone
    rows = np.flatnonzero(material.rows.has_image)
    seen = np.flatnonzero(material.held_out.has_image)
    if config.unfreeze == 0 or backbone is None or not material.labels:
        return material
    if len(rows) < FEWEST_PHOTOS or not len(seen):
        logger.info("%d photos are too few to adapt the image network to", len(rows))
        return material
    drawn = np.random.default_rng(seed).permutation(rows)[:MOST_PHOTOS]
    settings = finetune_config(config, seed)
    tell = notify or (lambda what, done, total: None)
    tuned = finetune(
        backbone,
        _photos(material, material.learn, material.rows, np.sort(drawn)),
        _photos(material, material.check, material.held_out, seen),
        classes=[len(values) for values in material.labels.values()],
        config=settings,
        on_epoch=_reporter(settings.epochs, run or NullRun(), tell),
        checkpoint=checkpoint,
        identity=digest_json([asdict(settings), backbone.weights_digest, material.identity]),
    )
    if tuned.backbone is backbone:
        logger.info("the image network stays as it was: the adapted one told no more")
        return material
    features = open_features(
        saved_spec(config), cache_folder, backbone=tuned.backbone, runtime=config.runtime
    )
    return with_features(material, features, lambda done, total: tell("images", done, total))


def with_features(
    material: Material,
    features: FrozenFeatures,
    progress: Callable[[int, int], None] | None = None,
) -> Material:
    """Return the material with its images seen through other features."""
    learn = product_features(features, material.learn, progress)
    check = product_features(features, material.check)
    return replace(
        material,
        features=features,
        rows=replace(material.rows, images=learn),
        held_out=replace(material.held_out, images=check),
    )


def finetune_config(config: EmbedderConfig, seed: int) -> FinetuneConfig:
    """Return what an embedder's settings say of the adaptation."""
    return FinetuneConfig(
        unfreeze=config.unfreeze,
        epochs=config.finetune_epochs,
        backbone_learning_rate=config.backbone_learning_rate,
        augmentation=config.image_augmentation,
        seed=seed,
    )


def _photos(
    material: Material, products: pd.DataFrame, rows: TrainingRows, chosen: NDArray[np.int64]
) -> Photos:
    spec = material.features.spec
    bytes_of = FrozenFeatures(
        FeatureSpec(kind="pixels", image_size=spec.image_size, resize=spec.resize)
    )
    words = material.text_input.mean_priors([rows.title_tokens[row] for row in chosen])
    targets = Targets(
        torch.from_numpy(rows.labels[chosen]),
        _centred(torch.from_numpy(words)),
        torch.from_numpy(rows.groups[chosen]),
    )
    backbone = material.features.backbone
    width = 0 if backbone is None else sum(backbone.stage_channels)
    return Photos(
        product_features(bytes_of, products.iloc[chosen][[Columns.IMAGE, Columns.IMAGE_DIGEST]]),
        rows.images[torch.from_numpy(chosen)][:, :width],
        targets,
    )


def _centred(words: Tensor) -> Tensor:
    """Take out what all texts share, then make unit rows; a zero row stays zero."""
    told = words.abs().sum(1, keepdim=True) > 0
    mean = (words * told).sum(0) / told.sum().clamp_min(1)
    return F.normalize((words - mean) * told, dim=1)


def _reporter(epochs: int, run: Run, notify: Notify) -> Callable[[int, Mapping[str, float]], None]:
    def report(epoch: int, metrics: Mapping[str, float]) -> None:
        run.log_metrics({f"photo_{name}": v for name, v in metrics.items()}, step=epoch + 1)
        notify("photo epochs", epoch + 1, epochs)
        shown = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
        logger.info("photo epoch %d of %d: %s", epoch + 1, epochs, shown)

    return report
