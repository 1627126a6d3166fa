"""Texts through the text tower: each word looked at once, long with long, short with short."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from core_embeddings.engines import PROBES, cpu_has_bfloat16, lowest_cosine
from core_embeddings.runtime import Precision
from core_embeddings.text_input import TextInput
from core_embeddings.text_tower import TextTower

logger = logging.getLogger(__name__)

PASSING: Final = 0.99995
"""Lowest cosine to float32 of the first texts."""

_TOGETHER: Final = 128  # texts: enough for the matrix products, few enough for the cache


class TextReader:
    """Runs a text tower on token lists of any number.

    Texts are sorted by length and read in groups, so that no short text waits for a long one, and
    are given back in their own order. Groups of many texts take the recurrent layers in bfloat16
    where the processor has it and the first texts agree with float32 (`PASSING`).

    Parameters
    ----------
    tower, text_input
        The tower and what makes its tensors.
    precision
        ``float32`` never uses bfloat16.
    """

    def __init__(self, tower: TextTower, text_input: TextInput, precision: Precision) -> None:
        self._exact = tower
        self._text_input = text_input
        self._lock = threading.Lock()
        self._decided = precision == "float32" or not cpu_has_bfloat16()
        self._reduced: nn.Module | None = None

    def read(self, tokens: Sequence[Sequence[str]]) -> Tensor:
        """Map token lists to F_text of shape (n, D), zero rows for texts without tokens."""
        if len(tokens) <= PROBES:
            return self._exact(self._text_input.batch(tokens))
        order = np.argsort([-len(own) for own in tokens], kind="stable")
        groups = [order[at : at + _TOGETHER] for at in range(0, len(order), _TOGETHER)]
        tower = self._tower([tokens[row] for row in groups[0]])
        parts = [
            tower(self._text_input.batch([tokens[row] for row in group.tolist()]))
            for group in groups
        ]
        result = torch.empty((len(tokens), parts[0].shape[1]), dtype=parts[0].dtype)
        result[torch.from_numpy(order)] = torch.cat(parts)
        return result

    def _tower(self, tokens: list[Sequence[str]]) -> nn.Module:
        with self._lock:
            if not self._decided and any(tokens):  # texts of nothing agree about nothing
                self._reduced = self._checked(tokens[:PROBES])
                self._decided = True
        return self._exact if self._reduced is None else self._reduced

    def _checked(self, tokens: list[Sequence[str]]) -> nn.Module | None:
        batch = self._text_input.batch(tokens)
        reduced = _with_reduced_rnn(self._exact)
        try:
            cosine = lowest_cosine(reduced(batch).numpy(), self._exact(batch).numpy())
        except RuntimeError as error:  # an operation that this processor has in float32 alone
            logger.warning("texts are read in float32: bfloat16 cannot be used (%s)", error)
            return None
        if not cosine >= PASSING:
            logger.info("texts are read in float32: bfloat16 reaches a cosine of %.5f", cosine)
            return None
        return reduced


class _ReducedRnn(nn.Module):
    """Recurrent layers in bfloat16 between float32 neighbours."""

    def __init__(self, rnn: nn.Module) -> None:
        super().__init__()
        self.inner = copy.deepcopy(rnn).to(torch.bfloat16)
        self.bidirectional = rnn.bidirectional

    def forward(self, packed: PackedSequence) -> tuple[PackedSequence, object]:
        states, last = self.inner(packed._replace(data=packed.data.to(torch.bfloat16)))
        lifted = tuple(state.float() for state in last) if isinstance(last, tuple) else last.float()
        return states._replace(data=states.data.float()), lifted


def _with_reduced_rnn(tower: TextTower) -> nn.Module:
    """Return the tower with its recurrent layers in bfloat16; all other weights are shared."""
    twin = copy.copy(tower)
    twin._modules = {**tower._modules, "rnn": _ReducedRnn(tower.rnn)}
    return twin.eval()
