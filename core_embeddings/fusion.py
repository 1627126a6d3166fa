"""How the two towers become one vector; each fusion also answers for one tower alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core_embeddings.embedder_config import FusionName


class ConcatReLU(nn.Module):
    """The article's fusion: F_multi = ReLU(W_m [F_image, F_text] + b_m); a missing part is zero.

    Parameters
    ----------
    size
        Width of both inputs, D.
    embedding_size
        Width of the output.
    """

    def __init__(self, size: int, embedding_size: int) -> None:
        super().__init__()
        self.merge = nn.Linear(2 * size, embedding_size)

    def forward(self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor) -> Tensor:
        """Fuse features of shape (n, D) with bool masks of shape (n,) into (n, embedding_size)."""
        image = image * has_image[:, None]
        text = text * has_text[:, None]
        return torch.relu(self.merge(torch.cat([image, text], dim=1)))


class Gated(nn.Module):
    """A gate per dimension chooses between the projected parts; a residual branch mixes them.

    With one part missing the vector is that part's own projection plus a learned shift, so text
    alone, image alone and both live in one space.

    References
    ----------
    Arevalo et al., "Gated Multimodal Units for Information Fusion", 2017.
    """

    def __init__(self, size: int, embedding_size: int) -> None:
        super().__init__()
        self.project_image = nn.Linear(size, embedding_size)
        self.project_text = nn.Linear(size, embedding_size)
        self.gate = nn.Linear(2 * size, embedding_size)
        self.mix = nn.Sequential(
            nn.Linear(2 * size, embedding_size),
            nn.ReLU(),
            nn.Linear(embedding_size, embedding_size),
        )
        self.no_image = nn.Parameter(torch.zeros(embedding_size))
        self.no_text = nn.Parameter(torch.zeros(embedding_size))

    def forward(self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor) -> Tensor:
        """Fuse features of shape (n, D) with bool masks of shape (n,) into (n, embedding_size)."""
        sees, reads = has_image[:, None].to(image.dtype), has_text[:, None].to(text.dtype)
        both = torch.cat([image * sees, text * reads], dim=1)  # (n, 2D)
        gate = torch.sigmoid(self.gate(both))
        gate = gate * sees * reads + sees * (1 - reads)  # 1 for image alone, 0 for text alone
        seen = self.project_image(image) * gate
        read = self.project_text(text) * (1 - gate) * reads
        shift = self.no_image * (1 - sees) + self.no_text * (1 - reads)
        return seen * sees + read + shift + self.mix(both) * sees * reads


def make_fusion(name: FusionName, size: int, embedding_size: int) -> nn.Module:
    """Return the named fusion."""
    kinds: dict[FusionName, type[nn.Module]] = {"concat_relu": ConcatReLU, "gated": Gated}
    return kinds[name](size, embedding_size)
