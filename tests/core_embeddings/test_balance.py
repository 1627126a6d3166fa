"""Where titles say everything words are leaned on; where pictures do, they are not."""

import numpy as np
import pytest
import torch

from core_embeddings.balance import RESIDUALS, Balance, choose_balance, mean_ndcg
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.facets import Facet
from core_embeddings.network import FusionNetwork, Shape
from core_embeddings.text import Tokenizer
from core_embeddings.text_input import build_text_input
from core_embeddings.training_set import TrainingRows

WORDS = [f"word{letter}" for letter in "abcdefgh"]


def make(*, words, picture, **settings):
    """Eight products in pairs that share a facet, each said by one word.

    ``words`` and ``picture`` are how clearly each tower tells the facet: a tower gives that much of
    the facet's own axis, and the rest of another facet's; pictures are three times as loud. The
    fusion is a weighed sum whose gate ``lean`` moves, and the one head reads the axes off.
    """
    text_input = build_text_input(
        WORDS, Tokenizer(), word_vectors=None, min_count=1, max_words=99, buckets=5, max_tokens=4
    )
    config = EmbedderConfig(tower_size=4, embedding_size=4, word_vectors="none", **settings)
    shape = Shape(4, text_input.vocabulary.size, 0)
    network = FusionNetwork(config, shape, {"kind": 4}).eval()
    order = {word: place for place, word in enumerate(text_input.vocabulary.words)}
    kinds = torch.arange(8) // 2
    axes = torch.eye(4)

    def read(batch):
        kind = kinds[(batch.ids - 1).clamp(max=7)]
        return words * axes[kind] + (1 - words) * axes[(kind + 1) % 4]

    def fuse(image, text, has_image, has_text, *, lean=0.0):
        share = (
            torch.sigmoid(torch.tensor(-lean)) * (has_image & has_text)
            + (has_image & ~has_text).float()
        )
        mixed = image * (share * has_image)[:, None] + text * ((1 - share) * has_text)[:, None]
        return torch.nn.functional.normalize(mixed, dim=1)

    network.see, network.read, network.fuse = lambda images: images, read, fuse
    network.label_logits = lambda vectors: [vectors]
    present = np.ones(8, dtype=bool)
    tokens = [[word] for word in sorted(WORDS, key=order.get)]
    named = Facet("kind", tuple(tokens[2 * kind][0] for kind in range(4)), kinds.numpy())
    images = 3 * (picture * axes[kinds] + (1 - picture) * axes[(kinds + 2) % 4])
    rows = TrainingRows(
        images, present, present, tokens, tokens, kinds.numpy()[:, None], np.arange(8), [named]
    )
    return network, rows, text_input, config


def test_words_are_leaned_on_where_the_picture_misleads():
    network, rows, text_input, config = make(words=1.0, picture=0.1)
    chosen = choose_balance(network, rows, text_input, config, seed=0)
    assert chosen.text_residual > 0 or chosen.text_lean > 0
    assert (network.text_residual, network.text_lean) == chosen
    stored = network.embed(
        rows.images, network.read(text_input.batch(rows.tokens)), *[torch.ones(8) > 0] * 2
    )
    assert stored.argmax(1).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_without_a_gain_nothing_is_moved():
    network, rows, text_input, config = make(words=1.0, picture=1.0)
    assert choose_balance(network, rows, text_input, config, seed=0) == Balance(0.0, 0.0)


def test_a_setting_that_is_given_is_kept_and_the_other_chosen():
    network, rows, text_input, config = make(words=1.0, picture=0.1, text_lean=0.0)
    chosen = choose_balance(network, rows, text_input, config, seed=0)
    assert chosen.text_lean == 0.0
    assert chosen.text_residual in RESIDUALS[1:]


def test_a_fusion_without_a_gate_does_not_lean():
    network, rows, text_input, config = make(words=1.0, picture=0.1, fusion="concat_relu")
    assert choose_balance(network, rows, text_input, config, seed=0).text_lean == 0.0


def test_products_without_pictures_labels_or_facets_are_no_error():
    network, rows, text_input, config = make(words=1.0, picture=0.1)
    rows.has_image[:] = False
    rows.labels[:] = -1
    bare = TrainingRows(*[getattr(rows, name) for name in list(rows.__dataclass_fields__)[:7]], [])
    assert choose_balance(network, bare, text_input, config, seed=0) == Balance(0.0, 0.0)


def test_mean_ndcg_by_hand():
    scores = np.array([[0.9, 0.5, 0.1], [0.1, 0.5, 0.9]], dtype=np.float32)
    right = np.array([[True, False, False], [True, False, False]])
    # the first query finds it at rank 1, the second at rank 3: 1 / log2(4) = 1/2
    assert mean_ndcg(scores, right) == pytest.approx((1 + 0.5) / 2)
    assert mean_ndcg(scores[:0], right[:0]) == 0.0
