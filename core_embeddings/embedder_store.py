"""An embedder as a folder: safetensors and JSON, self-contained, named by its fingerprint."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from core_embeddings.artefact import (
    Manifest,
    digest_bytes,
    digest_json,
    new_folder,
    read_json,
    write_json,
)
from core_embeddings.backbones import Backbone
from core_embeddings.closed_form import ClosedForm
from core_embeddings.config import to_mapping
from core_embeddings.embedder_config import COMPUTING, EmbedderConfig
from core_embeddings.errors import ArtefactError, TuwenError
from core_embeddings.facets import spoken_values
from core_embeddings.frozen_features import FeatureSpec, FrozenFeatures
from core_embeddings.missing_parts import settings_as_meant
from core_embeddings.network import FusionNetwork, Shape
from core_embeddings.runtime import Runtime
from core_embeddings.text import RULES, Tokenizer
from core_embeddings.text_input import TextInput
from core_embeddings.vocabulary import Vocabulary
from core_embeddings.word_vectors import WordVectors, load_word_vectors

if TYPE_CHECKING:
    from core_embeddings.embedder import FusionEmbedder

logger = logging.getLogger(__name__)

KIND, VERSION = "embedder", 1
CONFIG, WEIGHTS, VOCABULARY, BACKBONE = (
    "config.json",
    "weights.safetensors",
    "vocabulary.json",
    "backbone.safetensors",
)
PRIORS = "priors"


def fingerprint_of(
    network: FusionNetwork,
    text_input: TextInput,
    settings: Mapping[str, Any],
    image_key: str,
    closed: ClosedForm | None = None,
) -> str:
    """Return the digest of weights, vocabulary, preprocessing and settings.

    ``settings`` are those it is saved with, not what a later version makes of them: a setting
    added since must not turn an old folder into a damaged one.
    """
    return digest_bytes(
        save(_tensors(network, text_input, closed)),
        digest_json(text_input.vocabulary.to_dict()).encode(),
        digest_json(_identity(settings)).encode(),
        image_key.encode(),
    )


def save_embedder(embedder: FusionEmbedder, folder: Path) -> None:
    """Write an embedder, its frozen backbone included, so that the folder works anywhere."""
    config, shape = embedder.config, embedder.network.shape
    with new_folder(folder) as aside:
        tensors = _tensors(embedder.network, embedder.text_input, embedder.closed)
        save_file(tensors, aside / WEIGHTS)
        backbone = embedder.features.weights()
        if backbone:
            save_file(backbone, aside / BACKBONE)
        write_json(aside / VOCABULARY, embedder.text_input.vocabulary.to_dict())
        write_json(
            aside / CONFIG,
            {
                "config": to_mapping(config),
                "shape": shape._asdict(),
                # A list, because the heads stand in this order and JSON objects are sorted.
                "labels": [[name, list(classes)] for name, classes in embedder.labels.items()],
                "word_vectors": embedder.text_input.word_vectors_name,
            },
        )
        Manifest(KIND, VERSION, embedder.fingerprint).write(aside)


def load_embedder(folder: Path, *, cache_folder: Path | None = None) -> FusionEmbedder:
    """Read an embedder's folder.

    Raises
    ------
    ArtefactError
        If a file is missing or damaged, or does not give back the fingerprint it was saved with.
    """
    from core_embeddings.embedder import FusionEmbedder

    manifest = Manifest.read(folder, kind=KIND, version=VERSION)
    saved = read_json(folder / CONFIG)
    config = EmbedderConfig.from_settings(settings_as_meant(saved["config"]))
    labels = {name: tuple(classes) for name, classes in saved["labels"]}
    tensors = _read_tensors(folder / WEIGHTS)
    priors, closed = tensors.pop(PRIORS, None), ClosedForm.from_tensors(tensors)
    text_input = TextInput(
        Tokenizer(engine=config.tokenizer, pos_filter=config.pos_filter),
        _vocabulary(folder),
        priors=None if priors is None else priors.numpy().astype(np.float32),
        word_vectors=_word_vectors(saved["word_vectors"]),
        max_tokens=config.max_tokens,
        named=spoken_values(labels),
    )
    sizes = {name: len(classes) for name, classes in labels.items()}
    network = FusionNetwork(config, Shape(**saved["shape"]), sizes)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ArtefactError(f"{folder / WEIGHTS} does not fit its config: {error}") from None
    spec = saved_spec(config, folder)
    features = open_features(spec, cache_folder, runtime=config.runtime)
    found = fingerprint_of(network, text_input, saved["config"], features.key, closed)
    if found != manifest.fingerprint:
        raise ArtefactError(
            f"{folder} was saved as embedder {manifest.fingerprint[:12]} but its files give "
            f"{found[:12]}: they were changed or damaged; restore the folder or run the fit again"
        )
    return FusionEmbedder(
        network, text_input, features, config, labels, manifest.fingerprint, closed=closed
    )


def open_features(
    spec: FeatureSpec,
    cache_folder: Path | None,
    *,
    backbone: Backbone | None = None,
    runtime: Runtime | None = None,
) -> FrozenFeatures:
    """Return the frozen part of the CNN, with a cache when a folder is given."""
    if cache_folder is None:
        return FrozenFeatures(spec, backbone=backbone, runtime=runtime)
    return FrozenFeatures.with_cache(spec, cache_folder, backbone=backbone, runtime=runtime)


def saved_spec(config: EmbedderConfig, folder: Path | None = None) -> FeatureSpec:
    """Return what is computed once per image; weights come from ``folder`` when it holds them."""
    size, resize = config.image_size, config.resize
    if config.backbone == "pixels":
        return FeatureSpec(kind="pixels", image_size=size, resize=resize)
    weights = config.weights if folder is None else str(folder / BACKBONE)
    return FeatureSpec(backbone=config.backbone, weights=weights, image_size=size, resize=resize)


def _identity(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide what an embedder is, and not how it is computed."""
    rest = {name: value for name, value in settings.items() if name not in COMPUTING}
    return {**rest, "weights": None}


def _tensors(
    network: FusionNetwork, text_input: TextInput, closed: ClosedForm | None
) -> dict[str, Tensor]:
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    if text_input.priors is not None:
        tensors[PRIORS] = torch.from_numpy(text_input.priors.astype(np.float16))
    return tensors if closed is None else tensors | closed.tensors()


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{path} cannot be read ({error}); run the fit again") from None
    except Exception as error:  # safetensors raises its own type, of no public base
        raise ArtefactError(f"{path} is damaged ({error}); run the fit again") from None


def _vocabulary(folder: Path) -> Vocabulary:
    vocabulary = Vocabulary.from_dict(read_json(folder / VOCABULARY))
    if vocabulary.rules != RULES:
        logger.warning(
            "%s reads words by rules %d and text is now cut by rules %d: some known words will "
            "pass as unknown; fit the shop again",
            *(folder, vocabulary.rules, RULES),
        )
    return vocabulary


def _word_vectors(name: str | None) -> WordVectors | None:
    try:
        return load_word_vectors(name)
    except TuwenError as error:
        logger.warning("unseen words will be known by their characters alone: %s", error)
        return None
