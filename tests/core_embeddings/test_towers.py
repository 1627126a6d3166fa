"""Blocks: bounded in number, equal to the whole, pictures computed ahead."""

import threading
import weakref

import numpy as np
import pandas as pd
import pytest
import torch

from core_embeddings import towers
from core_embeddings.towers import blocks_ahead


class Features:
    """Counts which rows are alive: one float per product, its own number."""

    def __init__(self):
        self.alive, self.most, self.calls = weakref.WeakSet(), 0, []

    def for_products(self, images, digests):
        self.calls.append((threading.current_thread().name, torch.get_num_threads()))
        rows = Counted((len(images), 1))
        rows[:, 0] = [float(own[0]) if own else 0 for own in images]
        self.alive.add(rows)
        self.most = max(self.most, len(self.alive))
        return rows


class Counted(np.ndarray):
    """An array that can be referred to weakly."""

    def __new__(cls, shape):
        return np.zeros(shape).view(cls)

    __hash__ = object.__hash__


@pytest.fixture
def frame(monkeypatch):
    monkeypatch.setattr(towers, "ROWS_AT_ONCE", 4)
    cells = [(str(n),) for n in range(90)]
    return pd.DataFrame({"image": cells, "image_digest": cells})


def test_blocks_make_up_the_frame_in_its_order(frame):
    blocks = list(blocks_ahead(frame, Features()))
    assert [len(block.frame) for block in blocks] == [4] * 22 + [2]
    pd.testing.assert_frame_equal(pd.concat([block.frame for block in blocks]), frame)
    assert np.concatenate([block.features[:, 0] for block in blocks]).tolist() == list(range(90))


def test_never_are_more_than_three_blocks_of_features_alive(frame):
    features = Features()
    for block in blocks_ahead(frame, features):
        assert len(block.features)
    assert 1 <= features.most <= 3
    assert len(features.calls) == 23


def test_pictures_are_computed_in_another_thread_with_one_thread_of_torch(frame):
    features, before = Features(), torch.get_num_threads()
    assert all(len(block.features) for block in blocks_ahead(frame, features))
    assert {threads for _, threads in features.calls} == {1}
    assert all(name.startswith("blocks") for name, _ in features.calls)
    assert torch.get_num_threads() == before


def test_a_block_is_handed_over_before_its_pictures_are_done(frame):
    gate = threading.Event()

    class Slow(Features):
        def for_products(self, images, digests):
            gate.wait(5)
            return super().for_products(images, digests)

    blocks = blocks_ahead(frame, Slow())
    first = next(blocks)
    assert len(first.frame) == 4 and not gate.is_set()
    gate.set()
    assert first.features[:, 0].tolist() == [0, 1, 2, 3]


def test_where_no_picture_is_looked_at_there_are_zeros(frame):
    for block in blocks_ahead(frame, Features(), see=False):
        assert not block.features.any()


def test_an_empty_frame_has_no_blocks(frame):
    assert list(blocks_ahead(frame[:0], Features())) == []
