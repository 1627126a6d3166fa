import math

import pytest
import torch
import torch.nn.functional as F

from core_embeddings.losses import (
    contrastive_loss,
    hardest_negative_loss,
    label_loss,
    likeness_loss,
    match_loss,
    multi_positive_loss,
    shared_levels,
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


def test_match_loss_is_binary_cross_entropy_with_true_and_false_pairs_of_one_weight():
    logits = torch.tensor([[0.0, 3.0, 9.0], [1.0, 2.0, -1.0], [9.0, 0.5, 4.0]])
    same = torch.eye(3, dtype=torch.bool)
    same[0, 2] = same[2, 0] = True  # twins: their 9 is no error
    true = [math.log(1 + math.exp(-x)) for x in (0.0, 2.0, 4.0)]
    false = [math.log(1 + math.exp(x)) for x in (3.0, 1.0, -1.0, 0.5)]
    expected = (sum(true) / 3 + sum(false) / 4) / 2
    assert float(match_loss(logits, same)) == pytest.approx(expected, abs=1e-6)


def test_match_loss_of_twins_alone_is_nothing():
    logits = torch.ones(2, 2, requires_grad=True)
    loss = match_loss(logits, torch.ones(2, 2, dtype=torch.bool))
    loss.backward()
    assert float(loss) == 0.0
    assert torch.equal(logits.grad, torch.zeros(2, 2))


def test_weight_penalty_counts_matrices_and_spares_biases():
    layer = torch.nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, -4.0]]))
        layer.bias.fill_(100.0)
    assert float(weight_penalty(layer, 0.5)) == pytest.approx(3.5)


def plain_hardest(queries, items, margin, ignore):
    n, total = len(queries), 0.0
    for one, other, skip in ((queries, items, ignore), (items, queries, ignore.T)):
        for i in range(n):
            wrong = [float(one[i] @ other[j]) for j in range(n) if j != i and not skip[i][j]]
            if wrong:
                total += max(0.0, margin + max(wrong) - float(one[i] @ other[i]))
    return total / (2 * n)


def test_hardest_negative_loss_equals_its_definition():
    queries, items = unit(6, 3), unit(6, 3, seed=1)
    ignore = torch.zeros(6, 6, dtype=torch.bool)
    ignore[0, 1] = ignore[2, 5] = True
    for mask in (None, ignore):
        skip = torch.zeros(6, 6, dtype=torch.bool) if mask is None else mask
        found = hardest_negative_loss(queries, items, margin=0.2, ignore=mask)
        assert float(found) == pytest.approx(plain_hardest(queries, items, 0.2, skip), abs=1e-6)


def test_hardest_negative_loss_is_zero_where_every_right_answer_leads_by_the_margin():
    axes = torch.eye(4)
    assert float(hardest_negative_loss(axes, axes, margin=0.9)) == 0.0
    assert float(hardest_negative_loss(axes, axes, margin=1.2)) == pytest.approx(0.2)


def test_hardest_negative_loss_without_any_negative_is_zero():
    every = torch.ones(3, 3, dtype=torch.bool)
    vectors = unit(3, 4)
    assert float(hardest_negative_loss(vectors, vectors, margin=0.5, ignore=every)) == 0.0


def test_shared_levels_counts_the_common_part_of_two_paths():
    # Wear > Dress > Mini, Wear > Dress > Maxi, Wear > Hat, nothing, Shoes
    levels = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, -1], [-1, -1, -1], [1, -1, -1]])
    found = shared_levels(levels) * 3
    expected = [
        [3, 2, 1, 0, 0],
        [2, 3, 1, 0, 0],
        [1, 1, 2, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1],
    ]
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float32))
    assert shared_levels(torch.zeros(2, 0, dtype=torch.int64)).tolist() == [[0, 0], [0, 0]]


def test_likeness_loss_is_the_weighted_mean_log_share():
    vectors = unit(4, 3)
    likeness = torch.tensor(
        [[1.0, 0.5, 0.0, 1.0], [0.5, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]]
    )
    ignore = torch.zeros(4, 4, dtype=torch.bool)
    ignore[0, 3] = ignore[3, 0] = True  # twins: neither positive nor negative
    total = []
    for i in range(4):
        others = [j for j in range(4) if j != i and not ignore[i, j]]
        whole = sum(math.exp(5 * float(vectors[i] @ vectors[j])) for j in others)
        weights = {j: float(likeness[i, j]) for j in others}
        if sum(weights.values()) > 0:
            log_shares = {j: 5 * float(vectors[i] @ vectors[j]) - math.log(whole) for j in others}
            mean = sum(weights[j] * log_shares[j] for j in others) / sum(weights.values())
            total.append(-mean)
    found = likeness_loss(vectors, likeness, torch.tensor(5.0), ignore=ignore)
    assert len(total) == 2
    assert float(found) == pytest.approx(sum(total) / len(total), abs=1e-5)


def test_likeness_loss_draws_the_deeper_relative_nearer():
    start = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    vectors = torch.nn.Parameter(start)
    likeness = torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]])
    optimizer = torch.optim.Adam([vectors], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        likeness_loss(F.normalize(vectors, dim=1), likeness, torch.tensor(5.0)).backward()
        optimizer.step()
    found = F.normalize(vectors, dim=1).detach()
    assert float(found[0] @ found[1]) > float(found[0] @ found[2]) + 0.2


def test_likeness_loss_of_strangers_is_zero_and_has_a_gradient():
    vectors = unit(3, 4).requires_grad_()
    loss = likeness_loss(vectors, torch.eye(3), torch.tensor(5.0))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(vectors.grad, torch.zeros(3, 4))
