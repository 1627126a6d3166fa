"""The RNN over product text: word vectors, recurrent layers, pooling, F_text."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from core_embeddings.embedder_config import PoolingName, RnnName

STRAIGHT_GAIN = 4.0
"""Scale of the shortcut's first weights: training begins with what words mean."""


class TextBatch(NamedTuple):
    """Texts as numbers.

    Attributes
    ----------
    ids
        int64 of shape (n_ids,): word ids, or several n-gram bucket ids for an unseen word.
    token_offsets
        int64 of shape (n_tokens,): where each token's ids start.
    lengths
        int64 of shape (n,): tokens per text, 0 for no text.
    priors
        float32 of shape (n_tokens, prior_size): pretrained vector of each token, or None.
    """

    ids: Tensor
    token_offsets: Tensor
    lengths: Tensor
    priors: Tensor | None


class TextTower(nn.Module):
    """Embedding (own table plus projected pretrained vectors), RNN, pooling, projection.

    Parameters
    ----------
    rows
        Rows of the embedding table: padding, words and n-gram buckets.
    word_size
        Width of a token's vector, x_t.
    prior_size
        Width of the pretrained word vectors; 0 for none.
    rnn
        ``relu`` is the article's h_t = ReLU(W_h[h_{t-1}, x_t] + b_h); ``gru``, ``lstm`` as usual.
    rnn_size, layers, bidirectional
        Shape of the recurrent part.
    pooling
        ``last`` state (the article) or mean and max over time.
    size
        Width D of F_text.
    dropout
        Dropout on token vectors and on the pooled state.
    shortcut
        Let the direction of the mean pretrained vector reach F_text without passing the RNN: what
        words mean, whatever their order and however few texts there were to learn from.
    bag
        Let each word and n-gram add a learned vector of its own to F_text, whatever its order: what
        a linear model on words can say, without waiting for the RNN to learn it.

    References
    ----------
    Cho et al., 2014 (GRU); Hochreiter and Schmidhuber, 1997 (LSTM); for the bag: Cheng et al.,
    "Wide & Deep Learning for Recommender Systems", 2016.
    """

    def __init__(
        self,
        *,
        rows: int,
        word_size: int,
        prior_size: int,
        rnn: RnnName,
        rnn_size: int,
        layers: int,
        bidirectional: bool,
        pooling: PoolingName,
        size: int,
        dropout: float,
        shortcut: bool = False,
        bag: bool = False,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.table = nn.EmbeddingBag(rows, word_size, mode="mean")
        self.project = nn.Linear(prior_size, word_size, bias=False) if prior_size else None
        nn.init.normal_(self.table.weight, std=0.03 if prior_size else 0.1)
        self.dropout = nn.Dropout(dropout)
        shape = {"batch_first": True, "num_layers": layers, "bidirectional": bidirectional}
        self.rnn: nn.Module
        if rnn == "relu":
            self.rnn = nn.RNN(word_size, rnn_size, nonlinearity="relu", **shape)
        else:
            kind = nn.GRU if rnn == "gru" else nn.LSTM
            self.rnn = kind(word_size, rnn_size, **shape)
        states = rnn_size * (2 if bidirectional else 1)
        self.connect = nn.Linear(states * (2 if pooling == "mean_max" else 1), size)
        straight = shortcut and prior_size > 0
        self.straight = nn.Linear(prior_size, size, bias=False) if straight else None
        if self.straight is not None:
            nn.init.orthogonal_(self.straight.weight, gain=STRAIGHT_GAIN)
        self.bag = nn.EmbeddingBag(rows, size, mode="mean") if bag else None
        if self.bag is not None:
            nn.init.zeros_(self.bag.weight)
        self.norm = nn.LayerNorm(size) if pooling == "mean_max" else nn.Identity()

    def forward(self, batch: TextBatch) -> Tensor:
        """Map texts to F_text of shape (n, D); a text without tokens gives a zero row."""
        lengths = batch.lengths
        present = lengths > 0
        size = self.connect.out_features
        if not bool(present.any()):
            return self.connect.weight.new_zeros(len(lengths), size)
        tokens = self._token_vectors(batch)  # (n_tokens, word_size)
        steps = _pad(tokens, lengths[present])  # (m, T, word_size)
        pooled = self._pool(steps, lengths[present])  # (m, states)
        connected = self.connect(self.dropout(pooled))
        if self.straight is not None and batch.priors is not None:
            meaning = _directions(batch.priors, lengths)[present]  # (m, prior_size)
            connected = connected + self.straight(self.dropout(meaning))
        if self.bag is not None:
            own = _sums(self.bag(batch.ids, batch.token_offsets), lengths)[present]  # (m, D)
            connected = connected + self.dropout(own / lengths[present][:, None].sqrt())
        features = self.norm(connected)
        result = features.new_zeros(len(lengths), size)
        return result.index_put((present.nonzero()[:, 0],), features)

    def _token_vectors(self, batch: TextBatch) -> Tensor:
        tokens = self.table(batch.ids, batch.token_offsets)
        if self.project is not None and batch.priors is not None:
            tokens = tokens + self.project(batch.priors)
        return self.dropout(tokens)

    def _pool(self, steps: Tensor, lengths: Tensor) -> Tensor:
        # Packed, so that a text's vector does not depend on the padding of its batch.
        packed = pack_padded_sequence(steps, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.rnn(packed)
        if self.pooling == "last":
            hidden = last[0] if isinstance(last, tuple) else last  # (layers * directions, m, rnn)
            directions = 2 if self.rnn.bidirectional else 1
            return torch.cat(list(hidden[-directions:]), dim=1)
        return _mean_max(states, steps.shape[1])


def _directions(priors: Tensor, lengths: Tensor) -> Tensor:
    """Return the direction of the mean vector of each text, (n, prior_size)."""
    return nn.functional.normalize(_sums(priors, lengths), dim=1)


def _sums(tokens: Tensor, lengths: Tensor) -> Tensor:
    """Add up the token vectors (n_tokens, w) of each text: (n, w)."""
    texts = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)
    return tokens.new_zeros(len(lengths), tokens.shape[1]).index_add_(0, texts, tokens)


def _pad(tokens: Tensor, lengths: Tensor) -> Tensor:
    """Spread (n_tokens, w) over (m, T, w), zeros behind each text."""
    steps = tokens.new_zeros(len(lengths), int(lengths.max()), tokens.shape[1])
    inside = torch.arange(steps.shape[1], device=lengths.device)[None, :] < lengths[:, None]
    return steps.masked_scatter(inside[:, :, None], tokens)


def _mean_max(packed: PackedSequence, width: int) -> Tensor:
    states, lengths = pad_packed_sequence(packed, batch_first=True, total_length=width)
    lengths = lengths.to(states.device)
    inside = (torch.arange(width, device=states.device)[None, :] < lengths[:, None])[:, :, None]
    mean = (states * inside).sum(1) / lengths[:, None]
    peak = states.masked_fill(~inside, float("-inf")).amax(1)
    return torch.cat([mean, peak], dim=1)
