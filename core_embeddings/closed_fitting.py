"""The closed-form parts of an embedder, fitted on what its network was trained on."""

from __future__ import annotations

import numpy as np

from core_embeddings.block_shares import choose_shares
from core_embeddings.closed_form import ClosedForm
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.linear_twin import LinearTwin
from core_embeddings.network import FusionNetwork
from core_embeddings.training_material import Material
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
    twin = _twin(material, seed) if config.linear_twin else None
    closed = ClosedForm(twin, _words(material) if config.word_direction else None)
    if not closed.width:
        return closed
    return choose_shares(network, closed, material.held_out, material.text_input, config, seed)


def _twin(material: Material, seed: int) -> LinearTwin | None:
    rows = material.rows
    both = np.flatnonzero(rows.has_image & rows.has_text)
    tokens = [rows.tokens[row] for row in both.tolist()]
    return LinearTwin.fit(rows.images.numpy()[both], tokens, material.text_input.rows, seed=seed)


def _words(material: Material) -> WordDirection | None:
    rows, words = material.rows, material.text_input
    if words.foreign_words is None:
        return None
    known = words.foreign_words.known
    padded = np.vstack([np.zeros((1, known.shape[1]), np.float32), known])
    return WordDirection.fit(rows.images.numpy(), rows.has_image, rows.tokens, words.rows, padded)
