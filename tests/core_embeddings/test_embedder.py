"""An embedder trained on a tiny world: colours are in the pictures, kinds are in the words."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from core_embeddings.artefact import Manifest, read_json, write_json
from core_embeddings.embedder import FusionEmbedder
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedder_store import KIND, VERSION, fingerprint_of
from core_embeddings.embedding import embed_products, embed_to_file
from core_embeddings.errors import ArtefactError, TuwenError
from core_embeddings.images import image_digest
from core_embeddings.missing_parts import MASKED, TEXT_POLICIES, MissingParts
from core_embeddings.vector_table import read_vectors

COLORS = {"red": (220, 30, 30), "blue": (30, 30, 220), "green": (30, 180, 30)}
KINDS = ["dress 连衣裙", "shoe 鞋子", "lamp 台灯"]
SMALL = {
    "backbone": "pixels",
    "image_size": 32,
    "word_vectors": "none",
    "tower_size": 32,
    "embedding_size": 24,
    "word_size": 16,
    "rnn_size": 16,
    "batch_size": 18,
    "epochs": 12,
    "learning_rate": 5e-3,
    "dropout": 0.0,
}


def world(folder, count=126):
    rng = np.random.default_rng(0)
    rows = []
    for i in range(count):
        color, kind = list(COLORS)[i % 3], KINDS[i // 3 % 3]
        noise = rng.integers(-20, 20, (24, 24, 3))
        pixels = np.clip(np.array(COLORS[color]) + noise, 0, 255).astype(np.uint8)
        path = folder / f"{i}.png"
        Image.fromarray(pixels).save(path)
        rows.append((f"P{i:03}", f"{kind} {i}", kind.split()[0], color, (str(path),)))
    frame = pd.DataFrame(rows, columns=["product_id", "title", "category", "color", "image"])
    frame["description"] = frame["brand"] = ""
    frame["image_digest"] = [
        tuple(image_digest(folder / f"{i}.png") for _ in [0]) for i in range(count)
    ]
    return frame


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    return world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def split(products):
    return pd.Series(["train"] * 90 + ["val"] * 18 + ["test"] * 18)


def train(products, split, preset="default", **settings):
    config = EmbedderConfig.for_preset(preset, **{**SMALL, **settings})
    return FusionEmbedder.train(products, split=split, fields=["category", "color"], config=config)


@pytest.fixture(scope="module")
def embedder(products, split):
    return train(products, split)


def agreement(vectors, values):
    """Share of rows whose nearest other row has the same value."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    nearest = scores.argmax(1)
    return float(np.mean(np.asarray(values)[nearest] == np.asarray(values)))


def test_vectors_are_unit_rows_of_the_embedding_size(embedder, products):
    vectors = embedder.encode(products)
    assert vectors.shape == (126, 24)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_each_modality_knows_what_only_it_can_know(embedder, products):
    test = products.iloc[108:]
    assert agreement(embedder.encode(test, "image"), test["color"]) == 1.0
    assert agreement(embedder.encode(test, "text"), test["category"]) == 1.0


def test_words_and_pictures_meet_in_one_space(embedder, products):
    test = products.iloc[108:]
    vectors = embedder.encode(test)
    by_kind = embedder.encode_queries(["连衣裙"]) @ vectors.T
    best = np.argsort(-by_kind[0])[:6]  # there are six
    assert set(test["category"].iloc[best]) == {"dress"}
    by_color = embedder.encode_queries(["red"]) @ vectors.T
    best = np.argsort(-by_color[0])[:2]
    assert set(test["color"].iloc[best]) == {"red"}


def test_queries_take_text_picture_or_both(embedder, products):
    path = products["image"].iloc[0][0]
    text = embedder.encode_queries(["dress"])
    picture = embedder.encode_queries(images=[path])
    both = embedder.encode_queries(["dress", ""], ["", path])
    assert np.allclose(both[0], text[0], atol=1e-6)
    assert np.allclose(both[1], picture[0], atol=1e-6)
    assert not np.allclose(embedder.encode_queries(["dress"], [path]), text, atol=1e-3)
    with pytest.raises(ValueError, match="needs texts, images or both"):
        embedder.encode_queries()
    with pytest.raises(ValueError, match="1 texts but 2 images"):
        embedder.encode_queries(["a"], [path, path])


def test_a_row_has_the_same_vector_alone_and_among_others(embedder, products):
    together = embedder.encode(products)
    assert np.allclose(embedder.encode(products.iloc[7:8]), together[7:8], atol=1e-5)


def test_a_missing_modality_is_a_zero_row_and_no_error(embedder, products):
    bare = products.iloc[:2].assign(title=["", "lamp"])
    bare["image"] = pd.Series([bare["image"].iloc[0], ()], index=bare.index)
    bare["image_digest"] = pd.Series([bare["image_digest"].iloc[0], ()], index=bare.index)
    assert np.array_equal(embedder.encode(bare, "text", missing=MASKED)[0], np.zeros(24))
    assert np.array_equal(embedder.encode(bare, "image")[1], np.zeros(24))
    views = embedder.views(bare)
    assert list(views.has_image) == [True, False]
    assert list(views.has_text) == [False, True]
    assert np.allclose(np.linalg.norm(views.fused, axis=1), 1, atol=1e-5)
    assert not views.image[1].any()
    assert not views.text[0].any()


def test_arrow_and_dicts_and_frames_give_the_same_vectors(embedder, products):
    plain = [
        {"title": t, "image": i[0]}
        for t, i in zip(products["title"], products["image"], strict=True)
    ]
    expected = embedder.encode(products.iloc[:4])
    assert np.allclose(embedder.encode(plain[:4]), expected, atol=1e-6)
    assert np.allclose(embedder.encode(pa.Table.from_pylist(plain[:4])), expected, atol=1e-6)
    with pytest.raises(TypeError, match="must be a pandas DataFrame, an Arrow table or a list"):
        embedder.encode("dress")


def test_the_training_heads_tell_what_each_modality_knows(embedder, products):
    test = products.iloc[108:]
    for field, what in [("category", "fused"), ("category", "text"), ("color", "image")]:
        shares = embedder.label_probabilities(test, what)
        assert list(shares) == ["category", "color"]
        assert np.allclose(shares[field].sum(1), 1, atol=1e-5)
        assert (np.array(embedder.labels[field])[shares[field].argmax(1)] == test[field]).all()
    assert embedder.label_probabilities(test.iloc[:0])["color"].shape == (0, 3)


def test_a_saved_embedder_comes_back_equal(embedder, products, tmp_path):
    embedder.save_pretrained(tmp_path / "model")
    again = FusionEmbedder.from_pretrained(tmp_path / "model")
    assert again.fingerprint == embedder.fingerprint
    assert np.array_equal(again.encode(products), embedder.encode(products))
    assert again.labels == embedder.labels
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {"manifest.json", "config.json", "vocabulary.json", "weights.safetensors"}


def test_a_changed_weight_or_a_torn_file_is_refused(embedder, tmp_path):
    embedder.save_pretrained(tmp_path / "model")
    weights = tmp_path / "model" / "weights.safetensors"
    payload = bytearray(weights.read_bytes())
    payload[-5] ^= 0x40
    weights.write_bytes(bytes(payload))
    with pytest.raises(ArtefactError, match="were changed or damaged"):
        FusionEmbedder.from_pretrained(tmp_path / "model")
    weights.write_bytes(bytes(payload[:100]))
    with pytest.raises(ArtefactError, match=r"is damaged|cannot be read"):
        FusionEmbedder.from_pretrained(tmp_path / "model")


def test_a_folder_of_before_a_setting_existed_still_loads(embedder, products, tmp_path):
    folder = tmp_path / "model"
    embedder.save_pretrained(folder)
    saved = read_json(folder / "config.json")
    del saved["config"]["l1"]
    write_json(folder / "config.json", saved)
    parts = (embedder.network, embedder.text_input, saved["config"], embedder.features.key)
    Manifest(KIND, VERSION, fingerprint_of(*parts)).write(folder)
    again = FusionEmbedder.from_pretrained(folder)
    assert again.fingerprint == fingerprint_of(*parts) != embedder.fingerprint
    assert np.array_equal(again.encode(products), embedder.encode(products))


def test_a_backbone_travels_with_the_folder(products, split, tmp_path):
    made = train(products, split, backbone="mobilenet_v3_small", weights="random", epochs=1)
    made.save_pretrained(tmp_path / "model")
    again = FusionEmbedder.from_pretrained(tmp_path / "model")
    assert np.allclose(again.encode(products[:3]), made.encode(products[:3]), atol=1e-6)
    assert (tmp_path / "model" / "backbone.safetensors").exists()


def test_test_rows_decide_nothing(embedder, products, split):
    changed = products.copy()
    changed.loc[split == "test", ["title", "color", "category"]] = "changed"
    again = train(changed, split)
    assert again.fingerprint == embedder.fingerprint


def test_an_interrupted_training_ends_in_the_same_embedder(embedder, products, split, tmp_path):
    class Cut(Exception):
        pass

    def cut(what, done, total):
        if (what, done) == ("epochs", 3):
            raise Cut

    settings = {
        "split": split,
        "fields": ["category", "color"],
        "config": EmbedderConfig.for_preset("default", **SMALL),
        "checkpoint": tmp_path / "checkpoint",
    }
    with pytest.raises(Cut):
        FusionEmbedder.train(products, progress=cut, **settings)
    seen = []
    again = FusionEmbedder.train(
        products, progress=lambda what, done, total: seen.append((what, done)), **settings
    )
    assert ("epochs", 3) not in seen
    assert ("epochs", 4) in seen
    assert again.fingerprint == embedder.fingerprint


def test_the_article_preset_learns_which_text_belongs_to_which_picture(tmp_path):
    """Here the words name the colour, so a matching pair can be told from a mismatched one."""
    frame = world(tmp_path, 54)
    frame["title"] = [f"{i} {color}" for i, color in enumerate(frame["color"])]
    split = pd.Series(["train"] * 45 + ["val"] * 9)
    made = train(
        frame,
        split,
        "article",
        objective="match",
        fusion="concat_relu",
        epochs=30,
        patience=30,
        batch_size=9,
        rnn="lstm",
        pooling="last",
        bidirectional=False,
        layers=2,
    )
    red, blue = frame[frame["color"] == "red"], frame[frame["color"] == "blue"]
    true = made.pair_scores(red, red)
    false = made.pair_scores(red, blue)
    assert ((true >= 0) & (true <= 1)).all()
    assert true.mean() > false.mean() + 0.3
    table = made.match_scores(red, blue)
    assert table.shape == (len(red), len(blue))
    assert np.allclose(1 / (1 + np.exp(-table.diagonal())), false, atol=1e-5)


def test_match_scores_are_the_pair_scores_of_every_picture_with_every_text(embedder, products):
    table = embedder.match_scores(products[:5], products[:7])
    assert table.shape == (5, 7)
    for column in range(5):
        moved = products.iloc[[(row + column) % 7 for row in range(5)]]
        expected = [table[row, (row + column) % 7] for row in range(5)]
        assert np.allclose(embedder.pair_scores(products[:5], moved), expected, atol=1e-5)


@pytest.mark.parametrize("mode", ["default", "context", "image"])
def test_a_missing_text_policy_gives_a_picture_words_but_never_to_the_taggers(
    products, split, mode
):
    made = train(products, split, missing_text=mode, epochs=3)
    bare = products.iloc[:3].assign(title="")
    assert (np.linalg.norm(made.encode(bare, "text"), axis=1) > 0.99).all()
    assert not made.views(bare).has_text.any()
    assert not embed_products(made, bare, "text", missing=MASKED).vectors.any()
    asked = [str(bare["image"].iloc[0][0])]

    masked = made.encode(bare[:1], missing=MASKED)
    np.testing.assert_allclose(made.encode_queries(images=asked), masked, atol=1e-6)


def test_four_policies_for_a_missing_text_are_four_vectors(embedder, products):
    bare = products.assign(title="")  # of some, the picture says just what the context says
    vectors = [embedder.encode(bare, missing=MissingParts(text=policy)) for policy in TEXT_POLICIES]
    assert all(
        np.abs(one - other).max() > 1e-4
        for place, one in enumerate(vectors)
        for other in vectors[:place]
    )
    np.testing.assert_allclose(
        vectors[0], embedder.encode(bare, "image", missing=MASKED), atol=1e-6
    )


def test_the_constant_text_is_what_two_products_without_picture_share(embedder, products):
    bare = products.iloc[:2].assign(title="", image=[(), ()], image_digest=[(), ()])
    one, two = embedder.encode(bare, missing=MissingParts(text="default"))
    np.testing.assert_array_equal(one, two)
    assert np.linalg.norm(one) > 0.99
    assert not embedder.encode(bare, missing=MASKED).any()


def test_the_mean_picture_stands_in_only_where_there_is_none(embedder, products):
    mixed = products.iloc[:3].assign(image=[(), *products["image"][1:3]])
    masked = embedder.encode(mixed)
    filled = embedder.encode(mixed, missing=MissingParts(image="mean"))
    np.testing.assert_allclose(filled[1:], masked[1:], atol=1e-6)
    assert np.abs(filled[0] - masked[0]).max() > 1e-4
    assert embedder.views(mixed, missing=MissingParts(image="mean")).has_image.all()
    assert embedder.views(mixed).has_image.tolist() == [False, True, True]


def test_training_without_enough_products_is_refused(products):
    with pytest.raises(TuwenError, match="needs at least 2 products in the train split; got 1"):
        train(products[:3], pd.Series(["train", "val", "test"]))


def test_queries_are_what_a_frame_of_them_gives_and_any_number_is_encoded(embedder, products):
    paths = [own[0] for own in products["image"]]
    titles = [title if n % 3 else "" for n, title in enumerate(products["title"])]
    images = [path if n % 4 else "" for n, path in enumerate(paths)]
    wanted = embedder.encode(pd.DataFrame({"title": titles, "image": images}), missing=MASKED)
    assert np.allclose(embedder.encode_queries(titles, images), wanted, atol=1e-5)
    alone = [embedder.encode_queries([t], [i])[0] for t, i in zip(titles, images, strict=True)]
    assert np.allclose(np.array(alone[:9]), wanted[:9], atol=1e-5)
    assert embedder.encode_queries([]).shape == (0, embedder.embedding_size)


def test_vectors_written_block_by_block_are_those_made_at_once(
    embedder, products, tmp_path, monkeypatch
):
    whole = embed_products(embedder, products, "fused")
    monkeypatch.setattr("core_embeddings.towers.ROWS_AT_ONCE", 50)
    count = embed_to_file(embedder, products, tmp_path / "v.parquet")
    found = read_vectors(tmp_path / "v.parquet", fingerprint=embedder.fingerprint)
    assert count == len(products) and found.product_ids == whole.product_ids
    assert np.allclose(found.vectors, whole.vectors, atol=1e-5)
    assert found.has_image.all() and found.has_text.all()
    nothing = embed_products(embedder, products[:0], "fused")
    assert nothing.vectors.shape == (0, embedder.embedding_size)


def test_the_engine_is_no_part_of_what_an_embedder_is(embedder):
    settings = {**vars(embedder.config), "text_residual": None}
    parts = (embedder.network, embedder.text_input)
    one, other = (
        fingerprint_of(*parts, {**settings, **runtime}, "image key")
        for runtime in ({"engine": "torch", "precision": "float32"}, {"engine": "openvino"})
    )
    assert one == other
    assert one == fingerprint_of(
        *parts, {k: v for k, v in settings.items() if k not in ("engine", "precision")}, "image key"
    )
