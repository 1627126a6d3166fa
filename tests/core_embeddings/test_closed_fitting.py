"""Closed-form parts are fitted on train rows, chosen on validation rows, saved and used."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core_embeddings.block_shares import choose_shares
from core_embeddings.closed_fitting import fit_closed_form
from core_embeddings.closed_form import ClosedForm, Shares
from core_embeddings.embedder import FusionEmbedder
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.images import image_digest
from core_embeddings.missing_parts import MASKED
from core_embeddings.training_material import Material, prepare

COLORS = {"red": (220, 30, 30), "blue": (30, 30, 220), "green": (30, 180, 30)}
KINDS = ["dress", "shoe", "lamp"]
SETTINGS = {
    "backbone": "mobilenet_v3_small",
    "weights": "random",
    "image_size": 32,
    "word_vectors": "none",
    "tower_size": 16,
    "embedding_size": 12,
    "word_size": 8,
    "rnn_size": 8,
    "epochs": 1,
}


def write_vectors(path):
    """Write word vectors in which a word of a colour or a kind is a direction of its own."""
    words = [*COLORS, *KINDS, "crimson", "frock", "stripes"]
    places = [*range(6), 0, 3, 6]
    rows = [" ".join(map(str, np.eye(8)[place])) for place in places]
    path.write_text("".join(f"{w} {r}\n" for w, r in zip(words, rows, strict=True)))
    return str(path)


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    folder, rng, rows = tmp_path_factory.mktemp("world"), np.random.default_rng(0), []
    for i in range(120):
        color, kind = list(COLORS)[i % 3], KINDS[i // 3 % 3]
        pixels = np.array(COLORS[color]) + rng.integers(-30, 30, (16, 16, 3))
        path = folder / f"{i}.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
        title = f"{color} {kind} {'stripes' if i % 2 else ''}"
        rows.append((f"P{i:03}", title, kind, color, (str(path),), (image_digest(path),)))
    names = ["product_id", "title", "category", "color", "image", "image_digest"]
    return pd.DataFrame(rows, columns=names).assign(description="", brand="")


@pytest.fixture(scope="module")
def split():
    return pd.Series(["train"] * 90 + ["val"] * 30)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    vectors = write_vectors(tmp_path_factory.mktemp("words") / "vectors.txt")
    return EmbedderConfig.for_preset("default", **{**SETTINGS, "word_vectors": vectors})


def train(products, split, config):
    return FusionEmbedder.train(products, split=split, fields=["category", "color"], config=config)


@pytest.fixture(scope="module")
def embedder(products, split, config):
    return train(products, split, config)


@pytest.fixture(scope="module")
def material(products, split, config) -> Material:
    return prepare(products, split=split, fields=["category", "color"], config=config)


def test_vectors_are_wider_by_the_parts_and_of_unit_length(embedder, products):
    assert embedder.closed.width > 0
    vectors = embedder.encode(products[:9])
    assert vectors.shape == (9, 12 + embedder.closed.width) == (9, embedder.embedding_size)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    queries = embedder.encode_queries(["red dress", "", "frock"], [*products["image"][0], "", ""])
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), [1, 0, 1], atol=1e-5)


def test_an_unseen_word_finds_what_it_means(embedder, products):
    scores = embedder.encode_queries(["frock"]) @ embedder.encode(products[90:]).T
    best = products["category"].to_numpy()[90:][np.argsort(-scores[0], kind="stable")[:5]]
    assert set(best) == {"dress"}


def test_whole_products_and_pictures_with_words_are_made_up_alike(embedder, products):
    titles, paths = list(products["title"][:5]), [own[0] for own in products["image"][:5]]
    asked = embedder.encode_queries(titles, paths)
    np.testing.assert_allclose(asked, embedder.encode(products[:5], missing=MASKED), atol=1e-4)


def test_pairs_are_scored_by_all_parts_and_heads_by_the_network_alone(embedder, products):
    table = embedder.match_scores(products[:4], products[:4])
    seen, read = embedder.encode(products[:4], "image"), embedder.encode(products[:4], "text")
    assert np.corrcoef(table.ravel(), (seen @ read.T).ravel())[0, 1] > 0.9
    own = embedder.network.label_logits(torch.from_numpy(seen))
    assert [logits.shape for logits in own] == [(4, 3), (4, 3)]


def test_parts_are_saved_and_are_what_an_embedder_is(embedder, products, tmp_path):
    embedder.save_pretrained(tmp_path / "model")
    again = FusionEmbedder.from_pretrained(tmp_path / "model")
    assert again.fingerprint == embedder.fingerprint
    assert again.closed.described() == embedder.closed.described()
    np.testing.assert_array_equal(again.encode(products[:9]), embedder.encode(products[:9]))


def test_settings_leave_parts_out_and_taggers_see_the_network_alone(
    embedder, products, split, config
):
    plain = train(products, split, replace(config, linear_twin=False, word_direction=False))
    assert plain.embedding_size == 12
    assert plain.fingerprint != embedder.fingerprint
    np.testing.assert_allclose(plain.views(products).fused, embedder.views(products).fused)


def test_without_products_that_taught_nobody_there_are_no_parts(
    embedder, products, config, material
):
    network = embedder.network
    assert fit_closed_form(network, material, config, 0).width == embedder.closed.width
    everyone = prepare(
        products[:90], split=pd.Series(["train"] * 90), fields=["color"], config=config
    )
    assert fit_closed_form(network, everyone, config, 0).width == 0
    few = prepare(
        products[:99],
        split=pd.Series(["train"] * 90 + ["val"] * 9),
        fields=["category", "color"],
        config=config,
    )
    assert fit_closed_form(network, few, config, 0).width == 0


def test_parts_that_say_nothing_get_no_share_of_pictures_and_texts_alone(embedder, material):
    """A twin and words whose maps are zero are zero rows: any share of them would be a loss."""
    made = embedder.closed
    assert made.words is not None
    nothing = replace(
        made.words,
        word_map=0 * made.words.word_map,
        basis=0 * made.words.basis,
        image_map=0 * made.words.image_map,
        image_shift=0 * made.words.image_shift,
    )
    chosen = choose_shares(
        embedder.network,
        ClosedForm(None, nothing),
        material.held_out,
        material.text_input,
        embedder.config,
        0,
    )
    assert chosen.alone == chosen.named == chosen.shown == Shares(0.0, 0.0)


def test_another_fit_of_the_same_is_the_same(embedder, material, config):
    again = fit_closed_form(embedder.network, material, config, 0)
    for name, tensor in again.tensors().items():
        assert np.array_equal(tensor, embedder.closed.tensors()[name]), name
