"""What a training reads of a catalogue: prepared once, whatever is trained on it and how often."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core_embeddings.artefact import digest_bytes, digest_json
from core_embeddings.co_purchase import CoPurchases, co_purchases
from core_embeddings.columns import Columns
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_store import open_features, saved_spec
from core_embeddings.errors import TuwenError
from core_embeddings.facets import Facet, facets_of, label_codes, spoken, spoken_values
from core_embeddings.frozen_features import FrozenFeatures
from core_embeddings.missing_text import language_wordings, product_texts
from core_embeddings.splits import duplicate_groups
from core_embeddings.text import Tokenizer
from core_embeddings.text_input import TextInput, build_text_input
from core_embeddings.training_set import TrainingRows
from core_embeddings.word_vectors import load_word_vectors

logger = logging.getLogger(__name__)

VALIDATION_ROWS = 2_000
"""Validation products looked at; recall among more would only be slower."""


@dataclass(frozen=True)
class Material:
    """Train rows and the rows that stop the training, ready to be drawn from.

    Attributes
    ----------
    features, text_input
        How pictures and text reach a network.
    labels
        The classes of each training head, by field.
    rows, held_out
        What trains, and what early stopping looks at.
    identity
        Digest of the products and fields it was made of.
    learn, check
        The products behind ``rows`` and ``held_out``, row by row.
    """

    features: FrozenFeatures
    text_input: TextInput
    labels: dict[str, tuple[str, ...]]
    rows: TrainingRows
    held_out: TrainingRows
    identity: str
    learn: pd.DataFrame
    check: pd.DataFrame


def prepare(
    products: pd.DataFrame,
    *,
    split: pd.Series,
    fields: Sequence[str],
    config: EmbedderConfig,
    together: pd.DataFrame | None = None,
    cache_folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Material:
    """Read what training needs of a catalogue; see `embedder_training.train_embedder`.

    Raises
    ------
    TuwenError
        If fewer than two train rows have an image or a text.
    """
    features = open_features(saved_spec(config), cache_folder, runtime=config.runtime)
    learn, check = _learn_and_check(products, split)
    facets = facets_of(learn, fields)
    labels = training_labels(learn, fields)
    text_input = _text_input(learn, facets, labels, config)
    images = product_features(features, learn, progress)
    rows = _training_rows(learn, images, text_input, labels, facets)
    bought = _bought_together(learn, together, config)
    rows = replace(rows, together=bought)
    identity = _identity(learn, check, fields, bought)
    check = _stopping(learn, check)
    held_out = _training_rows(
        check, product_features(features, check), text_input, labels, facets_of(check, fields)
    )
    return Material(features, text_input, labels, rows, held_out, identity, learn, check)


def training_labels(products: pd.DataFrame, fields: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the classes of each field that has at least two values in the train rows."""
    found = {
        name: tuple(sorted({str(value) for value in products[name] if str(value)}))
        for name in fields
    }
    return {name: classes for name, classes in found.items() if len(classes) > 1}


def _text_input(
    products: pd.DataFrame,
    facets: Sequence[Facet],
    labels: Mapping[str, Sequence[str]],
    config: EmbedderConfig,
) -> TextInput:
    name = None if config.word_vectors == "none" else config.word_vectors
    return build_text_input(
        product_texts(products, "mask"),
        Tokenizer(engine=config.tokenizer, pos_filter=config.pos_filter),
        names=[spoken(value) for facet in facets for value in facet.values],
        named=spoken_values(labels),
        word_vectors=load_word_vectors(name),
        min_count=config.min_count,
        max_words=config.max_words,
        buckets=config.buckets,
        max_tokens=config.max_tokens,
    )


def product_features(
    features: FrozenFeatures,
    products: pd.DataFrame,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Return one row of frozen features, or pixels, per product; see `for_products`."""
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
        wordings=[text_input.tokens(several) for several in language_wordings(products)],
    )


def _bought_together(
    products: pd.DataFrame, interactions: pd.DataFrame | None, config: EmbedderConfig
) -> CoPurchases | None:
    if interactions is None or config.co_purchase == 0:
        return None
    return co_purchases(
        interactions,
        list(products[Columns.PRODUCT]),
        days=config.co_purchase_days,
        cap=config.co_purchase_cap,
    )


def _learn_and_check(products: pd.DataFrame, split: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    learn, check = (products[(split == name).to_numpy()] for name in ("train", "val"))
    if len(learn) < 2:
        raise TuwenError(
            f"training needs at least 2 products in the train split; got {len(learn)}. "
            "Add products, or check the split column"
        )
    return learn, check


def _stopping(learn: pd.DataFrame, check: pd.DataFrame) -> pd.DataFrame:
    """Return what early stopping looks at: the val rows, or train rows where there are no two."""
    if len(check) < 2:
        logger.warning("fewer than 2 validation products: training is stopped by train products")
        check = learn
    return check.iloc[:VALIDATION_ROWS]


def _identity(
    learn: pd.DataFrame,
    check: pd.DataFrame,
    fields: Sequence[str],
    together: CoPurchases | None,
) -> str:
    rows = [
        digest_bytes(*(str(value).encode() for value in row))
        for frame in (learn, check)
        for row in frame.drop(columns=[Columns.IMAGE]).itertuples(index=False)
    ]
    bought = [] if together is None else [together.digest()]
    return digest_json([list(fields), rows, *bought])
