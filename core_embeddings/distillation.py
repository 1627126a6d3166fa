"""One network learns from several: their mean decisions and what they find alike.

The members of an ensemble look at every training product once, before the student trains, and only
their unit vectors are kept. The student then answers to the usual losses and, in proportion, to

- the members' mean label probabilities, for the whole product and for each modality alone, and
- their mean similarities inside the batch: picture to words, part to whole, whole to whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from core_embeddings.network import FusionNetwork
from core_embeddings.text_input import TextInput
from core_embeddings.training_set import TrainingBatch, TrainingRows

ROWS_AT_ONCE = 512
WHOLE, SEEN, READ = 0, 1, 2
"""Places of the views: the product, its picture alone, its words alone."""
_COMPARED = ((SEEN, READ), (READ, SEEN), (SEEN, WHOLE), (READ, WHOLE), (WHOLE, WHOLE))
"""What is asked, and what among."""
_NEVER = -1e4
"""A logit whose share is zero; of infinity the loss would be no number."""


class Teachers:
    """What trained networks make of the training products.

    Parameters
    ----------
    networks
        The members; they read the same tokens and have the same training heads.
    rows, text_input
        The training products.

    Notes
    -----
    Three float16 vectors per member and product are kept; label probabilities and similarities are
    made of them batch by batch.
    """

    def __init__(
        self, networks: Sequence[FusionNetwork], rows: TrainingRows, text_input: TextInput
    ) -> None:
        self._networks = [network.eval() for network in networks]
        self._vectors = [_vectors(network, rows, text_input) for network in self._networks]

    @torch.no_grad()
    def label_shares(self, rows: Tensor, view: int) -> list[Tensor]:
        """Return the mean probabilities of each head, (n, classes), for training rows (n,)."""
        told = [
            [logits.softmax(1) for logits in network.label_logits(vectors[view, rows].float())]
            for network, vectors in zip(self._networks, self._vectors, strict=True)
        ]
        return [torch.stack(field).mean(0) for field in zip(*told, strict=True)]

    @torch.no_grad()
    def likeness(self, rows: Tensor, one: int, other: int) -> Tensor:
        """Return how alike two views of training rows are, (n, n): mean cosines, scaled."""
        terms = [
            network.scale * vectors[one, rows].float() @ vectors[other, rows].float().T
            for network, vectors in zip(self._networks, self._vectors, strict=True)
        ]
        return torch.stack(terms).mean(0)


class DistilledObjective:
    """An objective, and the imitation of teachers beside it.

    Parameters
    ----------
    objective
        What the network would learn from alone.
    network
        What is trained.
    teachers
        Whom it imitates.
    weight
        Of the imitation.

    References
    ----------
    Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015 (labels);
    Tung, Mori, "Similarity-Preserving Knowledge Distillation", 2019, and Park et al., "Relational
    Knowledge Distillation", 2019 (similarities inside a batch), here as distributions.
    """

    def __init__(
        self,
        objective: Callable[[TrainingBatch], Tensor],
        network: FusionNetwork,
        teachers: Teachers,
        weight: float,
    ) -> None:
        self.objective = objective
        self.network = network
        self.teachers = teachers
        self.weight = weight

    def __call__(self, batch: TrainingBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        network = self.network
        image, text = network.see(batch.images), network.read(batch.texts)
        views = _views(network, image, text, batch.has_image, batch.has_text)
        imitation = self._labels(batch.rows, views) + self._likeness(batch, views)
        return self.objective(batch) + self.weight * imitation

    def _labels(self, rows: Tensor, views: Tensor) -> Tensor:
        terms = [
            share_loss(logits, shares)
            for view in (WHOLE, SEEN, READ)
            for logits, shares in zip(
                self.network.label_logits(views[view]),
                self.teachers.label_shares(rows, view),
                strict=True,
            )
        ]
        return torch.stack(terms).mean() if terms else views.sum() * 0.0

    def _likeness(self, batch: TrainingBatch, views: Tensor) -> Tensor:
        both = (batch.has_image & batch.has_text).nonzero()[:, 0]
        if len(both) < 2:
            return views.sum() * 0.0
        itself = torch.eye(len(both), dtype=torch.bool, device=views.device)
        terms = []
        for one, other in _COMPARED:
            ours = self.network.scale * views[one, both] @ views[other, both].T  # (n, n)
            theirs = self.teachers.likeness(batch.rows[both], one, other)
            if one == other:  # everything is most like itself, which teaches nothing
                ours, theirs = (m.masked_fill(itself, _NEVER) for m in (ours, theirs))
            terms.append(share_loss(ours, theirs.softmax(1)))
        return torch.stack(terms).mean()


def share_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Kullback–Leibler divergence of a network's distributions from given ones, the mean of rows.

    Parameters
    ----------
    logits
        Shape (n, classes).
    shares
        Shape (n, classes), rows that sum to 1.
    """
    return F.kl_div(logits.log_softmax(1), shares, reduction="batchmean")


def _views(
    network: FusionNetwork, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor
) -> Tensor:
    """Return the vectors of the whole, the picture and the words, (3, n, embedding_size)."""
    nothing = torch.zeros_like(has_image)
    return torch.stack(
        [
            network.fuse(image, text, has_image, has_text),
            network.fuse(image, text, has_image, nothing),
            network.fuse(image, text, nothing, has_text),
        ]
    )


@torch.no_grad()
def _vectors(network: FusionNetwork, rows: TrainingRows, text_input: TextInput) -> Tensor:
    blocks = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        vectors = _views(
            network,
            network.see(rows.images[block]),
            network.read(text_input.batch(rows.tokens[block])),
            torch.from_numpy(rows.has_image[block]),
            torch.from_numpy(rows.has_text[block]),
        )
        blocks.append(vectors.half())
    return torch.cat(blocks, dim=1)  # (3, rows, embedding_size)
