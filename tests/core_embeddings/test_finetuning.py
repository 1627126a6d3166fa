"""A random network whose features say nothing, and photos whose colour says everything."""

import pytest
import torch

from core_embeddings.backbones import current_weights, load_backbone
from core_embeddings.errors import ConfigError
from core_embeddings.finetuning import FinetuneConfig, Photos, TunedNetwork, finetune
from core_embeddings.photo_heads import FieldHeads, Targets

CLASSES = [2]


class Cut(Exception):
    """A kill, as a test can have it."""


@pytest.fixture(autouse=True)
def few_steps_for_the_heads(monkeypatch):
    monkeypatch.setattr("core_embeddings.finetuning._HEAD_STEPS", 15)


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("mobilenet_v3_small", "random")


def photos(count, seed, width, *, telling=False):
    """Red and blue squares; ``features`` are noise unless they are telling."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count, 1), generator=generator)
    pixels = torch.randint(0, 60, (count, 32, 32, 3), generator=generator, dtype=torch.uint8)
    pixels[torch.arange(count), :, :, 2 * labels[:, 0]] += 150
    features = torch.randn(count, width, generator=generator)
    if telling:
        features += 3.0 * labels
    words = torch.zeros(count, 0)
    return Photos(pixels, features, Targets(labels, words, torch.arange(count)))


def run(backbone, *, telling=False, on_epoch=None, checkpoint=None, **settings):
    width = sum(backbone.stage_channels)
    config = FinetuneConfig(
        **{"epochs": 2, "batch_size": 16, "learning_rate": 0.02, "view_size": 1.0, **settings}
    )
    return finetune(
        backbone,
        photos(64, 0, width, telling=telling),
        photos(32, 1, width, telling=telling),
        classes=CLASSES,
        config=config,
        on_epoch=on_epoch,
        checkpoint=checkpoint,
        identity="a",
    )


def changed(old, new):
    return {name for name in old if not torch.equal(old[name], new[name])}


def stage_of(name):
    """Stage of a weight of mobilenet_v3_small, whose resolutions end at blocks 0, 1, 3, 8, 12."""
    block = int(name.split(".")[1])
    return next(stage for stage, end in enumerate((0, 1, 3, 8, 12)) if block <= end)


def test_adapting_tells_more_than_heads_on_what_says_nothing(backbone):
    tuned = run(backbone)
    assert tuned.before < 0.8
    assert tuned.history.best_score > tuned.before
    assert tuned.backbone.weights_digest != backbone.weights_digest
    assert not any(p.requires_grad for p in tuned.backbone.module.parameters())


@pytest.mark.parametrize(("unfreeze", "stages"), [(1, {4}), (2, {3, 4}), (-1, {0, 1, 2, 3, 4})])
def test_only_the_stages_asked_for_move_and_batch_norm_keeps_its_statistics(
    backbone, unfreeze, stages
):
    before = current_weights(backbone)
    tuned = run(backbone, unfreeze=unfreeze)
    moved = changed(before, tuned.backbone.state)
    assert {stage_of(name) for name in moved} == stages
    assert not [name for name in moved if "running" in name or "num_batches" in name]
    assert not changed(before, current_weights(backbone))


def test_half_the_share_is_half_the_way(backbone):
    whole, half = (run(backbone, share=share).backbone.state for share in (1.0, 0.5))
    for name in changed(backbone.state, whole):
        middle = (backbone.state[name] + whole[name]) / 2
        torch.testing.assert_close(half[name], middle, atol=1e-6, rtol=1e-5)


def test_a_network_that_tells_no_more_than_before_comes_back_as_it_was(backbone):
    tuned = run(backbone, telling=True)
    assert tuned.before == 1.0
    assert tuned.backbone is backbone


def test_a_cut_adaptation_ends_in_identical_weights(backbone, tmp_path):
    def cut(epoch, metrics):
        if epoch == 0:
            raise Cut

    path = tmp_path / "checkpoint"
    with pytest.raises(Cut):
        run(backbone, on_epoch=cut, checkpoint=path)
    again = run(backbone, checkpoint=path)
    assert again.backbone.weights_digest == run(backbone).backbone.weights_digest


def test_network_and_heads_learn_at_rates_of_their_own(backbone):
    """At a rate of next to nothing the network stays, while the heads learn."""
    before = current_weights(backbone)
    tuned = run(backbone, backbone_learning_rate=1e-12, weight_decay=0.0)
    for name, value in tuned.backbone.state.items():
        torch.testing.assert_close(value, before[name], atol=1e-6, rtol=1e-5)
    assert tuned.history.epochs[-1]["loss"] < 0.7  # ln 2 is what knowing nothing costs


def test_training_mode_reaches_the_heads_and_never_the_network(backbone):
    width = sum(backbone.stage_channels)
    features = torch.randn(8, width)
    heads = FieldHeads(features, CLASSES, words=0, dropout=0.5, smoothing=0.0, words_weight=0.0)
    network = TunedNetwork(load_backbone("mobilenet_v3_small", "random"), heads, 1).train()
    assert heads.training
    assert not any(module.training for module in network.backbone.modules())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"unfreeze": 0}, "unfreeze must be -1 or above 0; got 0"),
        ({"epochs": 0}, "epochs must be at least 1; got 0"),
        ({"batch_size": 1}, "batch_size must be at least 2; got 1"),
        ({"backbone_learning_rate": 0.0}, "backbone_learning_rate must be above 0; got 0.0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\); got 1.0"),
        ({"words": -1.0}, "words must be at least 0; got -1.0"),
        ({"augmentation": 2.0}, r"augmentation must be in \[0, 1\]; got 2.0"),
        ({"share": 0.0}, r"share must be in \(0, 1\]; got 0.0"),
        ({"view_size": 1.5}, r"view_size must be in \(0, 1\]; got 1.5"),
    ],
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        FinetuneConfig(**setting)
