import pytest
import torch
import torch.nn.functional as F

from core_embeddings.losses import contrastive_loss
from core_embeddings.photo_heads import FieldHeads, Targets

ROWS, WIDTH = 12, 6


def data(words=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(ROWS, WIDTH, generator=generator) * 5 + 3
    labels = torch.stack([torch.arange(ROWS) % 3, torch.arange(ROWS) % 2], dim=1)
    vectors = F.normalize(torch.randn(ROWS, words, generator=generator), dim=1)
    return features, Targets(labels, vectors, torch.arange(ROWS))


def heads(features, *, words=4, weight=0.5, dropout=0.0):
    torch.manual_seed(0)
    return FieldHeads(
        features, [3, 2], words=words, dropout=dropout, smoothing=0.1, words_weight=weight
    )


def test_the_loss_is_the_mean_cross_entropy_of_the_fields_plus_the_weighed_match_of_words():
    features, targets = data()
    told = heads(features)
    standard = (features - features.mean(0)) / features.std(0)
    entropy = [
        F.cross_entropy(head(standard), targets.labels[:, i], label_smoothing=0.1)
        for i, head in enumerate(told.fields)
    ]
    seen = F.normalize(told.to_words(standard), dim=1)
    scale = told.log_scale.exp()
    matched = contrastive_loss(seen, targets.words, scale)
    wanted = sum(entropy) / 2 + 0.5 * matched
    torch.testing.assert_close(told.loss(features, targets), wanted)


@pytest.mark.parametrize(("words", "weight"), [(0, 0.5), (4, 0.0)])
def test_without_word_vectors_or_weight_there_is_no_head_for_them(words, weight):
    features, targets = data(words=words)
    told = heads(features, words=words, weight=weight)
    assert told.to_words is None
    assert torch.isfinite(told.loss(features, targets))


def test_photos_without_text_take_no_part_in_the_match():
    features, targets = data()
    told = heads(features)
    silent = targets._replace(words=targets.words.clone())
    silent.words[5:] = 0
    standard = (features[:5] - features.mean(0)) / features.std(0)
    seen = F.normalize(told.to_words(standard), dim=1)
    matched = contrastive_loss(seen, targets.words[:5], told.log_scale.exp())
    without = heads(features, weight=0.0)
    without.load_state_dict(told.state_dict(), strict=False)
    gain = told.loss(features, silent) - without.loss(features, silent)
    torch.testing.assert_close(gain, 0.5 * matched)


def test_accuracy_is_the_mean_over_fields_of_known_rows():
    features, _ = data()
    told = heads(features).eval()
    best = [logits.argmax(1) for logits in told.logits(features)]
    labels = torch.stack([best[0], 1 - best[1]], dim=1)  # the first all right, the second all wrong
    assert told.accuracy(features, labels) == 0.5
    labels[:, 1] = -1
    assert told.accuracy(features, labels) == 1.0
    labels[:, 0] = -1
    assert told.accuracy(features, labels) == 0.0


def test_targets_of_rows_are_those_rows():
    _, targets = data()
    rows = torch.tensor([3, 1])
    for part, whole in zip(targets.of(rows), targets, strict=True):
        assert torch.equal(part, whole[rows])
