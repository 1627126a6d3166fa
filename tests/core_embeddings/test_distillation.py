"""Teachers and a student of three kinds of products, told by their words or by their picture."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from core_embeddings.distillation import (
    READ,
    SEEN,
    WHOLE,
    DistilledObjective,
    Teachers,
    share_loss,
)
from core_embeddings.embedder import FusionEmbedder
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_training import Session, train_on
from core_embeddings.errors import ConfigError
from core_embeddings.facets import facets_of
from core_embeddings.network import FusionNetwork, Shape
from core_embeddings.text import Tokenizer
from core_embeddings.text_input import build_text_input
from core_embeddings.training_material import prepare
from core_embeddings.training_set import TrainingRows, TrainingSet

KINDS = ["dress", "shoe", "lamp"]
SMALL = {
    "backbone": "pixels",
    "word_vectors": "none",
    "min_count": 1,
    "buckets": 20,
    "tower_size": 12,
    "embedding_size": 8,
    "word_size": 8,
    "rnn_size": 8,
    "batch_size": 10,
    "dropout": 0.0,
    "text_residual": 0.0,
}
CONFIG = EmbedderConfig(**SMALL)


@pytest.fixture(scope="module")
def text_input():
    return build_text_input(
        KINDS, Tokenizer(), word_vectors=None, min_count=1, max_words=99, buckets=20, max_tokens=4
    )


@pytest.fixture(scope="module")
def rows(text_input):
    kind = np.arange(30) % 3
    titles = [KINDS[k] for k in kind]
    tokens = text_input.tokens(titles)
    noise = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    products = pd.DataFrame({"title": titles, "category": titles, "brand": ""})
    return TrainingRows(
        images=noise + 3 * torch.eye(5)[kind],
        has_image=np.arange(30) != 4,
        has_text=np.arange(30) != 7,
        tokens=[[] if i == 7 else t for i, t in enumerate(tokens)],
        title_tokens=tokens,
        labels=kind[:, None],
        groups=np.arange(30),
        facets=facets_of(products, ["category"]),
    )


def network(text_input, seed):
    torch.manual_seed(seed)
    return FusionNetwork(CONFIG, Shape(5, text_input.vocabulary.size, 0), {"category": 3})


def plain_views(member, rows, text_input):
    """What a network says of each row alone, one at a time."""
    views = []
    with torch.no_grad():
        for i in range(len(rows)):
            image = member.see(rows.images[i : i + 1])
            text = member.read(text_input.batch([rows.tokens[i]]))
            sees, reads = torch.tensor([rows.has_image[i]]), torch.tensor([rows.has_text[i]])
            none = torch.tensor([False])
            asked = {WHOLE: (sees, reads), SEEN: (sees, none), READ: (none, reads)}
            views.append([member.fuse(image, text, *asked[v])[0] for v in (WHOLE, SEEN, READ)])
    return views


def test_share_loss_is_the_divergence_of_its_definition():
    logits = torch.tensor([[1.0, 2.0, 0.5], [0.0, 0.0, 3.0]])
    shares = torch.tensor([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
    expected = 0.0
    for row, wanted in zip(logits.tolist(), shares.tolist(), strict=True):
        total = sum(map(math.exp, row))
        for logit, share in zip(row, wanted, strict=True):
            if share > 0:
                expected += share * (math.log(share) - math.log(math.exp(logit) / total))
    assert float(share_loss(logits, shares)) == pytest.approx(expected / 2, abs=1e-6)
    assert float(share_loss(logits, logits.softmax(1))) == pytest.approx(0.0, abs=1e-6)


def test_teachers_say_the_mean_of_what_each_of_them_says(text_input, rows):
    members = [network(text_input, seed).eval() for seed in (1, 2)]
    with torch.no_grad():
        members[1].log_scale.fill_(math.log(4.0))
    teachers = Teachers(members, rows, text_input)
    views = [plain_views(member, rows, text_input) for member in members]
    chosen = torch.tensor([3, 0, 20])
    for view in (WHOLE, SEEN, READ):
        (found,) = teachers.label_shares(chosen, view)
        for place, row in enumerate(chosen.tolist()):
            told = [
                member.label_logits(its[row][view][None])[0].softmax(1)[0]
                for member, its in zip(members, views, strict=True)
            ]
            assert torch.allclose(found[place], sum(told) / 2, atol=2e-3)
    found = teachers.likeness(chosen, SEEN, WHOLE)
    for i, one in enumerate(chosen.tolist()):
        for j, other in enumerate(chosen.tolist()):
            scaled = [
                scale * float(its[one][SEEN] @ its[other][WHOLE])
                for scale, its in zip((10.0, 4.0), views, strict=True)
            ]
            assert float(found[i, j]) == pytest.approx(sum(scaled) / 2, abs=0.02)


def test_who_equals_the_only_teacher_has_nothing_to_imitate(text_input, rows):
    teacher, other = network(text_input, 1).eval(), network(text_input, 2).eval()
    teachers = Teachers([teacher], rows, text_input)
    plain = TrainingSet(rows, text_input, EmbedderConfig(**SMALL, word_dropout=0.0), 0)
    batch = next(iter(plain.batches(0)))
    losses = [
        float(DistilledObjective(lambda b: torch.tensor(2.0), one, teachers, 1.5)(batch).detach())
        for one in (teacher, other)
    ]
    assert losses[0] == pytest.approx(2.0, abs=1e-4)
    assert losses[1] > 2.1


def test_imitation_alone_makes_the_teachers_decisions(text_input, rows):
    """The labels are told to nobody but the teacher, who learned the wrong ones."""
    teacher, student = network(text_input, 1), network(text_input, 2)
    wrong = torch.from_numpy((rows.labels[:, 0] + 1) % 3)
    everything = TrainingSet(rows, text_input, EmbedderConfig(**SMALL | {"batch_size": 30}), 0)
    has = torch.from_numpy(rows.has_image), torch.from_numpy(rows.has_text)

    def decisions(one):
        image, text = one.see(rows.images), one.read(text_input.batch(rows.tokens))
        return one.label_logits(one.fuse(image, text, *has))[0]

    def learn(one, loss):
        optimizer = torch.optim.Adam(one.parameters(), lr=0.02)
        for epoch in range(25):
            optimizer.zero_grad()
            loss(next(iter(everything.batches(epoch)))).backward()
            optimizer.step()

    learn(teacher, lambda batch: torch.nn.functional.cross_entropy(decisions(teacher), wrong))
    teachers = Teachers([teacher], rows, text_input)
    learn(student, DistilledObjective(lambda batch: 0.0, student, teachers, 1.0))
    assert torch.equal(decisions(teacher).argmax(1), wrong)
    assert float((decisions(student).argmax(1) == wrong).float().mean()) > 0.9


@pytest.fixture(scope="module")
def products():
    titles = [f"{KINDS[i % 3]} {i % 5}" for i in range(40)]
    frame = pd.DataFrame({"title": titles, "category": [t.split()[0] for t in titles]})
    frame["product_id"] = [f"P{i}" for i in range(40)]
    frame["description"] = frame["brand"] = ""
    frame["image"] = frame["image_digest"] = pd.Series([()] * 40, dtype=object)
    return frame


@pytest.fixture(scope="module")
def split():
    return pd.Series(["train"] * 30 + ["val"] * 10)


def train(products, split, seed=0, **settings):
    config = EmbedderConfig(**SMALL | {"epochs": 2, "image_size": 16} | settings.pop("config", {}))
    return FusionEmbedder.train(
        products, split=split, fields=["category"], config=config, seed=seed, **settings
    )


def test_members_train_from_the_next_seeds_and_the_kept_one_imitates_them(products, split):
    config = EmbedderConfig(**SMALL, epochs=2, image_size=16)
    together = train(products, split, config={"members": 2})
    material = prepare(products, split=split, fields=["category"], config=config)
    others = [train(products, split, seed=seed) for seed in (1, 2)]
    by_hand = train_on(material, config, Session(seed=0), members=others)
    alone = train(products, split)
    assert np.array_equal(together.encode(products), by_hand.encode(products))
    assert not np.array_equal(together.encode(products), alone.encode(products))


def test_a_training_of_members_that_was_cut_ends_in_the_same_embedder(products, split, tmp_path):
    whole = train(products, split, config={"members": 2})

    def cut(what, done, total):
        if (what, done) == ("epochs of member 2", 1):
            raise KeyboardInterrupt

    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        train(products, split, config={"members": 2}, checkpoint=path, progress=cut)
    seen = []
    again = train(
        products,
        split,
        config={"members": 2},
        checkpoint=path,
        progress=lambda what, done, total: seen.append((what, done)),
    )
    assert again.fingerprint == whole.fingerprint
    assert [note for note in seen if "epochs" in note[0]] == [
        ("epochs of member 2", 2),
        ("epochs", 1),
        ("epochs", 2),
    ]


def test_members_need_the_objective_they_can_be_imitated_in():
    with pytest.raises(ConfigError, match=r"embedder.members must be one where the objective"):
        EmbedderConfig.for_preset("article", members=3)
    with pytest.raises(ConfigError, match=r"embedder.members must be at least 1; got 0"):
        EmbedderConfig(members=0)
    with pytest.raises(ConfigError, match=r"embedder.distill must be at least 0; got -1"):
        EmbedderConfig(distill=-1)
