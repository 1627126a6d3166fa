"""Where titles say everything the words' vector is worth adding; where pictures do, it is not."""

import numpy as np
import pytest
import torch

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.network import FusionNetwork, Shape
from core_embeddings.residual import CANDIDATES, _mean_ndcg, choose_text_residual
from core_embeddings.text import Tokenizer
from core_embeddings.text_input import build_text_input
from core_embeddings.training_set import TrainingRows

WORDS = [f"word{letter}" for letter in "abcdefgh"]


def make(fused_noise):
    """A network whose query and text vectors are the word itself, and whose fused one is noisy."""
    text_input = build_text_input(
        WORDS, Tokenizer(), word_vectors=None, min_count=1, max_words=99, buckets=5, max_tokens=4
    )
    config = EmbedderConfig(tower_size=8, embedding_size=8, word_vectors="none")
    network = FusionNetwork(config, Shape(8, text_input.vocabulary.size, 0), {}).eval()
    order = {word: place for place, word in enumerate(text_input.vocabulary.words)}

    def read(batch):
        rows = torch.zeros(len(batch.lengths), 8)
        rows[torch.arange(len(rows)), batch.ids - 1] = 1.0
        return rows

    def fuse(image, text, has_image, has_text):
        both = (has_image & has_text)[:, None].float()
        return torch.nn.functional.normalize(text * (1 - both * fused_noise) + image * both, dim=1)

    network.see, network.read, network.fuse = lambda images: images, read, fuse
    present = np.ones(8, dtype=bool)
    wrong = torch.eye(8).roll(1, 0)  # a picture that points at another word
    tokens = [[word] for word in sorted(WORDS, key=order.get)]
    rows = TrainingRows(
        wrong, present, present, tokens, tokens, np.zeros((8, 0), int), np.arange(8), []
    )
    return network, rows, text_input, config


def test_words_that_the_picture_drowns_are_brought_back():
    network, rows, text_input, config = make(fused_noise=1.0)
    chosen = choose_text_residual(network, rows, text_input, config, seed=0)
    assert chosen == 2.0  # at 1.0 the right and the wrong product still tie
    assert network.text_residual == chosen


def test_without_a_gain_nothing_is_added():
    network, rows, text_input, config = make(fused_noise=0.0)
    rows.images.zero_()
    assert choose_text_residual(network, rows, text_input, config, seed=0) == CANDIDATES[0]


def test_mean_ndcg_by_hand():
    scores = np.array([[0.9, 0.5, 0.1], [0.1, 0.5, 0.9]], dtype=np.float32)
    right = np.array([[True, False, False], [True, False, False]])
    # the first query finds it at rank 1, the second at rank 3: 1 / log2(4) = 1/2
    assert _mean_ndcg(scores, right) == pytest.approx((1 + 0.5) / 2)
