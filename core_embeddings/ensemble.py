"""Several embedders that decide together: what an ensemble would buy, at its full price.

A shop stores one vector per product; an ensemble has one per member. To get most of the gain at
the price of one, train with ``embedder.members`` (see `distillation`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_embeddings.embedder import FusionEmbedder, What
from core_embeddings.errors import ConfigError
from core_embeddings.product_frame import Products


class Ensemble:
    """Embedders whose mean cosine ranks and whose mean probability tags.

    Parameters
    ----------
    members
        One or more embedders; for `label_probabilities` with the same training heads.

    Raises
    ------
    ConfigError
        If there is no member.
    """

    def __init__(self, members: Sequence[FusionEmbedder]) -> None:
        if not members:
            raise ConfigError("an ensemble needs at least one embedder; got none")
        self.members = tuple(members)

    @property
    def embedding_size(self) -> int:
        """Width of the vectors: that of all members together."""
        return sum(member.embedding_size for member in self.members)

    def encode(self, products: Products, what: What = "fused") -> NDArray[np.float32]:
        """Return unit vectors of products whose cosine is the mean of the members' cosines."""
        return self._together([member.encode(products, what) for member in self.members])

    def encode_queries(
        self,
        texts: Sequence[str] | None = None,
        images: Sequence[str | Path] | None = None,
    ) -> NDArray[np.float32]:
        """Return unit vectors of queries (see `FusionEmbedder.encode_queries`)."""
        return self._together([member.encode_queries(texts, images) for member in self.members])

    def label_probabilities(
        self, products: Products, what: What = "fused"
    ) -> dict[str, NDArray[np.float32]]:
        """Return the members' mean probabilities by field, (n, classes in `labels`' order).

        Raises
        ------
        ConfigError
            If the members were not trained on the same fields and classes.
        """
        labels = self.members[0].labels
        if any(member.labels != labels for member in self.members):
            raise ConfigError(
                "the members of an ensemble must have the same training heads to tag together; "
                "train them on the same products and fields"
            )
        told = [member.label_probabilities(products, what) for member in self.members]
        return {field: np.mean([shares[field] for shares in told], axis=0) for field in labels}

    def _together(self, vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.hstack(vectors) / np.float32(math.sqrt(len(vectors)))
