"""A whole training, cut inside an epoch and continued by the next call."""

import pandas as pd
import pytest
import torch

from core_embeddings import trainer
from core_embeddings.checkpoint import read_checkpoint
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_training import train_embedder

CONFIG = EmbedderConfig(
    backbone="pixels",
    image_size=16,
    word_vectors="none",
    min_count=1,
    buckets=20,
    tower_size=12,
    embedding_size=8,
    word_size=8,
    rnn_size=8,
    batch_size=8,
    epochs=2,
)


class Cut(Exception):
    """A kill, as a test can have it."""


@pytest.fixture(scope="module")
def products():
    titles = [f"{('dress', 'shoe', 'lamp')[i % 3]} {i % 7}" for i in range(34)]
    frame = pd.DataFrame({"title": titles, "category": [title.split()[0] for title in titles]})
    frame["product_id"] = [f"P{i}" for i in range(34)]
    frame["description"] = frame["brand"] = ""
    frame["image"] = frame["image_digest"] = pd.Series([()] * 34, dtype=object)
    return frame


@pytest.fixture(scope="module")
def train(products):
    split = pd.Series(["train"] * 24 + ["val"] * 10)

    def train(checkpoint=None):
        return train_embedder(
            products,
            split=split,
            fields=["category"],
            config=CONFIG,
            checkpoint=checkpoint,
            checkpoint_seconds=0.0,
        )

    return train


@pytest.fixture(scope="module")
def whole(train):
    return train().fingerprint


@pytest.mark.parametrize("writes", range(1, 9))
def test_a_training_cut_after_any_checkpoint_ends_in_the_same_embedder(
    train, whole, tmp_path, monkeypatch, writes
):
    """Each of the two epochs writes after each of its three batches and at its end."""
    write, done = trainer.write_checkpoint, []

    def cutting(path, checkpoint):
        write(path, checkpoint)
        done.append(path)
        if len(done) == writes:
            raise Cut

    path = tmp_path / "checkpoint"
    with monkeypatch.context() as patch, pytest.raises(Cut):
        patch.setattr(trainer, "write_checkpoint", cutting)
        train(path)
    epochs, batches = divmod(writes, 4)
    notes = read_checkpoint(path).notes
    assert (len(notes["history"]), notes["batches_done"]) == (epochs, batches)
    torch.rand(3)  # whatever was drawn in between
    assert train(path).fingerprint == whole
