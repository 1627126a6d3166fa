"""A single query in numpy is the network's own answer, whatever the query holds."""

import numpy as np
import pytest
import torch

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.network import FusionNetwork, Shape
from core_embeddings.one_query import one_query
from core_embeddings.text_tower import TextBatch

WIDTH, PRIOR, ROWS = 30, 12, 40


def network(*, prior_size=PRIOR, **settings):
    torch.manual_seed(0)
    sizes = {"tower_size": 24, "embedding_size": 16, "word_size": 8, "rnn_size": 10}
    config = EmbedderConfig(**{**sizes, "text_lean": -0.7, "text_residual": 0.5, **settings})
    made = FusionNetwork(config, Shape(WIDTH, ROWS, prior_size), {"color": 3}).eval()
    with torch.no_grad():  # what starts as nought or one would hide mistakes
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        made.image_tower.mean.normal_()
        made.image_tower.deviation.uniform_(0.1, 2)
    return made


def text_of(widths, *, prior_size=PRIOR):
    """Make a text whose tokens have so many rows each."""
    generator = torch.Generator().manual_seed(len(widths))
    priors = torch.randn((len(widths), prior_size), generator=generator) if prior_size else None
    return TextBatch(
        torch.randint(1, ROWS, (sum(widths),), generator=generator),
        torch.tensor([sum(widths[:n]) for n in range(len(widths))], dtype=torch.int64),
        torch.tensor([len(widths)]),
        priors,
    )


def expected(made, features, text):
    with torch.inference_mode():
        read = made.read(text) if text is not None else torch.zeros(1, 24)
        seen = torch.zeros_like(read)
        if features is not None:
            seen = made.see(torch.from_numpy(features)[None])
        sees = torch.tensor([features is not None])
        reads = torch.tensor([text is not None and len(text.token_offsets) > 0])
        return made.embed(seen, read, sees, reads).numpy()[0]


FEATURES = np.random.default_rng(0).normal(size=WIDTH).astype(np.float32) * 20


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bidirectional": False},
        {"prior_size": 0},
        {"word_shortcut": False, "word_bag": False},
    ],
    ids=["default", "one direction", "no pretrained vectors", "no shortcuts"],
)
@pytest.mark.parametrize("widths", [[1], [1, 1, 1, 1, 1], [3, 1, 5]])
@pytest.mark.parametrize("features", [FEATURES, None], ids=["picture", "words alone"])
def test_a_query_of_words_is_the_networks_own_answer(settings, widths, features):
    made = network(**settings)
    text = text_of(widths, prior_size=settings.get("prior_size", PRIOR))
    found = one_query(made).vector(features, text)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(made, features, text), atol=2e-6)


def test_a_picture_alone_and_nothing_at_all_are_the_networks_own_answers_too():
    made = network()
    np.testing.assert_allclose(
        one_query(made).vector(FEATURES, None), expected(made, FEATURES, None), atol=2e-6
    )
    nothing = one_query(made).vector(None, text_of([]))
    assert nothing.shape == (16,) and not nothing.any()


def test_a_balance_that_is_set_later_is_heeded():
    made = network()
    one, text = one_query(made), text_of([1, 2])
    made.text_lean, made.text_residual = 1.1, 2.0
    np.testing.assert_allclose(
        one.vector(FEATURES, text), expected(made, FEATURES, text), atol=2e-6
    )


@pytest.mark.parametrize(
    "settings", [{"fusion": "concat_relu"}, {"rnn": "lstm"}, {"pooling": "last"}, {"layers": 2}]
)
def test_networks_of_other_parts_are_left_to_torch(settings):
    assert one_query(network(**settings)) is None
