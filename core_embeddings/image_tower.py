"""The trainable part of the CNN: what turns frozen features, or pixels, into F_image."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FeatureHead(nn.Module):
    """The full connection on top of a frozen backbone.

    Parameters
    ----------
    width
        Width of the frozen features.
    size
        Width D of F_image.
    dropout
        Dropout before the last layer.

    Notes
    -----
    Features are standardised with the mean and deviation of the training rows, kept as buffers:
    early stages and the last one differ by orders of magnitude.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, size: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.skip = nn.Linear(width, size)
        self.deep = nn.Sequential(
            nn.Linear(width, 2 * size), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * size, size)
        )
        self.norm = nn.LayerNorm(size)

    def standardise_by(self, features: Tensor) -> None:
        """Take mean and deviation from training features of shape (n, width); one row has none."""
        self.mean.copy_(features.mean(0))
        if len(features) > 1:
            self.deviation.copy_(features.std(0).clamp_min(1e-3))

    def forward(self, features: Tensor) -> Tensor:
        """Map frozen features (n, width) to F_image (n, D)."""
        features = ((features - self.mean) / self.deviation).clamp(-8, 8)
        return self.norm(self.skip(features) + self.deep(features))


class ArticleCNN(nn.Module):
    """The article's network: conv 32 3×3, pool 2, conv 64 3×3, pool 2, flatten, full connection.

    The article feeds the flattened map to the next layer directly; the full connection to D of its
    section 4.2.1 stands here, so that F_image and F_text have one width.

    Parameters
    ----------
    image_size
        Side of the square input in pixels.
    size
        Width D of F_image.
    """

    def __init__(self, image_size: int, size: int) -> None:
        super().__init__()
        side = ((image_size - 2) // 2 - 2) // 2
        self.convolutions = nn.Sequential(
            *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.connect = nn.Linear(64 * side * side, size)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map uint8 pixels (n, side, side, 3) to F_image (n, D)."""
        scaled = pixels.permute(0, 3, 1, 2).float() / 255.0  # (n, 3, side, side)
        maps = self.convolutions(scaled.contiguous(memory_format=torch.channels_last))
        return torch.relu(self.connect(maps.flatten(1)))
