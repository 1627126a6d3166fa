"""Queries to vectors: without a frame, and without looking where nothing is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_embeddings.closed_form import ClosedForm
from core_embeddings.frozen_features import FrozenFeatures
from core_embeddings.network import FusionNetwork
from core_embeddings.one_query import one_query
from core_embeddings.product_frame import query_cells
from core_embeddings.text_input import TextInput
from core_embeddings.text_reader import TextReader
from core_embeddings.towers import ROWS_AT_ONCE, present


class _Asked(NamedTuple):
    """Queries: words as typed and as meant, frozen features if any, and who has a picture."""

    typed: list[list[str]]
    meant: list[list[str]]
    features: NDArray[Any] | None
    sees: Tensor


class QueryEncoder:
    """Maps words, pictures, or both, to unit vectors.

    Parameters
    ----------
    network, text_input, features, reader, closed
        Those of the embedder.
    """

    def __init__(
        self,
        network: FusionNetwork,
        text_input: TextInput,
        features: FrozenFeatures,
        reader: TextReader,
        closed: ClosedForm,
    ) -> None:
        self._network = network
        self._text_input = text_input
        self._features = features
        self._reader = reader
        self._closed = closed
        self._one = one_query(network)

    def blocks(
        self, texts: Sequence[str] | None, images: Sequence[str | Path] | None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the rows of `FusionEmbedder.encode_queries` some hundred at a time."""
        cells = query_cells(texts, images)
        meant = self._text_input.spelled(cells.texts)
        for at in cells.blocks(ROWS_AT_ONCE):
            tokens, shown = self._text_input.tokens(meant[at]), cells.images[at]
            features = None
            if any(shown):
                features = self._features.for_products(shown, cells.digests[at])
            sees = present(shown)
            own = self._vectors(tokens, features, sees)
            if self._closed.width:
                typed = self._text_input.tokens(cells.texts[at])
                own = self._joined(own, _Asked(typed, tokens, features, sees))
            yield own

    def _joined(
        self,
        own: NDArray[np.float32],
        asked: _Asked,
    ) -> NDArray[np.float32]:
        """Put the closed-form parts beside: they know words, so they take them as they are."""
        sees = asked.sees.numpy()
        told = (asked.features, asked.typed, sees, present(asked.typed).numpy())
        blocks = self._closed.blocks(*told, self._text_input)
        shares = self._closed.asked(asked.meant, sees, self._text_input)
        return self._closed.join(own, blocks, shares)

    def _vectors(
        self, tokens: list[list[str]], features: NDArray[Any] | None, sees: Tensor
    ) -> NDArray[np.float32]:
        if len(tokens) == 1 and self._one is not None:
            text = self._text_input.batch(tokens) if tokens[0] else None
            return self._one.vector(None if features is None else features[0], text)[None]
        with torch.inference_mode():
            read = self._reader.read(tokens)
            seen = torch.zeros_like(read)
            if features is not None:
                seen = self._network.see(torch.from_numpy(features))
            return self._network.embed(seen, read, sees, present(tokens)).numpy()
