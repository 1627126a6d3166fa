"""Pretrained convolutional networks, cut into stages, from a package, a file or torchvision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import nn

from core_embeddings import efficientnet_lite
from core_embeddings.artefact import digest_bytes
from core_embeddings.backbone_weights import find_weights
from core_embeddings.config import nearest
from core_embeddings.efficientnet_lite import EfficientNetLite0
from core_embeddings.errors import ArtefactError, ConfigError

LITE0: Final = efficientnet_lite.NAME
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)
_HEADS: Final = ("classifier.", "fc.", "_fc.")
_TRUNK: Final = "features."  # where torchvision keeps the part that is no classifier, if apart

# Per torchvision network: the child after which each resolution ends, and the channels there.
_RESNET_ENDS: Final = ("relu", "layer1", "layer2", "layer3", "layer4")
_CUTS: Final[Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]]] = {
    "resnet18": (_RESNET_ENDS, (64, 64, 128, 256, 512)),
    "resnet50": (_RESNET_ENDS, (64, 256, 512, 1024, 2048)),
    "mobilenet_v2": (("1", "3", "6", "13", "18"), (16, 24, 32, 96, 1280)),
    "mobilenet_v3_small": (("0", "1", "3", "8", "12"), (16, 16, 24, 48, 576)),
    "mobilenet_v3_large": (("1", "3", "6", "12", "16"), (16, 24, 40, 112, 960)),
    "efficientnet_b0": (("1", "2", "3", "5", "8"), (16, 24, 40, 112, 1280)),
    "convnext_tiny": (("1", "3", "5", "7"), (96, 192, 384, 768)),
}

BACKBONES: Final = (LITE0, *_CUTS)
"""Every name :func:`load_backbone` knows."""


@dataclass(frozen=True)
class Backbone:
    """A frozen network that turns images into feature maps.

    Parameters
    ----------
    name
        One of :data:`BACKBONES`.
    module
        In eval mode, without gradients. ``module(images)`` takes float (n, 3, height, width),
        normalised by ``mean`` and ``std``, and returns one map per stage, finest first.
    mean, std
        Of the input per channel, on the scale where white is 1.
    stage_channels
        Channels of each stage's map.
    weights_digest
        Digest of every parameter and statistic the maps depend on.
    state
        Those parameters and statistics by name, as :func:`load_backbone` reads them from a file.
    """

    name: str
    module: Stages
    mean: tuple[float, ...]
    std: tuple[float, ...]
    stage_channels: tuple[int, ...]
    weights_digest: str
    state: Mapping[str, torch.Tensor]


def stage_channels(name: str) -> tuple[int, ...]:
    """Return the channels of each stage's map, without building the network.

    Raises
    ------
    ConfigError
        If the name is unknown.
    """
    if name not in BACKBONES:
        raise ConfigError(f"unknown backbone {name!r}; {nearest(name, BACKBONES)}")
    return efficientnet_lite.STAGE_CHANNELS if name == LITE0 else _CUTS[name][1]


class Stages(nn.Module):
    """A network cut after each resolution: images in, one map per stage out.

    Parameters
    ----------
    network
        Owns the weights.
    parts
        Its layers, one group per stage; each takes the map before it. They share the weights.
    """

    parts: tuple[nn.Module, ...]

    def __init__(self, network: nn.Module, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.network = network
        self.parts = tuple(parts)  # a tuple is not registered: every weight keeps its one name

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps of images (n, 3, height, width), finest first."""
        found = []
        maps = images
        for part in self.parts:
            maps = part(maps)
            found.append(maps)
        return found


def load_backbone(name: str, weights: str | Path | None = None, *, seed: int = 0) -> Backbone:
    """Build a network and fill it with weights.

    Parameters
    ----------
    name
        One of :data:`BACKBONES`.
    weights
        None takes the weights of the installed package (EfficientNet-Lite0 only); ``"default"``
        torchvision's own, or those of its enum's member of that name (``"IMAGENET1K_V2"``), which
        downloads them unless they are in its cache; ``"random"`` none; anything else is a
        ``.safetensors`` or ``.pth`` file, or a folder that holds one whose name begins with the
        network's. Classifier weights in it are ignored, and may be absent.
    seed
        For ``"random"``.

    Raises
    ------
    ConfigError
        If the name is unknown, or the network has no packaged weights.
    MissingExtraError
        If the package with the weights is not installed.
    ArtefactError
        If the weights are not found, cannot be read, or belong to another network.
    """
    stage_channels(name)  # refuses an unknown name
    network = _build(name, seed=seed)
    if weights != "random":
        found = find_weights(name, weights)
        _fill(network, found.state, origin=f"weights of {name} from {found.origin}")
    return _frozen(name, network)


def current_weights(backbone: Backbone) -> dict[str, torch.Tensor]:
    """Return copies of the module's weights as they are now, by the names of ``state``."""
    now = backbone.module.network.state_dict()
    return {name: now[name.removeprefix(_TRUNK)].clone() for name in backbone.state}


def with_weights(backbone: Backbone, state: Mapping[str, torch.Tensor]) -> Backbone:
    """Return the same network filled with other weights, named as in ``state``.

    Raises
    ------
    ArtefactError
        If they belong to another network.
    """
    network = _build(backbone.name, seed=0)
    _fill(network, state, origin=f"new weights of {backbone.name}")
    return _frozen(backbone.name, network)


def _build(name: str, *, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # building a network draws from the global generator
        torch.manual_seed(seed)
        return EfficientNetLite0() if name == LITE0 else _torchvision(name)


def _frozen(name: str, network: nn.Module) -> Backbone:
    body = {key: value for key, value in network.state_dict().items() if not _is_head(key)}
    return Backbone(
        name=name,
        module=_cut(name, network).eval().requires_grad_(False),
        mean=efficientnet_lite.MEAN if name == LITE0 else _IMAGENET_MEAN,
        std=efficientnet_lite.STD if name == LITE0 else _IMAGENET_STD,
        stage_channels=stage_channels(name),
        weights_digest=_digest(body),
        state=body,
    )


def _torchvision(name: str) -> nn.Module:
    import torchvision

    return torchvision.models.get_model(name, weights=None)


def _cut(name: str, network: nn.Module) -> Stages:
    if isinstance(network, EfficientNetLite0):
        return Stages(network, network.parts())
    parts: list[nn.Module] = []
    layers: list[nn.Module] = []
    trunk = getattr(network, _TRUNK[:-1], network)
    for child, layer in trunk.named_children():
        layers.append(layer)
        if child in _CUTS[name][0]:
            parts.append(nn.Sequential(*layers))
            layers = []
    return Stages(trunk, parts)


def _fill(network: nn.Module, state: Mapping[str, object], *, origin: str) -> None:
    """Copy every weight but the classifier's, refusing names and shapes that do not fit."""
    wanted = network.state_dict()
    given = {
        key: value
        for key, value in state.items()
        if isinstance(value, torch.Tensor) and not _is_head(key)
    }
    missing = [
        key
        for key in wanted
        if key not in given and not _is_head(key) and not key.endswith("num_batches_tracked")
    ]
    unknown = [key for key in given if key not in wanted]
    misshapen = [
        f"{key} {tuple(value.shape)} instead of {tuple(wanted[key].shape)}"
        for key, value in given.items()
        if key in wanted and value.shape != wanted[key].shape
    ]
    problems = [
        f"{what}: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
        for what, names in (("missing", missing), ("unknown", unknown), ("shape", misshapen))
        if names
    ]
    if problems:
        raise ArtefactError(
            f"{origin} do not fit the network ({'; '.join(problems)}); "
            "name the backbone they belong to"
        )
    network.load_state_dict(given, strict=False)


def _is_head(key: str) -> bool:
    return key.startswith(_HEADS)


def _digest(state: Mapping[str, torch.Tensor]) -> str:
    parts = []
    for key in sorted(state):
        if key.endswith("num_batches_tracked"):  # counts training steps; no map depends on it
            continue
        tensor = state[key].contiguous()
        parts += [f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode(), tensor.numpy().tobytes()]
    return digest_bytes(*parts)
