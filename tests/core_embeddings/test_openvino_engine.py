"""OpenVINO gives what torch gives, whatever the number of images, and reports to nobody."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("openvino", reason="the extra [fast] is not installed")

from core_embeddings.backbones import load_backbone
from core_embeddings.engines import AGREEMENT, TorchEngine, lowest_cosine
from core_embeddings.openvino_engine import openvino_candidates
from core_embeddings.pooled_tower import PooledTower

PIXELS = np.random.default_rng(0).integers(0, 256, (11, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def tower():
    return PooledTower(load_backbone("mobilenet_v3_small", "random"))


@pytest.fixture(scope="module")
def expected(tower):
    return TorchEngine(tower)(PIXELS)


@pytest.fixture(scope="module")
def offers(tower):
    return dict(openvino_candidates(tower, size=32, streams=2, low=True, pictures=PIXELS))


def names(tower, **settings):
    return [name for name, _ in openvino_candidates(tower, size=32, streams=1, **settings)]


def test_the_more_bfloat16_the_earlier_it_is_offered_and_rounding_only_with_pictures(tower, offers):
    assert list(offers) == [
        "openvino bfloat16",
        "openvino bfloat16 behind stage 3",
        "openvino float32",
    ]
    assert names(tower, low=True) == ["openvino bfloat16", "openvino float32"]
    assert names(tower, low=False, pictures=PIXELS) == ["openvino float32"]


def test_float32_gives_torchs_features_for_any_number_of_images(offers, expected):
    engine = offers["openvino float32"]()
    assert engine.exact
    for count in (1, 3, 8, 11):
        np.testing.assert_allclose(engine(PIXELS[:count]), expected[:count], rtol=1e-3, atol=1e-4)


def test_a_network_cut_in_two_gives_all_its_features_in_their_order(offers, expected):
    engine = offers["openvino bfloat16 behind stage 3"]()
    assert not engine.exact and engine.name == "openvino bfloat16 behind stage 3"
    found = engine(PIXELS)
    assert found.shape == expected.shape
    assert lowest_cosine(found, expected) > AGREEMENT
    # The first stages run in float32, bfloat16 or not.
    np.testing.assert_allclose(found[:, :32], expected[:, :32], rtol=1e-3, atol=1e-4)


def test_threads_share_an_engine_and_none_gets_anothers_features(offers, expected):
    engine = offers["openvino float32"]()
    rows = [n % len(PIXELS) for n in range(60)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda row: engine(PIXELS[row : row + 1])[0], rows))
    np.testing.assert_allclose(found, expected[rows], rtol=1e-3, atol=1e-4)


def test_the_last_stage_alone_can_run_too():
    tower = PooledTower(load_backbone("mobilenet_v3_small", "random"), last_only=True)
    assert names(tower, low=True, pictures=PIXELS) == ["openvino bfloat16", "openvino float32"]


def test_its_telemetry_is_never_loaded():
    code = (
        "import sys\n"
        "from core_embeddings import openvino_engine\n"
        "openvino_engine.has_bfloat16()\n"
        "assert 'openvino' in sys.modules\n"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
