"""Each term of the training loss: what it counts, what it leaves out, and when it begins."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.losses import (
    contrastive_loss,
    hardest_negative_loss,
    likeness_loss,
    multi_positive_loss,
    shared_levels,
)
from core_embeddings.objectives import SharedObjective, make_objective
from core_embeddings.text_tower import TextBatch
from core_embeddings.training_set import Partners, TrainingBatch

N, SIZE = 5, 4
YES, NO = torch.ones(N, dtype=torch.bool), torch.zeros(N, dtype=torch.bool)
SCALE = torch.tensor(8.0)


class Network(torch.nn.Module):
    """Towers that hand over their input; fused is the normalised sum of what is there."""

    scale = SCALE

    def see(self, images):
        return images

    def read(self, texts):
        return texts.priors

    def fuse(self, image, text, has_image, has_text):
        return F.normalize(image * has_image[:, None] + text * has_text[:, None], dim=1)

    def label_logits(self, vectors):
        return [vectors[:, :3] * 5]


def random(seed, rows=N):
    return torch.randn(rows, SIZE, generator=torch.Generator().manual_seed(seed))


def texts(vectors):
    return TextBatch(torch.empty(0), torch.empty(0), torch.ones(len(vectors)), vectors)


def a_batch(**changes):
    batch = TrainingBatch(
        rows=torch.arange(N),
        images=random(0),
        has_image=YES,
        has_text=YES,
        keep_image=YES,
        keep_text=YES,
        texts=texts(random(1)),
        labels=torch.full((N, 1), -1),
        groups=torch.arange(N),
        queries=texts(random(2)),
        positives=torch.eye(N, dtype=torch.bool),
        epoch=0,
        levels=torch.tensor([[0, 0], [0, 0], [0, 1], [1, 2], [-1, -1]]),
        partners=None,
    )
    return batch._replace(**changes)


def cost(batch, **settings):
    off = dict.fromkeys(("image_text", "query_product", "part_product", "labels"), 0.0)
    return SharedObjective(Network(), EmbedderConfig(**(off | settings)))(batch)


def unit(seed, rows=N):
    return F.normalize(random(seed, rows), dim=1)


WHOLE = F.normalize(random(0) + random(1), dim=1)


def test_with_every_weight_zero_nothing_is_asked():
    assert float(cost(a_batch())) == 0.0


def test_image_text_is_the_contrastive_loss_of_the_two_parts():
    expected = contrastive_loss(unit(0), unit(1), SCALE)
    assert torch.allclose(cost(a_batch(), image_text=0.5), 0.5 * expected)


def test_part_product_is_half_of_each_part_against_the_whole():
    parts = [contrastive_loss(unit(seed), WHOLE, SCALE) for seed in (0, 1)]
    assert torch.allclose(cost(a_batch(), part_product=1.5), 0.75 * sum(parts))


def test_a_product_without_a_part_takes_no_part_in_them():
    less = YES.clone()
    less[4] = False
    found = cost(a_batch(has_image=less), image_text=1.0)
    assert torch.allclose(found, contrastive_loss(unit(0)[:4], unit(1)[:4], SCALE))


def test_twins_are_no_negatives():
    twins = torch.tensor([0, 0, 1, 2, 3])
    ignore = twins[:, None] == twins[None]
    found = cost(a_batch(groups=twins), image_text=1.0)
    assert torch.allclose(found, contrastive_loss(unit(0), unit(1), SCALE, ignore=ignore))


def test_products_of_one_leaf_are_no_negatives_when_so_set_and_unknown_leaves_stay_some():
    ignore = torch.eye(N, dtype=torch.bool)
    ignore[0, 1] = ignore[1, 0] = True
    levels = torch.tensor([[0, 0], [0, 0], [0, 1], [-1, -1], [-1, -1]])
    found = cost(a_batch(levels=levels), image_text=1.0, same_category="ignored")
    assert torch.allclose(found, contrastive_loss(unit(0), unit(1), SCALE, ignore=ignore))


def test_queries_meet_what_modality_dropout_left():
    keep = YES.clone()
    keep[0] = False
    kept = F.normalize(random(0) * keep[:, None] + random(1), dim=1)
    positives = torch.eye(N, dtype=torch.bool)
    positives[0, 1] = True
    found = cost(a_batch(keep_image=keep, positives=positives), query_product=2.0)
    assert torch.allclose(found, 2 * multi_positive_loss(unit(2), kept, positives, SCALE))


def test_a_query_without_words_is_not_asked():
    queries = texts(random(2))._replace(lengths=torch.tensor([1, 1, 0, 1, 1]))
    asked = torch.tensor([0, 1, 3, 4])
    found = cost(a_batch(queries=queries), query_product=1.0)
    positives = torch.eye(N, dtype=torch.bool)[asked]
    assert torch.allclose(found, multi_positive_loss(unit(2)[asked], WHOLE, positives, SCALE))


def test_hard_negatives_wait_and_then_count_for_pictures_and_for_words():
    waiting = a_batch(epoch=1)
    begun = a_batch(epoch=2)
    weights = {"image_text": 1.0, "query_product": 1.0}
    plain = cost(begun, **weights)
    hard = {"hard_negatives": 0.5, "hard_margin": 0.3, "hard_after": 2}
    assert torch.allclose(cost(waiting, **weights, **hard), plain)
    eye = torch.eye(N, dtype=torch.bool)
    added = hardest_negative_loss(unit(0), unit(1), margin=0.3, ignore=eye)
    added = added + hardest_negative_loss(unit(2), WHOLE, margin=0.3, ignore=eye)
    assert float(added) > 0
    assert torch.allclose(cost(begun, **weights, **hard), plain + 0.5 * added)


def test_category_draws_the_whole_products_by_shared_levels():
    batch = a_batch()
    expected = likeness_loss(WHOLE, shared_levels(batch.levels), SCALE)
    assert torch.allclose(cost(batch, category=0.3), 0.3 * expected)


def test_co_purchase_is_between_the_products_and_their_partners():
    places = torch.tensor([1, 3])
    ignore = torch.tensor([[True, False], [False, False]])
    partners = Partners(places, random(5, 2), YES[:2], YES[:2], texts(random(6, 2)), ignore)
    others = F.normalize(random(5, 2) + random(6, 2), dim=1)
    found = cost(a_batch(partners=partners), co_purchase=0.7)
    expected = contrastive_loss(WHOLE[places], others, SCALE, ignore=ignore)
    assert torch.allclose(found, 0.7 * expected)


def test_co_purchase_without_partners_is_nothing():
    assert float(cost(a_batch(), co_purchase=1.0)) == 0.0


def test_labels_are_the_mean_of_what_is_left_the_picture_and_the_words():
    labels = torch.tensor([[0], [1], [2], [0], [-1]])
    logits = [v[:4, :3] * 5 for v in (WHOLE, unit(0), unit(1))]
    expected = sum(F.cross_entropy(logit, labels[:4, 0]) for logit in logits) / 3
    found = cost(a_batch(labels=labels), labels=1.0, label_smoothing=0.0)
    assert torch.allclose(found, expected)


@pytest.mark.parametrize("name", ["shared", "match"])
def test_the_objective_is_the_one_of_the_config(name):
    made = make_objective(SimpleNamespace(), EmbedderConfig(objective=name))
    assert type(made).__name__ == {"shared": "SharedObjective", "match": "MatchObjective"}[name]
