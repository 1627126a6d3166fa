"""Beside the trained vector, in the same stored vector: parts that no training can overfit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_embeddings.linear_twin import LinearTwin, unit
from core_embeddings.text_input import TextInput
from core_embeddings.word_direction import WordDirection

Floats = NDArray[np.float32]
Model = TypeVar("Model", LinearTwin, WordDirection)
PREFIX = "closed_form."
KINDS = ("stored", "alone", "named", "other", "shown")
"""What has shares of its own, in the order they are saved in."""
_SHARES = f"{PREFIX}shares"


class Shares(NamedTuple):
    """How much of a vector's squared length each part has; the network has the rest."""

    twin: float = 0.0
    words: float = 0.0


NONE = Shares()


UNSEEN = Shares(0.0, 0.9)
"""A network that never met a word knows its letters and its neighbours at best."""


class Blocks(NamedTuple):
    """What the two parts say of n rows: unit or zero rows, of width 0 for a part that is not there.

    Attributes
    ----------
    twin, words
        float32 of shape (n, d).
    """

    twin: Floats
    words: Floats


@dataclass(frozen=True)
class ClosedForm:
    """The linear twin and the word direction, and their shares.

    What a vector is asked for decides its shares: words that name values of fields (a colour, a
    kind) are what the network was trained to answer, other words are best told by what they mean,
    and which picture belongs to which text by all parts together.

    Attributes
    ----------
    twin, words
        None for a part that is left out.
    stored
        Shares in the vectors of products, and of queries with picture and words.
    alone
        Shares in vectors of pictures alone and texts alone, which are to find each other.
    named, other
        Shares in a query of words that name values, and of other known words; words that no
        training text had are `UNSEEN`, and a query of several kinds is between them.
    shown
        Shares in a query that is a picture.
    """

    twin: LinearTwin | None = None
    words: WordDirection | None = None
    stored: Shares = NONE
    alone: Shares = NONE
    named: Shares = NONE
    other: Shares = NONE
    shown: Shares = NONE

    @property
    def width(self) -> int:
        """How much wider than the network's own the stored vectors are."""
        return sum(part.width for part in (self.twin, self.words) if part is not None)

    def blocks(
        self,
        features: Floats | None,
        tokens: Sequence[Sequence[str]],
        sees: NDArray[np.bool_],
        reads: NDArray[np.bool_],
        text_input: TextInput,
    ) -> Blocks:
        """Return what the parts say of rows.

        The twin says of a whole product the mean of what picture and text say; the word direction
        is that of the words, and guessed from the picture only where there are none.

        Parameters
        ----------
        features
            Frozen features of shape (n, p), or None where there is no picture at all.
        tokens
            Of the texts.
        sees, reads
            bool of shape (n,): which pictures and which texts count.
        text_input
            The network's.
        """
        read = [own if heard else [] for own, heard in zip(tokens, reads.tolist(), strict=True)]
        flat = [token for own in read for token in own]
        rows, shown = text_input.rows, sees[:, None]
        twin = words = np.zeros((len(read), 0), dtype=np.float32)
        if self.twin is not None:
            twin = self.twin.read(read, rows, text_input.readings(flat))
            twin = twin if features is None else unit(twin + self.twin.see(features) * shown)
        if self.words is not None:
            words = self.words.read(read, rows, text_input.meanings(flat))
            silent = ~words.any(1, keepdims=True) & shown
            words = words if features is None else words + self.words.see(features) * silent
        return Blocks(twin, words)

    def asked(
        self,
        tokens: Sequence[Sequence[str]],
        sees: NDArray[np.bool_],
        text_input: TextInput,
    ) -> NDArray[np.float64]:
        """Return the shares of queries, (n, 2), by what they ask for."""
        readings = text_input.readings([token for own in tokens for token in own])
        shares = np.zeros((len(tokens), len(Shares._fields)))
        for row, own in enumerate(tokens):
            if sees[row]:
                shares[row] = self.stored if own else self.shown
            elif own:
                heard = [self._of_word(token, readings, text_input) for token in own]
                shares[row] = np.mean(heard, axis=0)
        return shares

    def _of_word(
        self, token: str, readings: Mapping[str, Sequence[int]], text_input: TextInput
    ) -> NDArray[np.float64]:
        """Return the shares of one word, (2,); of a foreign one, by what it is read as."""
        unseen = np.array(self.other if self.words is None else UNSEEN)
        if token in readings:
            words = text_input.vocabulary.words
            names = np.mean([words[row - 1] in text_input.named for row in readings[token]])
            return np.asarray(names * np.array(self.named) + (1 - names) * unseen)
        if token in text_input.named:
            return np.array(self.named)
        return np.array(self.other) if token in text_input.rows else unseen

    def join(self, vectors: Floats, blocks: Blocks, shares: Shares | NDArray[np.float64]) -> Floats:
        """Return unit rows of network and parts side by side, (n, width of all).

        Parameters
        ----------
        vectors
            The network's, (n, dim).
        blocks
            What the parts say.
        shares
            Of all rows, or of each, (n, 2).
        """
        if not self.width:
            return vectors
        heard = np.broadcast_to(np.asarray(shares), (len(vectors), len(Shares._fields)))
        rest = 1 - heard.sum(1, keepdims=True)
        lengths = np.sqrt(np.hstack([rest, heard]).clip(0)).astype(np.float32)
        parts = zip((vectors, *blocks), lengths.T, strict=True)
        return unit(np.hstack([part * length[:, None] for part, length in parts]))

    def useful(self) -> ClosedForm:
        """Return this without the parts that no vector of products or of their parts holds."""
        twin, words = (any(several) for several in zip(self.stored, self.alone, strict=True))
        return replace(self, twin=self.twin if twin else None, words=self.words if words else None)

    def described(self) -> dict[str, float]:
        """Return the shares by name, for a log."""
        kinds: dict[str, Shares] = {kind: getattr(self, kind) for kind in KINDS}
        return {
            f"{part}_{kind}": s for kind, own in kinds.items() for part, s in own._asdict().items()
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return everything as named tensors; `from_tensors` takes them out again."""
        if not self.width:
            return {}
        shares = [getattr(self, kind) for kind in KINDS]
        saved = {_SHARES: torch.tensor(shares, dtype=torch.float64)}
        for kind, part in (("twin", self.twin), ("words", self.words)):
            for field in fields(part) if part is not None else ():
                saved[f"{PREFIX}{kind}.{field.name}"] = torch.from_numpy(
                    np.ascontiguousarray(getattr(part, field.name))
                )
        return saved

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> ClosedForm:
        """Take the saved parts out of ``tensors``; a folder from before has none."""
        own = {name: tensors.pop(name) for name in list(tensors) if name.startswith(PREFIX)}
        if not own:
            return cls()
        shares = (Shares(*row) for row in own[_SHARES].tolist())
        return cls(_read(LinearTwin, "twin", own), _read(WordDirection, "words", own), *shares)


def _read(kind: type[Model], name: str, saved: dict[str, Tensor]) -> Model | None:
    start = f"{PREFIX}{name}."
    values = {key[len(start) :]: value.numpy() for key, value in saved.items() if start in key}
    return kind(**values) if values else None
