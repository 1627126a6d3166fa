"""A single query through the trained towers in numpy: the same sums without torch's cost per step.

One text of ten words takes torch some sixty small operations, and each costs more to call than to
compute. What stands here is `TextTower`, `FeatureHead` and `Gated` once more, for one row, on the
same weights; the tests hold the two against each other. Networks of other parts are left to torch.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from core_embeddings.fusion import Gated
from core_embeddings.image_tower import FeatureHead
from core_embeddings.network import FusionNetwork
from core_embeddings.text_tower import TextBatch, TextTower

Row = NDArray[np.float32]

_LEAST: Final = np.float32(1e-12)  # as torch's normalize
_STANDARD: Final = 8.0  # as FeatureHead


class OneQuery:
    """Maps one query to its vector as `FusionNetwork.embed` would.

    Make it with `one_query`. The weights are those of the network, not copies, but those of the
    recurrent layer: a network that learns further needs a new one.
    """

    def __init__(self, network: FusionNetwork) -> None:
        assert isinstance(network.image_tower, FeatureHead) and isinstance(network.fusion, Gated)
        self._network = network
        self._read = _TextReader(network.text_tower)
        self._see = _ImageHead(network.image_tower)
        self._fuse = _Fusion(network.fusion)

    def vector(self, features: Row | None, text: TextBatch | None) -> Row:
        """Return the unit vector (embedding_size,) of a query; zeros for a query of nothing.

        Parameters
        ----------
        features
            Frozen image features (width,); None for no picture.
        text
            A batch of one text; None, or a text without tokens, for no words.
        """
        words = None
        if text is not None and len(text.token_offsets):
            words = self._fuse.words(self._read(text))
        if features is None:
            return self._fuse.nothing if words is None else _unit(words.alone)
        seen = self._see(features)
        if words is None:
            return self._fuse.picture(seen)
        fused = self._fuse.both(seen, words, self._network.text_lean)
        return _unit(fused + np.float32(self._network.text_residual) * _unit(words.alone))


def one_query(network: FusionNetwork) -> OneQuery | None:
    """Return the way for single queries; None where the network has parts it does not know."""
    tower = network.text_tower
    known = (
        isinstance(network.image_tower, FeatureHead)
        and isinstance(network.fusion, Gated)
        and isinstance(tower.rnn, nn.GRU)
        and tower.rnn.num_layers == 1
        and tower.pooling == "mean_max"
    )
    return OneQuery(network) if known else None


class _Linear(NamedTuple):
    """``x @ weight + bias``."""

    weight: NDArray[np.float32]
    bias: Row | np.float32

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return x @ self.weight + self.bias


def _linear(layer: nn.Module) -> _Linear:
    assert isinstance(layer, nn.Linear)
    bias = np.float32(0) if layer.bias is None else _array(layer.bias)
    return _Linear(_array(layer.weight).T, bias)


def _norm(layer: nn.LayerNorm, x: Row) -> Row:
    away = x - x.mean()
    scale = np.sqrt(away @ away / np.float32(len(x)) + np.float32(layer.eps))
    return away / scale * _array(layer.weight) + _array(layer.bias)


def _unit(x: Row) -> Row:
    return x / max(np.sqrt(x @ x), _LEAST)


def _array(parameter: Tensor) -> NDArray[Any]:
    return parameter.detach().numpy()


class _ImageHead:
    """`FeatureHead` for one row."""

    def __init__(self, head: FeatureHead) -> None:
        self._head = head
        self._skip = _linear(head.skip)
        self._inner, self._outer = _linear(head.deep[0]), _linear(head.deep[3])

    def __call__(self, features: Row) -> Row:
        head = self._head
        away = (features - _array(head.mean)) / _array(head.deviation)
        near = np.clip(away, -_STANDARD, _STANDARD)
        deep = self._outer(np.maximum(self._inner(near), 0))
        return _norm(head.norm, self._skip(near) + deep)


class _Words(NamedTuple):
    """F_text, its projection, and the vector of the text alone before it is brought to length 1."""

    text: Row
    projected: Row
    alone: Row


class _Fusion:
    """`Gated` for one row."""

    def __init__(self, fusion: Gated) -> None:
        self._gate = _linear(fusion.gate)
        self._image, self._text = _linear(fusion.project_image), _linear(fusion.project_text)
        self._mix = _linear(fusion.mix[0]), _linear(fusion.mix[2])
        self._no_image, self._no_text = _array(fusion.no_image), _array(fusion.no_text)

    @property
    def nothing(self) -> Row:
        return np.zeros(len(self._no_image), np.float32)

    def words(self, text: Row) -> _Words:
        projected = self._text(text)
        return _Words(text, projected, projected + self._no_image)

    def picture(self, image: Row) -> Row:
        return _unit(self._image(image) + self._no_text)

    def both(self, image: Row, words: _Words, lean: float) -> Row:
        pair = np.concatenate([image, words.text])
        gate = _sigmoid(self._gate(pair) - np.float32(lean))
        first, second = self._mix
        mixed = second(np.maximum(first(pair), 0))
        return _unit(self._image(image) * gate + words.projected * (1 - gate) + mixed)


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5)  # never overflows


class _TextReader:
    """`TextTower` for one text."""

    def __init__(self, tower: TextTower) -> None:
        assert isinstance(tower.rnn, nn.GRU)
        self._tower = tower
        self._states = _Gru(tower.rnn)
        self._connect = _linear(tower.connect)
        self._project = None if tower.project is None else _linear(tower.project)
        self._straight = None if tower.straight is None else _linear(tower.straight)

    def __call__(self, text: TextBatch) -> Row:
        tower = self._tower
        ids, starts = text.ids.numpy(), text.token_offsets.numpy()
        priors = None if text.priors is None else text.priors.numpy()
        tokens = _bags(tower.table, ids, starts)  # (T, word_size)
        if self._project is not None and priors is not None:
            tokens = tokens + self._project(priors)
        states = self._states(tokens)  # (T, states)
        row = self._connect(np.concatenate([states.mean(0), states.max(0)]))
        if self._straight is not None and priors is not None:
            row = row + self._straight(_unit(priors.sum(0)))
        if tower.bag is not None:
            own = _bags(tower.bag, ids, starts).sum(0)
            row = row + own / np.sqrt(np.float32(len(starts)))
        assert isinstance(tower.norm, nn.LayerNorm)
        return _norm(tower.norm, row)


def _bags(
    table: nn.EmbeddingBag, ids: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the mean row of each token's ids, (n_tokens, width)."""
    rows = _array(table.weight)[ids]
    if len(ids) == len(starts):  # all words are known
        return rows
    widths = np.diff(starts, append=len(ids)).astype(np.float32)
    sums: NDArray[np.float32] = np.add.reduceat(rows, starts, axis=0)
    return sums / widths[:, None]


class _Gru:
    """One recurrent layer, both directions in step: every product serves two."""

    def __init__(self, rnn: nn.GRU) -> None:
        ends = ["l0", "l0_reverse"] if rnn.bidirectional else ["l0"]

        def stacked(kind: str) -> NDArray[np.float32]:
            return np.stack([_array(getattr(rnn, f"{kind}_{end}")) for end in ends])

        self._size, self._directions = rnn.hidden_size, len(ends)
        self._given = np.ascontiguousarray(stacked("weight_ih").transpose(0, 2, 1))
        self._kept = np.ascontiguousarray(stacked("weight_hh").transpose(0, 2, 1))
        self._given_bias = stacked("bias_ih")[:, None]
        self._kept_bias = stacked("bias_hh")[:, None]

    def __call__(self, tokens: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map token vectors (T, word_size) to states (T, directions * rnn_size)."""
        size, steps = self._size, len(tokens)
        given = tokens @ self._given + self._given_bias  # (directions, T, 3 * rnn_size)
        if self._directions == 2:
            given[1] = given[1, ::-1].copy()
        state = np.zeros((self._directions, 1, size), np.float32)
        states = np.empty((self._directions, steps, size), np.float32)
        for step in range(steps):
            kept = state @ self._kept + self._kept_bias
            now = given[:, step : step + 1]
            gates = _sigmoid(now[..., : 2 * size] + kept[..., : 2 * size])
            reset, update = gates[..., :size], gates[..., size:]
            fresh = np.tanh(now[..., 2 * size :] + reset * kept[..., 2 * size :])
            state = fresh + update * (state - fresh)
            states[:, step] = state[:, 0]
        if self._directions == 2:
            states[1] = states[1, ::-1].copy()
        return np.concatenate([*states], axis=1)
