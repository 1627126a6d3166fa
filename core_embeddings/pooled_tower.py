"""A backbone from bytes to numbers: normalising and pooling are part of the network that runs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core_embeddings.backbones import Backbone


class PooledTower(nn.Module):
    """Maps uint8 pixels to the mean over the area of each stage's map.

    Parameters
    ----------
    backbone
        The network and the mean and deviation of its input.
    last_only
        Keep the last stage alone.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, backbone: Backbone, *, last_only: bool = False) -> None:
        super().__init__()
        self.body = backbone.module
        self.last_only = last_only
        deviation = torch.tensor(backbone.std, dtype=torch.float32).view(1, 3, 1, 1)
        mean = torch.tensor(backbone.mean, dtype=torch.float32).view(1, 3, 1, 1)
        self.register_buffer("scale", 255.0 * deviation)
        self.register_buffer("shift", mean / deviation)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Map uint8 (n, height, width, 3) to one float32 (n, channels) per stage."""
        images = pixels.permute(0, 3, 1, 2).to(torch.float32)  # (n, 3, height, width)
        maps = self.body(images / self.scale - self.shift)
        used = maps[-1:] if self.last_only else maps
        return tuple(found.mean(dim=(2, 3)).to(torch.float32) for found in used)
