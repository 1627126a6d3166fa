from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core_embeddings.backbones import load_backbone
from core_embeddings.colours import COLOUR_BINS, colour_histograms
from core_embeddings.errors import ConfigError
from core_embeddings.feature_cache import FeatureCache
from core_embeddings.frozen_features import FeatureSpec, FrozenFeatures
from core_embeddings.images import decode_image, image_digest, resize_pixels

SPEC = FeatureSpec(backbone="mobilenet_v3_small", weights="random", image_size=32)
PIXELS = FeatureSpec(image_size=8, kind="pixels")


@pytest.fixture
def pictures(tmp_path):
    generator = np.random.default_rng(0)
    paths = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        Image.fromarray(generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(path)
        paths.append(path)
    return paths


def digests_of(paths):
    return [image_digest(path) for path in paths]


def test_stages_are_the_area_means_of_every_map_and_then_the_colours(pictures):
    found = FrozenFeatures(SPEC).for_images(pictures, digests_of(pictures))
    backbone = load_backbone("mobilenet_v3_small", "random")
    for path in pictures:
        pixels = resize_pixels(decode_image(path), 32, "pad")
        scaled = (pixels / 255 - np.array(backbone.mean)) / np.array(backbone.std)
        maps = backbone.module(torch.from_numpy(scaled.transpose(2, 0, 1)[None]).float())
        means = [m[0].numpy().reshape(m.shape[1], -1).mean(axis=1) for m in maps]
        expected = np.concatenate([*means, colour_histograms(pixels[None])[0]])
        features = found[image_digest(path)]
        assert features.dtype == np.float32
        assert features.shape == (SPEC.width,)
        np.testing.assert_allclose(features, expected, rtol=2e-3, atol=2e-3)


def test_last_is_the_block_of_stages_before_the_colours(pictures):
    digests = digests_of(pictures)
    stages = FrozenFeatures(SPEC).for_images(pictures, digests)
    spec = FeatureSpec(SPEC.backbone, SPEC.weights, SPEC.image_size, kind="last")
    last = FrozenFeatures(spec).for_images(pictures, digests)
    assert spec.width == 576
    for digest in digests:
        block = stages[digest][-COLOUR_BINS - 576 : -COLOUR_BINS]
        np.testing.assert_array_equal(last[digest], block)


def test_pixels_are_the_resized_bytes_and_need_no_network(pictures):
    digests = digests_of(pictures)
    found = FrozenFeatures(PIXELS).for_images(pictures, digests)
    for path, digest in zip(pictures, digests, strict=True):
        assert found[digest].dtype == np.uint8
        np.testing.assert_array_equal(found[digest], resize_pixels(decode_image(path), 8, "pad"))


def test_products_get_the_mean_of_their_images_and_zeros_without_one(pictures):
    first, second, third, *_ = pictures
    images = [(first, second), (), (third,)]
    features = FrozenFeatures(SPEC)
    rows = features.for_products(images, [tuple(digests_of(own)) for own in images])
    single = features.for_images(pictures, digests_of(pictures))
    a, b, c = (single[digest] for digest in digests_of([first, second, third]))
    assert rows.shape == (3, SPEC.width)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows[0], (a + b) / 2, rtol=1e-6)
    assert not rows[1].any()
    np.testing.assert_array_equal(rows[2], c)


def test_products_of_the_pixel_kind_take_the_first_image(pictures):
    images = [(pictures[1], pictures[0]), ()]
    rows = FrozenFeatures(PIXELS).for_products(images, [tuple(digests_of(own)) for own in images])
    assert rows.shape == (2, 8, 8, 3)
    assert rows.dtype == np.uint8
    np.testing.assert_array_equal(rows[0], resize_pixels(decode_image(pictures[1]), 8, "pad"))
    assert not rows[1].any()


def test_no_products_give_no_rows():
    assert FrozenFeatures(PIXELS).for_products([], []).shape == (0, 8, 8, 3)


def test_what_is_cached_is_read_and_not_computed_again(pictures, tmp_path):
    cache = FeatureCache(tmp_path / "cache", SPEC.key)
    digests = digests_of(pictures)
    fresh = FrozenFeatures(SPEC, cache).for_images(pictures, digests)
    assert len(cache) == len(pictures)
    gone = [Path("nowhere.png")] * len(pictures)  # reading a file would fail
    again = FrozenFeatures(SPEC, cache).for_images(gone, digests)
    for digest in digests:
        np.testing.assert_array_equal(again[digest], fresh[digest])


def test_the_cache_holds_half_precision(pictures, tmp_path):
    cache = FeatureCache(tmp_path / "cache", SPEC.key)
    digests = digests_of(pictures)
    FrozenFeatures(SPEC, cache).for_images(pictures, digests)
    assert cache.get_many(digests)[digests[0]].dtype == np.float16


def test_an_interrupted_run_keeps_its_batches_and_resumes(pictures, tmp_path):
    paths, digests = pictures * 14, [f"d{number}" for number in range(70)]
    cache = FeatureCache(tmp_path / "cache", PIXELS.key)

    def interrupt(done: int, total: int) -> None:
        assert total == 70
        if done == 64:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FrozenFeatures(PIXELS, cache).for_images(paths, digests, progress=interrupt)
    assert len(cache) == 64
    seen = []
    FrozenFeatures(PIXELS, cache).for_images(
        paths, digests, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(70, 70)]


def test_a_filled_cache_answers_for_all_images_and_says_how_far_it_is(
    pictures, tmp_path, monkeypatch
):
    monkeypatch.setattr("core_embeddings.frozen_features._FILLED", 2)
    features, seen = FrozenFeatures.with_cache(PIXELS, tmp_path / "cache"), []
    features.fill_cache(
        pictures, digests_of(pictures), progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert len(FeatureCache(tmp_path / "cache", PIXELS.key)) == 5


def test_an_image_met_twice_is_computed_once(pictures):
    seen = []
    FrozenFeatures(PIXELS).for_images(
        [pictures[0]] * 3, ["same"] * 3, progress=lambda *step: seen.append(step)
    )
    assert seen == [(1, 1)]


def test_an_image_that_is_gone_is_left_out_with_one_warning(pictures, tmp_path):
    images = [(pictures[0], tmp_path / "gone.png"), (tmp_path / "gone.png",)]
    digests = [("here", "gone"), ("gone",)]
    features = FrozenFeatures(SPEC)
    with pytest.warns(RuntimeWarning, match=r"1 of 2 images .*gone.png: does not exist"):
        rows = features.for_products(images, digests)
    np.testing.assert_array_equal(rows[0], features.for_images([pictures[0]], ["here"])["here"])
    assert not rows[1].any()


def test_a_cache_of_another_spec_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="make it with FeatureCache"):
        FrozenFeatures(PIXELS, FeatureCache(tmp_path, "other"))


def test_with_cache_opens_the_cache_of_its_own_key(pictures, tmp_path):
    features = FrozenFeatures.with_cache(PIXELS, tmp_path / "cache")
    features.for_images(pictures, digests_of(pictures))
    assert len(FeatureCache(tmp_path / "cache", PIXELS.key)) == len(pictures)


def test_key_changes_with_everything_the_features_depend_on():
    specs = [
        SPEC,
        FeatureSpec(SPEC.backbone, "random", 48),
        FeatureSpec(SPEC.backbone, "random", 32, "crop"),
        FeatureSpec(SPEC.backbone, "random", 32, kind="last"),
        FeatureSpec("mobilenet_v2", "random", 32),
        PIXELS,
    ]
    assert len({spec.key for spec in specs}) == len(specs)
    assert SPEC.key == FrozenFeatures(SPEC).key


def test_key_changes_with_the_weights_in_a_file_of_the_same_name(tmp_path):
    file = tmp_path / "mobilenet_v3_small.pth"
    spec = FeatureSpec("mobilenet_v3_small", str(file), 32)
    keys = []
    for seed in (1, 2, 1):
        network = load_backbone("mobilenet_v3_small", "random", seed=seed).module.network
        torch.save({f"features.{k}": v for k, v in network.state_dict().items()}, file)
        keys.append(spec.key)
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "first"}, "kind must be one of stages, last, pixels; got 'first'"),
        ({"resize": "stretch"}, "resize must be one of"),
        ({"image_size": 16}, "at least 32; got 16"),
        ({"image_size": 0, "kind": "pixels"}, "at least 1 pixel"),
        ({"backbone": "mobilenet_v9"}, "unknown backbone 'mobilenet_v9'; did you mean"),
    ],
)
def test_a_spec_out_of_range_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        FeatureSpec(**values)
