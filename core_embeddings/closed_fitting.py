"""The closed-form parts of an embedder, fitted on what its network was trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core_embeddings.block_shares import choose_shares
from core_embeddings.closed_form import ClosedForm
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.linear_twin import LinearTwin
from core_embeddings.missing_text import product_texts
from core_embeddings.network import FusionNetwork
from core_embeddings.text_input import TextInput
from core_embeddings.training_material import Material
from core_embeddings.training_set import TrainingRows
from core_embeddings.word_direction import WordDirection

FEWEST = 20
"""Validation products that shares are chosen on; with fewer there are no closed-form parts."""


def fit_closed_form(
    network: FusionNetwork, material: Material, config: EmbedderConfig, seed: int
) -> ClosedForm:
    """Fit the parts on train rows and choose their shares on validation rows.

    Parameters
    ----------
    network
        Trained and balanced.
    material
        What it was trained on.
    config
        Says which parts are wanted.
    seed
        Makes it repeatable.

    Returns
    -------
    No parts where there are no frozen features, or fewer than `FEWEST` products that nobody learned
    from; and none that does not help.
    """
    apart = not material.check.index.isin(material.learn.index).any()
    frozen = material.rows.images.dim() == 2
    if config.objective == "match" or not (apart and frozen) or len(material.held_out) < FEWEST:
        return ClosedForm()
    text_input = material.text_input
    learn, check = (
        replace(rows, tokens=text_input.long_tokens(product_texts(products)))
        for rows, products in (
            (material.rows, material.learn),
            (material.held_out, material.check),
        )
    )
    closed = ClosedForm(
        _twin(learn, text_input, seed) if config.linear_twin else None,
        _words(learn, text_input) if config.word_direction else None,
    )
    if not closed.width:
        return closed
    return choose_shares(network, closed, check, text_input, config, seed)


def _twin(rows: TrainingRows, text_input: TextInput, seed: int) -> LinearTwin | None:
    both = np.flatnonzero(rows.has_image & rows.has_text)
    tokens = [rows.tokens[row] for row in both.tolist()]
    return LinearTwin.fit(rows.images.numpy()[both], tokens, text_input.rows, seed=seed)


def _words(rows: TrainingRows, words: TextInput) -> WordDirection | None:
    if words.foreign_words is None:
        return None
    known = words.foreign_words.known
    padded = np.vstack([np.zeros((1, known.shape[1]), np.float32), known])
    return WordDirection.fit(rows.images.numpy(), rows.has_image, rows.tokens, words.rows, padded)
