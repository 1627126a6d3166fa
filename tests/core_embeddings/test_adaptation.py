"""Between preparing and training: which catalogues are adapted to, and what follows from it."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core_embeddings import adaptation
from core_embeddings.adaptation import adapt, finetune_config, with_features
from core_embeddings.backbones import load_backbone
from core_embeddings.embedder import FusionEmbedder
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.errors import ConfigError
from core_embeddings.finetuning import Tuned
from core_embeddings.frozen_features import FeatureSpec, FrozenFeatures
from core_embeddings.images import image_digest
from core_embeddings.trainer import History
from core_embeddings.training_material import prepare

SMALL = {
    "backbone": "mobilenet_v3_small",
    "weights": "random",
    "image_size": 32,
    "word_vectors": "none",
    "tower_size": 16,
    "embedding_size": 16,
    "word_size": 8,
    "rnn_size": 8,
    "batch_size": 12,
    "epochs": 1,
    "text_residual": 0.0,
    "unfreeze": 1,
    "finetune_epochs": 1,
}
COUNT = 30


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    paths = [folder / f"{i}.png" for i in range(COUNT)]
    for i, path in enumerate(paths):
        pixels = rng.integers(0, 100, (32, 32, 3), dtype=np.uint8)
        pixels[..., i % 2] += 100
        Image.fromarray(pixels).save(path)
    frame = pd.DataFrame({"product_id": [f"P{i:02}" for i in range(COUNT)]})
    frame["title"] = [f"thing number {i % 7}" for i in range(COUNT)]
    frame["category"] = ["red" if i % 2 == 0 else "green" for i in range(COUNT)]
    frame["description"] = frame["brand"] = ""
    frame["image"] = [() if i == 3 else (str(path),) for i, path in enumerate(paths)]
    digests = [image_digest(path) for path in paths]
    frame["image_digest"] = [() if i == 3 else (d,) for i, d in enumerate(digests)]
    return frame


SPLIT = pd.Series(["train"] * 18 + ["val"] * 6 + ["test"] * 6)


def config(**settings):
    return EmbedderConfig.from_settings({**SMALL, **settings})


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(adaptation, "FEWEST_PHOTOS", 10)


@pytest.fixture
def material(products):
    return prepare(products, split=SPLIT, fields=["category"], config=config())


@pytest.fixture
def adapted(monkeypatch):
    """Stand in for the training: hand out known weights, and keep what it was given."""
    given = {}

    def known(backbone, learn, check, **settings):
        given.update(settings, learn=learn, check=check)
        return Tuned(load_backbone(backbone.name, "random", seed=7), History([], 0, 1.0), 0.0)

    monkeypatch.setattr(adaptation, "finetune", known)
    return given


def test_products_are_seen_through_the_adapted_network(products, material, few, adapted):
    new = adapt(material, config())
    other = load_backbone("mobilenet_v3_small", "random", seed=7)
    spec = FeatureSpec("mobilenet_v3_small", "random", 32)
    wanted = FrozenFeatures(spec, backbone=other)
    for rows, part in ((new.rows, products[:18]), (new.held_out, products[18:24])):
        found = wanted.for_products(list(part["image"]), list(part["image_digest"]))
        assert np.array_equal(rows.images.numpy(), found)
    assert new.features.key == wanted.key != material.features.key
    assert not torch.equal(new.rows.images, material.rows.images)


def test_photos_of_train_rows_teach_and_photos_of_val_rows_check(material, few, adapted):
    adapt(material, config())
    learn, check = adapted["learn"], adapted["check"]
    assert learn.pixels.shape == (17, 32, 32, 3)  # one of the 18 has no photo
    assert check.pixels.shape == (6, 32, 32, 3)
    labels = [i % 2 for i in range(18) if i != 3]  # green comes first in the alphabet
    assert learn.targets.labels[:, 0].tolist() == [1 - label for label in labels]
    kept = torch.tensor([i for i in range(18) if i != 3])
    width = sum(material.features.backbone.stage_channels)
    assert torch.equal(learn.features, material.rows.images[kept][:, :width])
    assert adapted["classes"] == [2]


def test_at_most_so_many_photos_are_looked_at(material, few, adapted, monkeypatch):
    monkeypatch.setattr(adaptation, "MOST_PHOTOS", 12)
    adapt(material, config())
    assert len(adapted["learn"].pixels) == 12


def test_a_frozen_network_a_small_catalogue_and_nothing_to_tell_leave_all_as_it_was(
    products, material, adapted, monkeypatch
):
    assert adapt(material, config()) is material  # 17 photos are too few
    monkeypatch.setattr(adaptation, "FEWEST_PHOTOS", 10)
    assert adapt(material, config(unfreeze=0)) is material
    mute = prepare(products, split=SPLIT, fields=[], config=config())
    assert adapt(mute, config()) is mute
    pixels = config(backbone="pixels")
    seen = prepare(products, split=SPLIT, fields=["category"], config=pixels)
    assert adapt(seen, pixels) is seen
    assert not adapted


def test_other_features_leave_everything_but_images_alone(material):
    spec = FeatureSpec("mobilenet_v3_small", "random", 32)
    other = FrozenFeatures(spec, backbone=load_backbone("mobilenet_v3_small", "random", seed=3))
    new = with_features(material, other)
    assert new.rows.tokens is material.rows.tokens
    assert np.array_equal(new.rows.labels, material.rows.labels)
    assert new.features is other


def test_an_adapted_embedder_comes_back_from_its_folder(products, few, adapted, tmp_path):
    trained = FusionEmbedder.train(products, split=SPLIT, fields=["category"], config=config())
    trained.save_pretrained(tmp_path / "embedder")
    loaded = FusionEmbedder.from_pretrained(tmp_path / "embedder")
    assert loaded.fingerprint == trained.fingerprint
    assert np.array_equal(loaded.encode(products), trained.encode(products))
    frozen = FusionEmbedder.train(
        products, split=SPLIT, fields=["category"], config=config(unfreeze=0)
    )
    assert frozen.fingerprint != trained.fingerprint


def test_training_for_real_reports_its_epochs_and_is_repeatable(products, material, few):
    told = []
    settings = config(unfreeze=2, finetune_epochs=2)
    first, again = (
        adapt(material, settings, notify=lambda *what: told.append(what)) for _ in range(2)
    )
    assert told.count(("photo epochs", 2, 2)) == 2
    assert first.features.key == again.features.key


def test_the_settings_of_an_embedder_reach_the_adaptation():
    found = finetune_config(
        config(unfreeze=3, finetune_epochs=9, backbone_learning_rate=0.5, image_augmentation=0.25),
        seed=4,
    )
    assert (found.unfreeze, found.epochs, found.seed) == (3, 9, 4)
    assert (found.backbone_learning_rate, found.augmentation) == (0.5, 0.25)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"unfreeze": -2}, "embedder.unfreeze must be -1, 0 or a number of stages; got -2"),
        ({"finetune_epochs": 0}, "embedder.finetune_epochs must be at least 1; got 0"),
        ({"backbone_learning_rate": 0.0}, "embedder.backbone_learning_rate must be above 0; got 0"),
        ({"image_augmentation": 1.5}, r"embedder.image_augmentation must be in \[0, 1\]; got 1.5"),
    ],
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        config(**setting)
