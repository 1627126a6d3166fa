"""How the two towers become one vector; each fusion also answers for one tower alone.

``lean`` moves a gate towards the words, or, negative, towards the picture; a fusion whose ``leans``
is False has no gate and passes it over.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
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

    leans = False

    def __init__(self, size: int, embedding_size: int) -> None:
        super().__init__()
        self.merge = nn.Linear(2 * size, embedding_size)

    def forward(
        self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor, lean: float = 0.0
    ) -> Tensor:
        """Fuse features of shape (n, D) with bool masks of shape (n,) into (n, embedding_size)."""
        image = image * has_image[:, None]
        text = text * has_text[:, None]
        return torch.relu(self.merge(torch.cat([image, text], dim=1)))

    def every_pair(self, image: Tensor, text: Tensor) -> Tensor:
        """Fuse every image (n, D) with every text (m, D) into (n, m, embedding_size).

        W_m [i, t] is a sum of two parts, so that n · m pairs cost n + m products with a matrix.
        """
        seen, read = self.merge.weight.tensor_split(2, dim=1)
        return torch.relu((image @ seen.T + self.merge.bias)[:, None] + (text @ read.T)[None])


class Gated(nn.Module):
    """A gate per dimension chooses between the projected parts; a residual branch mixes them.

    With one part missing the vector is that part's own projection plus a learned shift, so text
    alone, image alone and both live in one space.

    References
    ----------
    Arevalo et al., "Gated Multimodal Units for Information Fusion", 2017.
    """

    leans = True

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

    def forward(
        self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor, lean: float = 0.0
    ) -> Tensor:
        """Fuse features of shape (n, D) with bool masks of shape (n,) into (n, embedding_size)."""
        sees, reads = has_image[:, None].to(image.dtype), has_text[:, None].to(text.dtype)
        both = torch.cat([image * sees, text * reads], dim=1)  # (n, 2D)
        gate = torch.sigmoid(self.gate(both) - lean)
        gate = gate * sees * reads + sees * (1 - reads)  # 1 for image alone, 0 for text alone
        seen = self.project_image(image) * gate
        read = self.project_text(text) * (1 - gate) * reads
        shift = self.no_image * (1 - sees) + self.no_text * (1 - reads)
        return seen * sees + read + shift + self.mix(both) * sees * reads


class Split(nn.Module):
    """A learned share per dimension, the same for every product: words hold some, pictures others.

    Nothing mixes the parts, so nothing can be learned by heart about their combinations, and what
    one part alone says of a dimension is what it says of it beside the other.

    Parameters
    ----------
    size
        Width of both inputs, D.
    embedding_size
        Width of the output; one half starts with the picture, the other with the words.
    """

    leans = True

    def __init__(self, size: int, embedding_size: int) -> None:
        super().__init__()
        self.project_image = nn.Linear(size, embedding_size)
        self.project_text = nn.Linear(size, embedding_size)
        start = torch.full((embedding_size,), 2.0)
        start[embedding_size // 2 :] = -2.0
        self.share = nn.Parameter(start)

    def forward(
        self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor, lean: float = 0.0
    ) -> Tensor:
        """Fuse features of shape (n, D) with bool masks of shape (n,) into (n, embedding_size)."""
        sees, reads = has_image[:, None].to(image.dtype), has_text[:, None].to(text.dtype)
        gate = torch.sigmoid(self.share - lean)
        gate = gate * sees * reads + sees * (1 - reads)  # 1 for image alone, 0 for text alone
        seen = F.normalize(self.project_image(image), dim=1)
        read = F.normalize(self.project_text(text), dim=1)
        return seen * gate * sees + read * (1 - gate) * reads


class Weighed(nn.Module):
    """The sum of the two unit vectors, each as heavy as it says of itself; no mixing.

    References
    ----------
    Late fusion with confidences, as in Arevalo et al., 2017, with one gate per product.
    """

    leans = True

    def __init__(self, size: int, embedding_size: int) -> None:
        super().__init__()
        self.project_image = nn.Linear(size, embedding_size)
        self.project_text = nn.Linear(size, embedding_size)
        self.weigh = nn.Linear(2 * size, 1)

    def forward(
        self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor, lean: float = 0.0
    ) -> Tensor:
        """Fuse features of shape (n, D) with bool masks of shape (n,) into (n, embedding_size)."""
        sees, reads = has_image[:, None].to(image.dtype), has_text[:, None].to(text.dtype)
        gate = torch.sigmoid(self.weigh(torch.cat([image * sees, text * reads], dim=1)) - lean)
        gate = gate * sees * reads + sees * (1 - reads)  # 1 for image alone, 0 for text alone
        seen = F.normalize(self.project_image(image), dim=1)
        read = F.normalize(self.project_text(text), dim=1)
        return seen * gate * sees + read * (1 - gate) * reads


class Tokens(nn.Module):
    """One transformer layer over two tokens, picture and words; the mean of what it makes of them.

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017.
    """

    leans = False

    def __init__(self, size: int, embedding_size: int) -> None:
        super().__init__()
        self.kind = nn.Parameter(torch.randn(2, size) * 0.1)
        self.layer = nn.TransformerEncoderLayer(
            size, 4, dim_feedforward=2 * size, dropout=0.1, batch_first=True, norm_first=True
        )
        self.project = nn.Linear(size, embedding_size)

    def forward(
        self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor, lean: float = 0.0
    ) -> Tensor:
        """Fuse features of shape (n, D) with bool masks of shape (n,) into (n, embedding_size)."""
        present = torch.stack([has_image, has_text], dim=1)  # (n, 2)
        tokens = torch.stack([image, text], dim=1) + self.kind  # (n, 2, D)
        tokens = tokens * present[:, :, None]
        absent = ~present & present.any(1, keepdim=True)  # a row of nothing must not attend nothing
        seen = self.layer(tokens, src_key_padding_mask=absent) * present[:, :, None]
        return self.project(seen.sum(1) / present.sum(1, keepdim=True).clamp_min(1))


def make_fusion(name: FusionName, size: int, embedding_size: int) -> nn.Module:
    """Return the named fusion."""
    kinds: dict[FusionName, type[nn.Module]] = {
        "concat_relu": ConcatReLU,
        "gated": Gated,
        "split": Split,
        "weighed": Weighed,
        "tokens": Tokens,
    }
    return kinds[name](size, embedding_size)
