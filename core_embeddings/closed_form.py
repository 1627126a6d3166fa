"""Beside the trained vector, in the same stored vector: parts that no training can overfit."""

from __future__ import annotations

from collections.abc import Sequence
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
_SHARES = f"{PREFIX}shares"


class Shares(NamedTuple):
    """How much of a vector's squared length each part has; the network has the rest."""

    twin: float = 0.0
    words: float = 0.0


NONE = Shares()


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

    Products and queries are made up in one way, the pictures and texts that are to find each other
    in another: words that name a colour or a kind are best answered by the network, which picture
    belongs to which text is best told by both.

    Attributes
    ----------
    twin, words
        None for a part that is left out.
    whole
        Shares in the vectors of products and queries, whatever they have.
    alone
        Shares where pictures alone or texts alone are asked for.
    """

    twin: LinearTwin | None = None
    words: WordDirection | None = None
    whole: Shares = NONE
    alone: Shares = NONE

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
        flat = [token for own in read for token in own[: text_input.max_tokens]]
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

    def join(self, vectors: Floats, blocks: Blocks, shares: Shares) -> Floats:
        """Return unit rows of network and parts side by side, (n, width of all)."""
        if not self.width:
            return vectors
        rest = max(0.0, 1.0 - sum(shares))
        weighed = [part * share**0.5 for part, share in zip(blocks, shares, strict=True)]
        return unit(np.hstack([vectors * rest**0.5, *weighed]))

    def useful(self) -> ClosedForm:
        """Return this without the parts that have no share in anything."""
        shares = zip(self.whole, self.alone, strict=True)
        twin, words = (any(several) for several in shares)
        return replace(self, twin=self.twin if twin else None, words=self.words if words else None)

    def described(self) -> dict[str, float]:
        """Return the shares by name, for a log."""
        kinds = {"whole": self.whole, "alone": self.alone}
        return {
            f"{part}_{kind}": s for kind, own in kinds.items() for part, s in own._asdict().items()
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return everything as named tensors; `from_tensors` takes them out again."""
        if not self.width:
            return {}
        saved = {_SHARES: torch.tensor([self.whole, self.alone], dtype=torch.float64)}
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
        whole, alone = (Shares(*row) for row in own[_SHARES].tolist())
        twin, words = _read(LinearTwin, "twin", own), _read(WordDirection, "words", own)
        return cls(twin, words, whole, alone)


def _read(kind: type[Model], name: str, saved: dict[str, Tensor]) -> Model | None:
    start = f"{PREFIX}{name}."
    values = {key[len(start) :]: value.numpy() for key, value in saved.items() if start in key}
    return kind(**values) if values else None
