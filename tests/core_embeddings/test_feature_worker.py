"""Batches in threads: the same features, one engine for all, chosen when it pays."""

import threading

import numpy as np
import pytest
from PIL import Image

from core_embeddings import feature_worker
from core_embeddings.engines import PROBES
from core_embeddings.feature_spec import FeatureSpec
from core_embeddings.feature_worker import WORTH, FeatureWorker
from core_embeddings.frozen_features import FrozenFeatures
from core_embeddings.images import image_digest
from core_embeddings.runtime import Runtime

SPEC = FeatureSpec(backbone="mobilenet_v3_small", weights="random", image_size=32)


class Marked:
    """Not the reference: adds a hundred to all it is given."""

    name, exact = "marked", False

    def __init__(self, inner):
        self._inner = inner
        self.threads = set()

    def __call__(self, pixels):
        self.threads.add(threading.current_thread().name)
        return self._inner(pixels) + 100


@pytest.fixture
def choices(monkeypatch):
    """Make `Marked` the engine of choice, and note on how many images it was checked."""
    made = []

    def choose(offers, reference, probes):
        made.append(len(probes))
        return Marked(reference)

    monkeypatch.setattr(feature_worker, "choose_engine", choose)
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for n in range(WORTH):
        pixels = generator.integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{n}.png")
    return [folder / f"{n}.png" for n in range(WORTH)]


def digests(files):
    return [image_digest(file) for file in files]


def test_few_images_are_the_references_and_many_the_chosen_engines(files, choices):
    few = FrozenFeatures(SPEC).for_images(files[:40], digests(files[:40]))
    assert not choices
    features = FrozenFeatures(SPEC, runtime=Runtime(workers=3))
    many = features.for_images(files, digests(files))
    assert choices == [PROBES] and features.engine_name == "marked"
    for digest in digests(files[:40]):
        means = slice(0, -245)
        difference = many[digest][means] - few[digest][means]
        np.testing.assert_allclose(difference, 100, atol=0.1)
        np.testing.assert_array_equal(many[digest][-245:], few[digest][-245:])


def test_images_that_come_one_by_one_count_together(files, choices):
    worker = FeatureWorker(SPEC, SPEC.load(), Runtime(), max_pixels=10**6)
    for n, file in enumerate(files):
        worker.expect(1)
        assert worker({"d": file}).exact == (n < WORTH - 1)
    assert choices == [PROBES]


@pytest.mark.parametrize(("precision", "tries"), [("auto", [False, True]), ("bfloat16", [True])])
def test_engines_that_must_be_fitted_are_tried_when_many_images_come_or_when_asked_for(
    files, monkeypatch, precision, tries
):
    tried = []

    def offered(tower, runtime, *, size, pictures):
        tried.append(pictures is not None)
        return iter([])

    monkeypatch.setattr(feature_worker, "candidates", offered)
    monkeypatch.setattr(feature_worker, "WORTH_ROUNDING", 2 * WORTH)
    worker = FeatureWorker(SPEC, SPEC.load(), Runtime(precision=precision), max_pixels=10**6)
    batch = {str(n): file for n, file in enumerate(files[:PROBES])}
    for _ in range(4):
        worker.expect(WORTH)
        worker(batch)
    assert tried == tries


def test_lower_precision_is_kept_apart_and_never_read_by_float32(files, choices, tmp_path):
    auto = FrozenFeatures.with_cache(SPEC, tmp_path, runtime=Runtime())
    names = digests(files)
    found = auto.for_images(files, names)
    assert sorted(file.name for file in tmp_path.glob("*.sqlite")) == [
        f"{SPEC.key}-reduced.sqlite",
        f"{SPEC.key}.sqlite",
    ]
    gone = ["nowhere.png"] * len(files)  # reading a file would fail
    again = FrozenFeatures.with_cache(SPEC, tmp_path, runtime=Runtime()).for_images(gone, names)
    np.testing.assert_array_equal(again[names[0]], found[names[0]])
    exact = FrozenFeatures.with_cache(SPEC, tmp_path, runtime=Runtime(precision="float32"))
    assert np.abs(exact.for_images(files[:1], names[:1])[names[0]] - found[names[0]]).max() > 50
    # What float32 has answered is from now on the answer, for all.
    mixed = FrozenFeatures.with_cache(SPEC, tmp_path, runtime=Runtime()).for_images(gone, names)
    np.testing.assert_array_equal(mixed[names[0]], exact.for_images(files[:1], names[:1])[names[0]])


def test_every_thread_does_whole_batches(files, monkeypatch):
    seen = []

    def choose(offers, reference, probes):
        seen.append(Marked(reference))
        return seen[0]

    monkeypatch.setattr(feature_worker, "choose_engine", choose)
    FrozenFeatures(SPEC, runtime=Runtime(workers=2)).for_images(files, digests(files))
    assert seen[0].threads and all(name.startswith("features") for name in seen[0].threads)
    assert not [t for t in threading.enumerate() if t.name.startswith("features")]
