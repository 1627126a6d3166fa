"""The facade the siblings use: train, encode, save and load one shared product vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from core_embeddings.closed_form import ClosedForm
from core_embeddings.columns import Columns
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_store import load_embedder, save_embedder
from core_embeddings.facets import spoken
from core_embeddings.frozen_features import FrozenFeatures
from core_embeddings.missing_parts import MASKED, MissingParts, constant_image
from core_embeddings.missing_text import product_texts
from core_embeddings.network import FusionNetwork
from core_embeddings.product_frame import Products, as_products
from core_embeddings.query_encoder import QueryEncoder
from core_embeddings.text_input import TextInput
from core_embeddings.text_reader import TextReader
from core_embeddings.towers import (
    Block,
    Towers,
    Views,
    What,
    asked,
    block_features,
    blocks_ahead,
    present,
)

__all__ = ["MATCHED_AT_ONCE", "FusionEmbedder", "Views", "What"]

MATCHED_AT_ONCE = 32
"""Images that are matched with every text together: bounds memory, too."""


class FusionEmbedder:
    """One vector per product from its pictures and its text.

    Made by `embedder_training.train_embedder` (here: `train`) or by `from_pretrained`.

    Parameters
    ----------
    network
        The trained towers and fusion.
    text_input, features
        How text and pictures reach them.
    config
        The settings it was trained with.
    labels
        The classes of each training head, by field.
    fingerprint
        Identity of weights, preprocessing and config.
    closed
        What stands beside the network's part in every vector; None for nothing.
    """

    def __init__(
        self,
        network: FusionNetwork,
        text_input: TextInput,
        features: FrozenFeatures,
        config: EmbedderConfig,
        labels: dict[str, tuple[str, ...]],
        fingerprint: str,
        *,
        closed: ClosedForm | None = None,
    ) -> None:
        self.network = network.eval()
        self.text_input = text_input
        self.features = features
        self.config = config
        self.labels = labels
        self.fingerprint = fingerprint
        self.closed = closed or ClosedForm()
        self._reader = TextReader(network.text_tower, text_input, features.runtime.precision)
        self._queries = QueryEncoder(network, text_input, features, self._reader, self.closed)

    @classmethod
    def train(cls, products: pd.DataFrame, **settings: Any) -> FusionEmbedder:
        """Train on a catalogue; see `embedder_training.train_embedder` for the settings."""
        from core_embeddings.embedder_training import train_embedder

        return train_embedder(products, **settings)

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, cache_folder: Path | None = None
    ) -> FusionEmbedder:
        """Load a saved embedder; ``cache_folder`` keeps frozen image features, None keeps none."""
        return load_embedder(Path(folder), cache_folder=cache_folder)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a versioned, self-contained folder, atomically."""
        save_embedder(self, Path(folder))

    @property
    def embedding_size(self) -> int:
        """Width of the shared vector."""
        return self.config.embedding_size + self.closed.width

    @property
    def missing(self) -> MissingParts:
        """What stands in for a missing text or picture."""
        return MissingParts(self.config.missing_text, self.config.missing_image)

    def encode(
        self, products: Products, what: What = "fused", *, missing: MissingParts | None = None
    ) -> NDArray[np.float32]:
        """Return unit vectors of products.

        Parameters
        ----------
        products
            A DataFrame, an Arrow table or a list of dicts.
        what
            ``fused``, or the vector of one modality alone.
        missing
            What stands in for missing parts; None takes what the config says.

        Returns
        -------
        float32 of shape (n, embedding_size); a zero row where the modality asked for is missing
        and nothing stands in for it.
        """
        blocks = list(self.encode_blocks(products, what, missing=missing))
        return np.vstack(blocks) if blocks else self._no_rows()

    def encode_blocks(
        self, products: Products, what: What = "fused", *, missing: MissingParts | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the rows of `encode` some hundred at a time: memory does not grow with them."""
        seen = blocks_ahead(as_products(products), self.features, see=what != "text")
        for block in seen:
            yield self._encode_block(block, what, missing or self.missing)

    def encode_queries(
        self,
        texts: Sequence[str] | None = None,
        images: Sequence[str | Path] | None = None,
    ) -> NDArray[np.float32]:
        """Return unit vectors of queries: words, pictures, or both row by row ("" for none).

        Nothing stands in for what a query lacks: it was not asked for. Slips in words that the
        catalogue does not know are corrected (see `spelling.Speller`).

        Raises
        ------
        ValueError
            If neither is given, or the two differ in length.
        ImageError
            If a picture cannot be used.
        """
        parts = [*self._queries.blocks(texts, images)]
        return np.vstack(parts) if parts else self._no_rows()

    def views(self, products: Products, *, missing: MissingParts = MASKED) -> Views:
        """Return the fused vectors and what each tower knows on its own.

        What is missing stays missing here, whatever the config says, unless ``missing`` is given:
        words made from the category or attributes would leak the answer to a tagger.
        """
        seen = blocks_ahead(as_products(products), self.features)
        blocks = [self._view_block(block, missing) for block in seen]
        if not blocks:
            nothing = np.zeros(0, dtype=np.bool_)
            return Views(self._no_rows(), self._no_rows(), self._no_rows(), nothing, nothing)
        return Views(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))

    def label_probabilities(
        self, products: Products, what: What = "fused"
    ) -> dict[str, NDArray[np.float32]]:
        """Return what the training heads make of products: by field, (n, classes of `labels`).

        Nothing stands in for what a product lacks, as in `views`.
        """
        none = [np.zeros((0, len(classes)), np.float32) for classes in self.labels.values()]
        seen = blocks_ahead(as_products(products), self.features)
        told = [self._label_block(block, what) for block in seen]
        shares = [np.concatenate(parts) for parts in zip(none, *told, strict=True)]
        return dict(zip(self.labels, shares, strict=True))

    def pair_scores(self, images: Products, texts: Products) -> NDArray[np.float32]:
        """Return how well each image goes with the text of the same row, of shape (n,).

        See `FusionNetwork.together`; for the article's objective its sigmoid output.
        """
        if self.config.objective == "match":
            with torch.inference_mode():
                seen, read = self._both_towers(images), self._both_towers(texts)
                logits = self.network.match_logits(seen.image, read.text)
                return torch.sigmoid(logits).numpy()
        return self._together(images, texts, every=False)

    def match_scores(self, images: Products, texts: Products) -> NDArray[np.float32]:
        """Return how well each image (row) goes with each text (column), of shape (n, m).

        The scores of `pair_scores` for all pairs, before the sigmoid, which would saturate.
        """
        if self.config.objective == "match":
            with torch.inference_mode():
                seen, read = self._both_towers(images), self._both_towers(texts)
                blocks = torch.split(seen.image, MATCHED_AT_ONCE)
                return torch.cat([self.network.match_table(b, read.text) for b in blocks]).numpy()
        return self._together(images, texts, every=True)

    def _together(self, images: Products, texts: Products, *, every: bool) -> NDArray[np.float32]:
        seen, read = self.encode(images, "image"), self.encode(texts, "text")
        with torch.inference_mode():
            both = torch.from_numpy(seen), torch.from_numpy(read)
            return self.network.together(*both, every=every).numpy()

    def stand_in_texts(self, frame: pd.DataFrame, missing: MissingParts) -> list[str]:
        """Return the text that the text tower reads of each product, its own or a stand-in."""
        see = missing.text == "image"
        return self._texts(Block(frame, block_features(frame, self.features, see=see)), missing)

    def _texts(self, block: Block, missing: MissingParts) -> list[str]:
        if missing.text != "image":
            attributes = [name for name in self.labels if name != Columns.CATEGORY]
            return product_texts(block.frame, missing.text, attributes=attributes)
        return product_texts(block.frame, "image", inferred=self._inferred_words(block))

    def _encode_block(self, block: Block, what: What, missing: MissingParts) -> NDArray[np.float32]:
        with torch.inference_mode():
            towers = self._towers(block, missing)
            sees, reads = asked(towers, what)
            own = self.network.embed(towers.image, towers.text, sees, reads).numpy()
        if not self.closed.width:
            return own
        shares = self.closed.stored if what == "fused" else self.closed.alone
        told = (towers.features.numpy(), towers.tokens, sees.numpy(), reads.numpy())
        return self.closed.join(own, self.closed.blocks(*told, self.text_input), shares)

    def _view_block(self, block: Block, missing: MissingParts) -> Views:
        with torch.inference_mode():
            towers = self._towers(block, missing)
            fused = self.network.embed(towers.image, towers.text, towers.has_image, towers.has_text)
            # Raw pixels are no view; what the CNN made of them is.
            parts = (
                [towers.features, towers.image] if towers.features.dim() == 2 else [towers.image]
            )
            image = torch.cat(parts, dim=1) * towers.has_image[:, None]
        return Views(
            fused.numpy(),
            image.numpy(),
            np.hstack([towers.text.numpy(), self.text_input.mean_priors(towers.tokens)]),
            towers.has_image.numpy(),
            towers.has_text.numpy(),
        )

    def _inferred_words(self, block: Block) -> list[str]:
        """Name what the training heads see in the picture: the likeliest value of each field."""
        words, cells = [""] * len(block.frame), block.frame[Columns.IMAGE]
        for classes, shares in zip(
            self.labels.values(), self._label_block(block, "image"), strict=True
        ):
            for row, best in enumerate(shares.argmax(1).tolist()):
                words[row] = f"{words[row]} {spoken(classes[best])}".strip()
        return [w if len(cell) else "" for w, cell in zip(words, cells, strict=True)]

    def _label_block(self, block: Block, what: What) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            towers = self._towers(block)
            vectors = self.network.fuse(towers.image, towers.text, *asked(towers, what))
            return [logits.softmax(1).numpy() for logits in self.network.label_logits(vectors)]

    def _both_towers(self, products: Products) -> Towers:
        frame = as_products(products)
        return self._towers(Block(frame, block_features(frame, self.features)))

    def _towers(self, block: Block, missing: MissingParts = MASKED) -> Towers:
        tokens = self._tokens(self._texts(block, missing))
        read = self._reader.read([own[: self.text_input.max_tokens] for own in tokens])
        # The pictures of these rows are under way in other threads: nothing waits for them before.
        features, has_image = torch.from_numpy(block.features), present(block.frame[Columns.IMAGE])
        if missing.image == "mean":
            features[~has_image] = constant_image(self.network.image_tower, features)
            has_image = torch.ones_like(has_image)
        return Towers(
            features,
            self.network.see(features),
            read,
            has_image,
            present(tokens),
            tokens,
        )

    def _tokens(self, texts: list[str]) -> list[list[str]]:
        return (self.text_input.long_tokens if self.closed.width else self.text_input.tokens)(texts)

    def _no_rows(self) -> NDArray[np.float32]:
        return np.zeros((0, self.embedding_size), dtype=np.float32)
