"""The first weights of a network that learns from nothing: those the article's library draws."""

from __future__ import annotations

import torch
from torch import nn

WORD_DEVIATION = 1.0
"""Of the first word vectors; so that F_text begins as large as F_image."""


def initialise(network: nn.Module) -> None:
    """Draw the first weights as Keras does, on whose layers the article's listing stands.

    Matrices and kernels are Glorot uniform, recurrent ones orthogonal, biases zero, and the
    forget gates of an LSTM begin open (bias 1). PyTorch's own begin smaller; where a loss lives on
    what two towers say together, and on nothing that either says alone, small features leave it
    at its saddle point.

    References
    ----------
    Glorot and Bengio, 2010; Saxe, McClelland, Ganguli, 2014 (orthogonal); Jozefowicz, Zaremba,
    Sutskever, 2015 (forget gates).
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.EmbeddingBag):
            nn.init.normal_(module.weight, std=WORD_DEVIATION)
        if isinstance(module, nn.RNNBase):
            _initialise_recurrent(module)


def _initialise_recurrent(module: nn.RNNBase) -> None:
    size = module.hidden_size
    for name, weight in module.named_parameters():
        gates = torch.split(weight.data, size)
        if name.startswith("bias"):
            nn.init.zeros_(weight)
            if isinstance(module, nn.LSTM) and name.startswith("bias_ih"):
                nn.init.ones_(gates[1])  # input, forget, cell, output
            continue
        draw = nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_
        for gate in gates:
            draw(gate)
