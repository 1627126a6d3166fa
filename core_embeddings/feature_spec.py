"""What is computed once per image, and under which name it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from core_embeddings.artefact import digest_json
from core_embeddings.backbones import LITE0, Backbone, load_backbone, stage_channels
from core_embeddings.colours import COLOUR_BINS
from core_embeddings.errors import ConfigError
from core_embeddings.images import ResizeMode, check_resize

FeatureKind = Literal["stages", "last", "pixels"]

_KINDS: Final = ("stages", "last", "pixels")
_CODE_VERSION: Final = 2  # raised whenever the same image would give other features
_SMALLEST: Final = 32  # below it the last stages see less than one pixel


@dataclass(frozen=True)
class FeatureSpec:
    """What is computed from an image.

    Parameters
    ----------
    backbone, weights
        As of :func:`~core_embeddings.backbones.load_backbone`; unused by ``pixels``.
    image_size
        Side of the square the image is brought to, at least 32 for a backbone.
    resize
        How: ``fixed``, ``crop`` or ``pad``.
    kind
        ``stages``: the mean over the area of every stage's map, from edges and textures to parts
        of objects, then :func:`~core_embeddings.colours.colour_histograms`, since colour is what
        a network trained on ImageNet forgets;
        ``last``: the last stage alone; ``pixels``: the resized bytes themselves, for networks
        that are trained from scratch.

    Raises
    ------
    ConfigError
        If a value is out of its range.
    """

    backbone: str = LITE0
    weights: str | None = None
    image_size: int = 128
    resize: ResizeMode = "pad"
    kind: FeatureKind = "stages"

    def __post_init__(self) -> None:
        check_resize(self.image_size, self.resize)
        if self.kind not in _KINDS:
            raise ConfigError(f"kind must be one of {', '.join(_KINDS)}; got {self.kind!r}")
        if self.kind != "pixels" and self.image_size < _SMALLEST:
            raise ConfigError(
                f"a backbone needs an image size of at least {_SMALLEST}; got {self.image_size}"
            )
        stage_channels(self.backbone)

    @property
    def key(self) -> str:
        """Digest of all the features depend on, weights included: the name of their cache.

        The weights are read to find it; :attr:`FrozenFeatures.key` has it at hand.
        """
        return self.key_with(self.load())

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image's features."""
        if self.kind == "pixels":
            return (self.image_size, self.image_size, 3)
        channels = stage_channels(self.backbone)
        return (channels[-1] if self.kind == "last" else sum(channels) + COLOUR_BINS,)

    @property
    def width(self) -> int:
        """Numbers per image."""
        return int(np.prod(self.shape))

    def load(self) -> Backbone | None:
        """Build the network; None for pixels."""
        return None if self.kind == "pixels" else load_backbone(self.backbone, self.weights)

    def key_with(self, backbone: Backbone | None) -> str:
        """Return the key with a network that is at hand already."""
        values: dict[str, object] = {"image_size": self.image_size, "resize": self.resize}
        if backbone is not None:
            values |= {"backbone": backbone.name, "weights": backbone.weights_digest}
        return digest_json({**values, "kind": self.kind, "code": _CODE_VERSION})
