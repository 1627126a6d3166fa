"""Reading by length changes the order of the work and nothing else."""

import logging

import numpy as np
import pytest
import torch

from core_embeddings import text_reader
from core_embeddings.engines import PASSING, lowest_cosine
from core_embeddings.text import Tokenizer
from core_embeddings.text_input import build_text_input
from core_embeddings.text_reader import TextReader
from core_embeddings.text_tower import TextTower

WORDS = [
    "red",
    "blue",
    "green",
    "dress",
    "shoe",
    "lamp",
    "cotton",
    "leather",
    "summer",
    "night",
    "连衣裙",
    "鞋子",
    "台灯",
]


@pytest.fixture(scope="module")
def texts():
    generator = np.random.default_rng(0)
    lengths = generator.integers(0, 20, 300)
    return [" ".join(generator.choice(WORDS, length)) for length in lengths]


@pytest.fixture(scope="module")
def text_input(texts):
    return build_text_input(
        texts,
        Tokenizer(),
        word_vectors=None,
        min_count=1,
        max_words=100,
        buckets=20,
        max_tokens=16,
    )


def tower(text_input, rnn="gru", pooling="mean_max"):
    torch.manual_seed(0)
    return TextTower(
        rows=text_input.vocabulary.size,
        word_size=16,
        prior_size=0,
        rnn=rnn,
        rnn_size=24,
        layers=1,
        bidirectional=pooling == "mean_max",
        pooling=pooling,
        size=12,
        dropout=0.0,
    ).eval()


def rows_one_by_one(made, text_input, tokens):
    with torch.inference_mode():
        return np.vstack([made(text_input.batch([own])).numpy() for own in tokens])


def read(made, text_input, tokens, precision="float32"):
    with torch.inference_mode():
        return TextReader(made, text_input, precision).read(tokens).numpy()


@pytest.mark.parametrize("count", [0, 1, 16, 17, 300])
def test_each_row_is_what_the_tower_says_of_that_text_alone(texts, text_input, count):
    made, tokens = tower(text_input), text_input.tokens(texts[:count])
    found = read(made, text_input, tokens)
    assert found.shape == (count, 12)
    if count:
        expected = rows_one_by_one(made, text_input, tokens)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        empty = [not own for own in tokens]
        assert not found[empty].any()


@pytest.mark.parametrize(("rnn", "pooling"), [("gru", "mean_max"), ("lstm", "last")])
def test_in_bfloat16_every_row_agrees_and_the_tower_is_left_alone(
    texts, text_input, monkeypatch, rnn, pooling
):
    monkeypatch.setattr(text_reader, "cpu_has_bfloat16", lambda: True)
    made, tokens = tower(text_input, rnn, pooling), text_input.tokens(texts)
    exact = read(made, text_input, tokens)
    found = read(made, text_input, tokens, "auto")
    assert (found != exact).any()
    assert lowest_cosine(found, exact) > PASSING
    assert {value.dtype for value in made.state_dict().values()} == {torch.float32}


def test_texts_that_disagree_are_read_in_float32_and_the_log_says_so(
    texts, text_input, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, logger="core_embeddings.text_reader")
    monkeypatch.setattr(text_reader, "cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr(text_reader, "lowest_cosine", lambda *_: 0.9)
    made, tokens = tower(text_input), text_input.tokens(texts)
    exact = read(made, text_input, tokens)
    np.testing.assert_array_equal(read(made, text_input, tokens, "auto"), exact)
    assert "texts are read in float32: bfloat16 reaches a cosine of 0.90000" in caplog.text


def test_texts_of_nothing_decide_nothing(texts, text_input, monkeypatch):
    asked = []
    monkeypatch.setattr(text_reader, "cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr(text_reader, "lowest_cosine", lambda *_: asked.append(1) or 0.9)
    reader = TextReader(tower(text_input), text_input, "auto")
    with torch.inference_mode():
        assert not reader.read([[]] * 40).any() and not asked
        reader.read(text_input.tokens(texts))
    assert asked
