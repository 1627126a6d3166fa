"""Training objectives, each with its paper; plain functions of tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def contrastive_loss(
    queries: Tensor, items: Tensor, scale: Tensor, *, ignore: Tensor | None = None
) -> Tensor:
    """Symmetric InfoNCE over a batch of matching pairs.

    Parameters
    ----------
    queries, items
        Unit vectors of shape (n, dim); row i of one matches row i of the other.
    scale
        Inverse temperature, a positive scalar.
    ignore
        Optional bool mask of shape (n, n): pairs that are no true negatives (the same product
        photographed twice, the same title) and are left out of the denominator.

    References
    ----------
    van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018;
    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021.
    """
    logits = scale * queries @ items.T  # (n, n)
    if ignore is not None:
        others = ignore & ~torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(others, float("-inf"))
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def multi_positive_loss(queries: Tensor, items: Tensor, positives: Tensor, scale: Tensor) -> Tensor:
    """InfoNCE where a query may have several right items: the mean of their log-probabilities.

    Parameters
    ----------
    queries
        Unit vectors of shape (q, dim).
    items
        Unit vectors of shape (n, dim).
    positives
        Bool of shape (q, n), at least one True in each row.
    scale
        Inverse temperature, a positive scalar.

    References
    ----------
    Khosla et al., "Supervised Contrastive Learning", 2020, the form with the sum outside the log.
    """
    log_share = F.log_softmax(scale * queries @ items.T, dim=1)  # (q, n)
    weight = positives.to(log_share.dtype)
    return -((log_share * weight).sum(1) / weight.sum(1)).mean()


def hardest_negative_loss(
    queries: Tensor, items: Tensor, *, margin: float, ignore: Tensor | None = None
) -> Tensor:
    """Hinge on the nearest wrong item of each query, in both directions.

    Parameters
    ----------
    queries, items
        Unit vectors of shape (n, dim); row i of one matches row i of the other.
    margin
        How much nearer, in cosine, the right one shall be than the nearest wrong one.
    ignore
        Optional bool mask of shape (n, n): pairs that are no true negatives.

    Notes
    -----
    Early in training the hardest wrong item is noise and the space collapses: wait some epochs.

    References
    ----------
    Faghri et al., "VSE++: Improving Visual-Semantic Embeddings with Hard Negatives", 2018.
    """
    cosine = queries @ items.T  # (n, n)
    no_negative = torch.eye(len(cosine), dtype=torch.bool, device=cosine.device)
    if ignore is not None:
        no_negative = no_negative | ignore
    wrong = cosine.masked_fill(no_negative, -2.0)  # below every cosine: the hinge stays shut
    right = cosine.diagonal()
    by_query = torch.relu(margin + wrong.amax(1) - right)
    by_item = torch.relu(margin + wrong.amax(0) - right)
    return (by_query.mean() + by_item.mean()) / 2


def shared_levels(levels: Tensor) -> Tensor:
    """Return the share of category levels that two products have in common, (n, n) in [0, 1].

    Parameters
    ----------
    levels
        int64 of shape (n, depth): code of the path down to each level, -1 where it ends before.
    """
    same = (levels[:, None] == levels[None]) & (levels >= 0)[:, None]  # (n, n, depth)
    return same.float().mean(2) if levels.shape[1] else same.new_zeros(same.shape[:2]).float()


def likeness_loss(
    vectors: Tensor, likeness: Tensor, scale: Tensor, *, ignore: Tensor | None = None
) -> Tensor:
    """Supervised contrastive loss with graded positives: the more alike, the nearer.

    Parameters
    ----------
    vectors
        Unit vectors of shape (n, dim).
    likeness
        Shape (n, n), at least 0: weight of each pair as a positive; 0 is a negative.
    scale
        Inverse temperature, a positive scalar.
    ignore
        Optional bool mask of shape (n, n): pairs that are neither positive nor negative.

    References
    ----------
    Khosla et al., "Supervised Contrastive Learning", 2020, the form with the sum outside the log;
    Zhang et al., "Use All The Labels: A Hierarchical Multi-Label Contrastive Learning Framework",
    2022, for levels.
    """
    out = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    if ignore is not None:
        out = out | ignore
    weight = likeness.masked_fill(out, 0.0)
    total = weight.sum(1)
    asked = total > 0
    if not bool(asked.any()):
        return vectors.sum() * 0.0
    # -1e9 and not -inf: 0 · inf is no number, and a left-out pair has weight 0.
    log_share = F.log_softmax((scale * vectors @ vectors.T).masked_fill(out, -1e9), dim=1)
    return -((log_share * weight).sum(1)[asked] / total[asked]).mean()


def label_loss(logits: Tensor, labels: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy with label smoothing; a label of -1 (unknown) is left out.

    Parameters
    ----------
    logits
        Shape (n, classes).
    labels
        int64 of shape (n,), values in [-1, classes).
    smoothing
        Share of the target spread over all classes (Szegedy et al., 2016).
    """
    if not bool((labels >= 0).any()):
        return logits.sum() * 0.0
    return F.cross_entropy(logits, labels, ignore_index=-1, label_smoothing=smoothing)


def match_loss(logits: Tensor, same: Tensor) -> Tensor:
    """Binary cross-entropy on true and mismatched image–text pairs: the article's objective.

    Every image of a batch is mismatched with every text of another product; true and mismatched
    pairs weigh the same in total, so that 0 is the threshold between them.

    Parameters
    ----------
    logits
        Shape (n, n), before the sigmoid: image of the row, text of the column.
    same
        Bool of shape (n, n): products of one duplicate group. Off the diagonal they are neither
        true pairs nor mismatches.
    """
    true = F.softplus(-logits.diagonal()).mean()
    wrong = logits[~same]
    return (true + F.softplus(wrong).mean()) / 2 if len(wrong) else true * 0.0


def weight_penalty(module: torch.nn.Module, l1: float) -> Tensor:
    """L1 penalty over the matrices of a module (biases and norms excluded); L2 is weight decay."""
    return l1 * torch.stack([p.abs().sum() for p in module.parameters() if p.dim() > 1]).sum()
