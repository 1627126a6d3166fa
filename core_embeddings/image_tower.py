"""The trainable part of the CNN: what turns frozen features, or pixels, into F_image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEAST = 1e-3
"""Deviation of what never changes."""
_ROWS_AT_ONCE = 512


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
            self.deviation.copy_(features.std(0).clamp_min(_LEAST))

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

    Notes
    -----
    Pixels are standardised per channel with the mean and deviation of the training rows, kept as
    buffers: product photos are mostly white, far from the middle of their range. In training half
    of the pictures are seen in the mirror.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, image_size: int, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("deviation", torch.ones(3))
        side = ((image_size - 2) // 2 - 2) // 2
        self.convolutions = nn.Sequential(
            *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.connect = nn.Linear(64 * side * side, size)

    def standardise_by(self, pixels: Tensor) -> None:
        """Take mean and deviation per channel from training pixels, uint8 (n, side, side, 3)."""
        blocks = torch.split(pixels, _ROWS_AT_ONCE)
        sums = [block.double().div(255).sum((0, 1, 2)) for block in blocks]
        squares = [block.double().div(255).square().sum((0, 1, 2)) for block in blocks]
        count = pixels.numel() / 3
        mean = torch.stack(sums).sum(0) / count
        variance = torch.stack(squares).sum(0) / count - mean.square()
        self.mean.copy_(mean)
        self.deviation.copy_(variance.clamp_min(0).sqrt().clamp_min(_LEAST))

    def forward(self, pixels: Tensor) -> Tensor:
        """Map uint8 pixels (n, side, side, 3) to F_image (n, D)."""
        if self.training:
            mirrored = torch.rand(len(pixels), device=pixels.device) < 0.5
            pixels = torch.where(mirrored[:, None, None, None], pixels.flip(2), pixels)
        scaled = (pixels.float() / 255.0 - self.mean) / self.deviation
        maps = self.convolutions(scaled.permute(0, 3, 1, 2))  # channels last, as they came
        return torch.relu(self.connect(maps.flatten(1)))
