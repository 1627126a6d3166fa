"""Which engine runs is decided by agreement with float32 on real images, and by nothing else."""

import logging
import sys

import numpy as np
import pytest
import torch

from core_embeddings import engines, openvino_engine
from core_embeddings.backbones import load_backbone
from core_embeddings.engines import (
    AGREEMENT,
    Candidate,
    TorchEngine,
    candidates,
    choose_engine,
    likeness,
    lowest_cosine,
)
from core_embeddings.errors import MissingExtraError
from core_embeddings.pooled_tower import PooledTower
from core_embeddings.runtime import Runtime

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


class Fake:
    """Gives the mean colours, in one of the images turned by an angle."""

    def __init__(self, name, angle=0.0):
        self.name, self.exact, self._angle = name, True, angle

    def __call__(self, pixels):
        features = pixels.mean(axis=(1, 2)).astype(np.float32)
        x, y = features[-1, :2]
        cos, sin = np.cos(self._angle), np.sin(self._angle)
        features[-1] = cos * x - sin * y, sin * x + cos * y, 0
        return features


def offer(name, **made):
    return Candidate(name, lambda: Fake(name, **made))


def refused():
    raise RuntimeError("no such instruction")


@pytest.fixture(scope="module")
def tower():
    return PooledTower(load_backbone("mobilenet_v3_small", "random"))


def test_the_first_engine_that_agrees_is_taken_and_those_behind_it_are_not_made():
    offers = iter([offer("wrong", angle=0.1), offer("right"), Candidate("late", refused)])
    assert choose_engine(offers, Fake("reference"), PIXELS).name == "right"


def test_one_image_that_disagrees_is_enough_to_fall_back_and_the_log_says_so(caplog):
    caplog.set_level(logging.INFO, logger="core_embeddings.engines")
    chosen = choose_engine(iter([offer("rough", angle=0.06)]), Fake("reference"), PIXELS)
    assert chosen.name == "reference"
    assert "rough gives other features than float32 (likeness " in caplog.text


def test_an_engine_that_fails_is_passed_over_with_a_warning(caplog):
    chosen = choose_engine(iter([Candidate("new", refused)]), Fake("reference"), PIXELS)
    assert chosen.name == "reference"
    assert "new cannot be used (no such instruction)" in caplog.text


def test_an_engine_that_gives_nan_is_not_taken():
    broken = Fake("broken", angle=float("nan"))
    offers = iter([Candidate("broken", lambda: broken)])
    assert choose_engine(offers, Fake("reference"), PIXELS).name == "reference"


def test_the_lowest_cosine_is_that_of_the_worst_row():
    found = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    assert lowest_cosine(found, np.array([[1, 0], [1, 0], [0, 0]])) == pytest.approx(0.5**0.5)
    assert lowest_cosine(found, np.array([[1, 0], [1, 1], [0, 1]])) == 0


def test_likeness_is_of_what_differs_between_pictures_not_of_what_all_share():
    expected = np.array([[100, 1, 0], [100, 0, 1], [100, -1, 0], [100, 0, -1]], np.float32)
    turned = expected[:, [0, 2, 1]] * [1, 1, -1]  # a quarter of a turn around what all share
    assert likeness(expected, expected) == pytest.approx(1)
    assert lowest_cosine(turned, expected) > 0.999
    assert likeness(turned, expected) == pytest.approx(0, abs=1e-6)
    assert np.isnan(likeness(np.full_like(expected, np.nan), expected))


def names(tower, **runtime):
    return [offer.name for offer in candidates(tower, Runtime(**runtime), size=32)]


def test_a_gpu_comes_first_where_there_is_one(tower, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert names(tower)[:2] == ["torch bfloat16 on cuda", "torch float32 on cuda"]
    assert names(tower, precision="float32", engine="torch") == [
        "torch float32 on cuda",
        "torch float32 on cpu",
    ]


def test_bfloat16_is_offered_only_where_the_processor_has_it(tower, monkeypatch):
    monkeypatch.setattr(engines, "cpu_has_bfloat16", lambda: False)
    assert names(tower, engine="torch") == ["torch float32 on cpu"]
    monkeypatch.setattr(engines, "cpu_has_bfloat16", lambda: True)
    assert names(tower, engine="torch") == ["torch bfloat16 on cpu", "torch float32 on cpu"]


def test_openvino_by_name_but_not_installed_names_the_extra(tower, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert names(tower, precision="float32") == ["torch float32 on cpu"]
    with pytest.raises(MissingExtraError, match=r"openvino.*\[fast\]"):
        names(tower, engine="openvino")


def test_an_openvino_that_does_not_load_is_passed_over_with_a_warning(tower, monkeypatch, caplog):
    def broken():
        raise ImportError("libtbb is missing")

    monkeypatch.setattr(engines, "is_installed", lambda name: True)
    monkeypatch.setattr(engines, "cpu_has_bfloat16", lambda: False)
    monkeypatch.setattr(openvino_engine, "has_bfloat16", broken)
    assert names(tower) == ["torch float32 on cpu"]
    assert "OpenVINO cannot be used (libtbb is missing)" in caplog.text


def test_torch_in_bfloat16_agrees_leaves_the_tower_alone_and_says_it_is_not_exact(tower):
    before = {name: value.clone() for name, value in tower.state_dict().items()}
    exact, low = TorchEngine(tower), TorchEngine(tower, precision=torch.bfloat16)
    assert (exact.exact, low.exact) == (True, False)
    assert lowest_cosine(low(PIXELS), exact(PIXELS)) > AGREEMENT
    assert (low(PIXELS) != exact(PIXELS)).any()
    for name, value in tower.state_dict().items():
        assert value.dtype == before[name].dtype and torch.equal(value, before[name])
