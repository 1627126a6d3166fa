"""Canonical correlation as a matcher: colours in frozen features, the same colours in words."""

import numpy as np
import pandas as pd
import pytest

from core_embeddings.splits import duplicate_groups
from core_embeddings.text import Tokenizer
from tuwen.evaluation import evaluate_match
from tuwen.match_baseline import CorrelationMatcher, Sides, _main_directions, correlation_scores
from tuwen.matching import first_right

COLOURS, KINDS = ("red", "green", "blue", "black"), ("shirt", "shoe", "lamp", "scarf", "bag")


class Features:
    """Frozen features that encode, with noise, which colour and kind a picture shows."""

    class spec:
        kind = "stages"

    def for_products(self, images, digests):
        rows = np.zeros((len(digests), len(COLOURS) + len(KINDS)), dtype=np.float32)
        for row, (digest,) in enumerate(digests):
            number = int(digest)
            rows[row, number % 4] = rows[row, 4 + number % 5] = 1.0
            rows[row] += 0.1 * np.random.default_rng(number).normal(size=rows.shape[1])
        return rows


class Embedder:
    """As much of an embedder as the baseline uses; its own scores know nothing."""

    class text_input:
        tokenizer = Tokenizer()

    features = Features()

    def match_scores(self, images, texts):
        return np.zeros((len(images), len(texts)), dtype=np.float32)


@pytest.fixture
def products():
    count = 200
    return pd.DataFrame(
        {
            "product_id": [f"p{i:03}" for i in range(count)],
            "title": [f"{COLOURS[i % 4]} {KINDS[i % 5]} model{i}" for i in range(count)],
            "description": "",
            "brand": "",
            "image": [(f"{i}.jpg",) for i in range(count)],
            "image_digest": [(str(i),) for i in range(count)],
            "split": ["train"] * 140 + ["val"] * 40 + ["test"] * 20,
        }
    )


def parts(products):
    return tuple(
        products[products["split"] == part].reset_index(drop=True)
        for part in ("train", "val", "test")
    )


def test_a_picture_finds_the_words_of_its_colour_and_kind(products):
    """20 test products are the 20 combinations, so the right text is the only one that fits."""
    scores = correlation_scores(Embedder(), *parts(products))
    assert scores.shape == (20, 20)
    assert (first_right(scores, np.arange(20)) == 1).mean() > 0.9


def test_the_report_has_the_baseline_beside_the_embedders_and_chance(products):
    report = evaluate_match({"tuwen": Embedder()}, products)
    assert set(report["model"]) == {"tuwen", "cca", "chance"}
    assert set(report["segment"]) == {"image to text", "text to image"}
    assert (report["n"] == 20).all()
    value = report.set_index(["segment", "model", "metric"])["value"]
    assert value["image to text", "cca", "recall@1"] > 0.9
    assert value["image to text", "chance", "recall@1"] == pytest.approx(1 / 20)
    assert value["text to image", "tuwen", "median_rank"] == 10.5  # ties go by place


def test_learning_and_choosing_never_see_test_products(products):
    """What the test products say changes nothing but their own rows' scores."""
    train, val, test = parts(products)
    other = test.assign(title="words nobody trained")
    changed = correlation_scores(Embedder(), train, val, pd.concat([test, other]))
    alone = correlation_scores(Embedder(), train, val, test)
    assert np.allclose(changed[:20, :20], alone)


def test_the_choice_is_the_best_on_val_rows(products):
    sides = []
    rng = np.random.default_rng(0)
    causes = rng.normal(size=(300, 6))
    for width in (70, 80):
        sides.append(causes @ rng.normal(size=(6, width)) + 0.5 * rng.normal(size=(300, width)))
    learn = Sides(*(side[:200] for side in sides))
    check = Sides(*(side[200:] for side in sides))
    chosen = CorrelationMatcher.choose(learn, check, np.arange(100))
    recall = (first_right(chosen.scores(check), np.arange(100)) <= 10).mean()
    assert chosen.width in (64, 70)
    assert recall > 0.5


def test_pixels_or_too_few_products_make_no_baseline(products, monkeypatch):
    train, val, test = parts(products)
    assert correlation_scores(Embedder(), train, val.head(9), test) is None
    monkeypatch.setattr(Features.spec, "kind", "pixels")
    assert correlation_scores(Embedder(), train, val, test) is None


def test_texts_without_common_words_make_no_baseline(products):
    train, val, test = parts(products)
    apart = train.assign(title=[f"x{i}" for i in range(len(train))])
    assert correlation_scores(Embedder(), apart, val, test) is None
    one = train.assign(title=[f"lamp x{i}" for i in range(len(train))])
    assert correlation_scores(Embedder(), one, val, test) is None


def test_reducing_keeps_no_more_directions_than_there_are():
    rng = np.random.default_rng(0)
    reduced = _main_directions([rng.normal(size=(12, 6)), rng.normal(size=(3, 6))])
    assert [part.shape for part in reduced] == [(12, 5), (3, 5)]


def test_groups_of_test_products_are_the_splits_own(products):
    test = parts(products)[2]
    twins = pd.concat([test, test.assign(product_id=test["product_id"] + "b")], ignore_index=True)
    report = evaluate_match({"tuwen": Embedder()}, pd.concat([products.head(180), twins]))
    value = report.set_index(["segment", "model", "metric"])["value"]
    assert len(set(duplicate_groups(twins))) == 20
    assert value["image to text", "chance", "recall@1"] == pytest.approx(2 / 40)
