import math

import pytest
import torch
import torch.nn.functional as F

from core_embeddings.losses import (
    contrastive_loss,
    label_loss,
    match_loss,
    multi_positive_loss,
    weight_penalty,
)


def unit(*shape, seed=0):
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def plain_info_nce(queries, items, scale, ignore):
    """The definition, one query at a time, both directions."""
    n, total = len(queries), 0.0
    for one, other in ((queries, items), (items, queries)):
        for i in range(n):
            scores = [
                float(scale * one[i] @ other[j]) for j in range(n) if j == i or not ignore[i][j]
            ]
            own = float(scale * one[i] @ other[i])
            total += -(own - math.log(sum(math.exp(s) for s in scores)))
    return total / (2 * n)


def test_contrastive_loss_equals_its_definition_with_and_without_ignored_pairs():
    queries, items = unit(5, 3), unit(5, 3, seed=1)
    nothing = torch.zeros(5, 5, dtype=torch.bool)
    twins = nothing.clone()
    twins[0, 1] = twins[1, 0] = True
    for ignore in (nothing, twins):
        found = contrastive_loss(queries, items, torch.tensor(7.0), ignore=ignore)
        assert float(found) == pytest.approx(plain_info_nce(queries, items, 7.0, ignore), abs=1e-5)


def test_contrastive_loss_never_ignores_the_matching_pair_itself():
    vectors = unit(4, 3)
    everything = torch.ones(4, 4, dtype=torch.bool)
    assert float(contrastive_loss(vectors, vectors, torch.tensor(5.0), ignore=everything)) == 0.0


def test_multi_positive_loss_is_the_mean_log_share_of_the_positives():
    queries, items = unit(2, 3), unit(3, 3, seed=2)
    positives = torch.tensor([[True, False, True], [False, True, False]])
    expected = 0.0
    for i in range(2):
        scores = [4.0 * float(queries[i] @ items[j]) for j in range(3)]
        shares = [math.exp(s) / sum(map(math.exp, scores)) for s in scores]
        right = [math.log(shares[j]) for j in range(3) if positives[i, j]]
        expected -= sum(right) / len(right) / 2
    found = multi_positive_loss(queries, items, positives, torch.tensor(4.0))
    assert float(found) == pytest.approx(expected, abs=1e-5)


def test_label_loss_leaves_unknown_labels_out():
    logits = torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    one = label_loss(logits[:1], torch.tensor([0]))
    assert float(label_loss(logits, torch.tensor([0, -1]))) == pytest.approx(float(one))
    assert float(one) == pytest.approx(math.log(1 + math.exp(-2.0)), abs=1e-6)


def test_label_loss_of_no_known_label_is_zero_and_has_a_gradient():
    logits = torch.ones(2, 3, requires_grad=True)
    loss = label_loss(logits, torch.tensor([-1, -1]))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros(2, 3))


def test_match_loss_is_binary_cross_entropy():
    found = match_loss(torch.tensor([0.0, 3.0]), torch.tensor([1, 0]))
    expected = (math.log(2) + math.log(1 + math.exp(3.0))) / 2
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_weight_penalty_counts_matrices_and_spares_biases():
    layer = torch.nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, -4.0]]))
        layer.bias.fill_(100.0)
    assert float(weight_penalty(layer, 0.5)) == pytest.approx(3.5)
