from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from core_embeddings.co_purchase import CoPurchases
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.facets import category_levels, facets_of, label_codes, spoken
from core_embeddings.text import Tokenizer
from core_embeddings.text_input import build_text_input
from core_embeddings.training_set import TrainingRows, TrainingSet, _hide

TITLES = ["red dress", "blue dress", "red shoe", "green shoe", "red hat"]
PRODUCTS = pd.DataFrame(
    {
        "title": TITLES,
        "category": ["Wear > Dress", "Wear > Dress", "Feet > Shoe", "Feet > Shoe", "Wear > Hat"],
        "brand": ["A", "A", "B", "", "A"],
        "color": ["red|pink", "blue", "red", "green", "red"],
    }
)


def training_set(**settings):
    settings = {"batch_size": 5, **settings}
    config = EmbedderConfig(word_vectors="none", min_count=1, **settings)
    text_input = build_text_input(
        TITLES,
        Tokenizer(),
        word_vectors=None,
        min_count=1,
        max_words=100,
        buckets=10,
        max_tokens=8,
    )
    tokens = text_input.tokens(TITLES)
    present = np.ones(5, dtype=bool)
    rows = TrainingRows(
        images=torch.arange(5.0)[:, None],
        has_image=present,
        has_text=present,
        tokens=tokens,
        title_tokens=tokens,
        labels=np.arange(5)[:, None],
        groups=np.arange(5),
        facets=facets_of(PRODUCTS, ["category", "color"]),
    )
    return TrainingSet(rows, text_input, config, seed=3)


def test_facets_are_category_levels_first_values_and_brand():
    facets = {facet.name: facet for facet in facets_of(PRODUCTS, ["category", "color"])}
    assert set(facets) == {"category/1", "category/2", "color", "brand"}
    assert facets["category/1"].values == ("Feet", "Wear")
    assert list(facets["color"].codes) == [2, 0, 2, 1, 2]
    assert list(facets["brand"].codes) == [0, 0, 1, -1, 0]
    assert [spoken(value) for value in facets["category/2"].values] == ["Shoe", "Dress", "Hat"]


def test_a_facet_of_one_value_tells_nothing_and_is_left_out():
    assert facets_of(PRODUCTS.assign(color="red", brand="A"), ["color"]) == []


def test_label_codes_of_unknown_values_are_minus_one():
    assert list(label_codes(["b", "z", "a"], ["a", "b"])) == [1, -1, 0]


def test_an_epoch_sees_every_product_once_and_is_repeatable():
    made = training_set()
    first, again = next(iter(made.batches(0))), next(iter(made.batches(0)))
    assert sorted(first.images[:, 0].tolist()) == [0, 1, 2, 3, 4]
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.queries.ids, again.queries.ids)
    orders = {tuple(next(iter(made.batches(e))).images[:, 0].tolist()) for e in range(6)}
    assert len(orders) > 1


def test_a_batch_is_the_same_whether_those_before_it_were_drawn_or_not():
    made = training_set(batch_size=2)
    for epoch in range(3):
        drawn = list(made.batches(epoch))
        assert len(drawn) == 2  # the fifth product alone has no negatives
        (last,) = made.batches(epoch, 1)
        for name, value in last._asdict().items():
            whole = getattr(drawn[1], name)
            if hasattr(value, "ids"):
                value, whole = value.ids, whole.ids
            same = torch.equal(value, whole) if torch.is_tensor(value) else value == whole
            assert same, name
        assert list(made.batches(epoch, 2)) == []


def test_every_positive_of_a_query_really_answers_it():
    """A query's words are words of titles or of facet values; a positive must have them all."""
    made = training_set(word_dropout=0.0)
    words = made.text_input.vocabulary.words
    spelled = [" ".join(PRODUCTS.iloc[i].astype(str)).lower() for i in range(5)]
    asked = 0
    for epoch in range(20):
        batch = next(iter(made.batches(epoch)))
        products = batch.images[:, 0].int().tolist()
        assert bool(batch.positives.diagonal().all())
        if len(batch.queries.ids) != len(batch.queries.token_offsets):
            continue  # a facet word outside the titles: its n-grams cannot be spelled back
        start = 0
        for row, length in enumerate(batch.queries.lengths.tolist()):
            ids = batch.queries.ids[start : start + length]
            start += length
            query = [words[i - 1] for i in ids.tolist() if 0 < i <= len(words)]
            for column in batch.positives[row].nonzero()[:, 0].tolist():
                asked += 1
                assert all(word in spelled[products[column]] for word in query)
    assert asked > 20


def test_modality_dropout_hides_one_part_of_about_its_share_and_never_the_only_part():
    rng = np.random.default_rng(0)
    both = np.ones(10_000, dtype=bool)
    keep_image, keep_text = _hide(both, both, 0.3, rng)
    assert (keep_image | keep_text).all()
    assert (~keep_image).mean() == pytest.approx(0.15, abs=0.015)
    assert (~keep_text).mean() == pytest.approx(0.15, abs=0.015)
    only = np.array([True, False] * 100)
    keep_image, keep_text = _hide(only, ~only, 0.9, rng)
    assert np.array_equal(keep_image, only)
    assert np.array_equal(keep_text, ~only)


def test_a_disguised_word_loses_its_row_and_keeps_its_pretrained_vector():
    class Vectors:
        name, size = "letters", 1

        def vectors(self, words):
            return np.array([[float(len(word))] for word in words], dtype=np.float32)

    text_input = build_text_input(
        TITLES,
        Tokenizer(),
        word_vectors=Vectors(),
        min_count=1,
        max_words=100,
        buckets=10,
        max_tokens=8,
    )
    known = text_input.vocabulary.size - 10
    plain = text_input.batch([["red", "dress"]])
    disguised = text_input.batch(
        [["red", "dress"]], foreign_share=1.0, rng=np.random.default_rng(0)
    )
    assert (plain.ids < known).all()
    assert (disguised.ids >= known).all()
    assert disguised.priors[:, 0].tolist() == [3.0, 5.0] == plain.priors[:, 0].tolist()
    assert disguised.lengths.tolist() == [2]


def test_a_remembered_word_keeps_its_vector_whatever_it_is_asked_with():
    class Shaky:
        """As a real encoder: the last bits depend on the company."""

        name, size = "shaky", 1

        def vectors(self, words):
            return np.array([[len(words) * 1e-3]] * len(words), dtype=np.float32)

    text_input = build_text_input(
        ["seen seen once", "twice"],
        Tokenizer(),
        word_vectors=Shaky(),
        min_count=2,
        max_words=100,
        buckets=10,
        max_tokens=8,
    )
    alone = text_input.batch([["once"]]).priors
    together = text_input.batch([["twice", "once"]]).priors
    assert torch.equal(alone[0], together[1])
    assert alone[0].item() == pytest.approx(2e-3)  # asked once, with "twice"


def test_texts_and_queries_of_two_languages_come_in_either_and_in_both():
    english, chinese = ["red", "dress"], ["红色", "裙子"]
    drawn = training_set(word_dropout=0.5, batch_size=2)
    rows = replace(
        drawn.rows,
        tokens=[english + chinese] * 5,
        wordings=[[english, chinese]] * 5,
    )
    drawn = TrainingSet(rows, drawn.text_input, drawn.config, 0, facet_share=0.0)
    rng = np.random.default_rng(0)
    said = [set(drawn._word_query(0, np.arange(5), rng)[0]) for _ in range(200)]
    for languages in ({True}, {False}, {True, False}):
        assert any({word.isascii() for word in query} == languages for query in said)
    read = [set(drawn._augment(0, rng)) for _ in range(200)]
    assert any(words <= set(english) for words in read)
    assert any(words <= set(chinese) for words in read)
    assert set.union(*read) == {*english, *chinese}


def test_category_levels_are_the_codes_of_the_paths_down_to_each_level():
    levels = category_levels(facets_of(PRODUCTS, ["category", "color"]), 5)
    # Feet, Wear; then Feet > Shoe, Wear > Dress, Wear > Hat, sorted as whole paths
    assert levels.tolist() == [[1, 1], [1, 1], [0, 0], [0, 0], [1, 2]]
    assert category_levels([], 5).shape == (5, 0)


def test_a_batch_brings_a_partner_for_each_product_that_has_one():
    weights = np.zeros((5, 5))
    weights[0, 3] = weights[3, 0] = weights[1, 2] = weights[2, 1] = 1.0
    made = training_set(word_dropout=0.0)
    made.rows = replace(made.rows, together=CoPurchases(sparse.csr_matrix(weights)))
    batch = next(iter(made.batches(0)))
    partners = batch.partners
    whose = batch.rows[partners.places].tolist()
    assert sorted(whose) == [0, 1, 2, 3]
    assert partners.images[:, 0].int().tolist() == [{0: 3, 3: 0, 1: 2, 2: 1}[row] for row in whose]
    drawn = partners.images[:, 0].int().tolist()
    expected = [[row == other or weights[row, other] > 0 for other in drawn] for row in whose]
    assert partners.no_negative.tolist() == expected  # neither itself nor what it is bought with
    assert partners.texts.lengths.tolist() == [2] * 4


def test_without_purchases_a_batch_is_what_it_was():
    assert next(iter(training_set().batches(0))).partners is None
