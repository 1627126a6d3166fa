"""The first weights of the article's network."""

import torch
from torch import nn

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.initialisation import WORD_DEVIATION, initialise
from core_embeddings.network import FusionNetwork, Shape


def drawn(module):
    torch.manual_seed(0)
    initialise(module)
    return module


def test_recurrent_gates_are_orthogonal_input_gates_glorot_and_forget_gates_open():
    rnn = drawn(nn.LSTM(6, 5, num_layers=2))
    for layer, width in ((0, 6), (1, 5)):
        for gate in getattr(rnn, f"weight_hh_l{layer}").split(5):
            assert torch.allclose(gate @ gate.T, torch.eye(5), atol=1e-5)
        limit = (6 / (width + 5)) ** 0.5
        gates = getattr(rnn, f"weight_ih_l{layer}").split(5)
        assert all(0.7 * limit < gate.abs().max() <= limit for gate in gates)
        expected = torch.cat([torch.zeros(5), torch.ones(5), torch.zeros(10)])
        assert torch.equal(getattr(rnn, f"bias_ih_l{layer}"), expected)
        assert torch.equal(getattr(rnn, f"bias_hh_l{layer}"), torch.zeros(20))


def test_a_gru_has_no_forget_gate_to_open():
    rnn = drawn(nn.GRU(3, 2))
    assert not rnn.bias_ih_l0.any() and not rnn.bias_hh_l0.any()


def test_matrices_and_kernels_are_glorot_and_biases_zero():
    whole = drawn(nn.Sequential(nn.Linear(10, 6), nn.Conv2d(3, 4, 3), nn.Linear(2, 2, bias=False)))
    for layer, fans in ((whole[0], 16), (whole[1], 27 + 36)):
        limit = (6 / fans) ** 0.5
        assert 0.8 * limit < layer.weight.abs().max() <= limit
        assert not layer.bias.any()


def test_words_begin_with_the_deviation_they_are_given():
    table = drawn(nn.EmbeddingBag(500, 20))
    assert abs(float(table.weight.detach().std()) / WORD_DEVIATION - 1) < 0.05


def test_only_the_articles_objective_begins_so():
    def bias(preset):
        config = EmbedderConfig.for_preset(preset, backbone="pixels", image_size=16, rnn="lstm")
        return FusionNetwork(config, Shape(0, 20, 0), {}).text_tower.rnn.bias_ih_l0

    size = EmbedderConfig.for_preset("article").rnn_size
    assert torch.equal(bias("article")[size : 2 * size], torch.ones(size))
    assert bias("default").unique().numel() > 2
