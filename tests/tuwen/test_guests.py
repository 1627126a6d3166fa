"""Guests get what the shop would list for someone it knows with the same history."""

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import ArtefactError, ConfigError, FingerprintError
from recommend.blend import Blend
from recommend.config import RecommenderConfig
from recommend.hybrid import HybridRecommender
from recommend.validation import Validated
from tuwen.guests import GuestRecommender

PRODUCTS = [f"p{number:02d}" for number in range(20)]
VECTORS = np.eye(20, 6, dtype=np.float32) + np.eye(20, 6, k=-7, dtype=np.float32) + 0.1
VECTORS = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def recommender():
    """Users of two tastes: even products, odd products; p18 and p19 were met by nobody."""
    pairs = [
        (f"person-{user:02d}", PRODUCTS[item])
        for user in range(12)
        for item in range(user % 2, 18, 2)
        if (user + item) % 3
    ]
    log = pd.DataFrame(pairs, columns=["user_id", "product_id"])
    config = RecommenderConfig(factors=4, iterations=3)
    return HybridRecommender(config).fit(log, product_ids=PRODUCTS, vectors=VECTORS)


@pytest.fixture
def guests(recommender):
    return GuestRecommender.of(recommender)


def test_strangers_get_the_shop_s_cold_start_list(recommender, guests):
    expected = recommender.recommend(["a", "b"], 5)
    pd.testing.assert_frame_equal(guests.recommend({"a": [], "b": ["unknown"]}, 5), expected)


@pytest.mark.parametrize("keep_seen", [True, False])
def test_a_guest_is_answered_like_a_newcomer_of_the_shop_with_the_same_history(keep_seen):
    """Only the parts that one newcomer does not move: popularity and neighbours count them."""
    pairs = [(f"u{user}", PRODUCTS[i]) for user in range(6) for i in range(user % 2, 16, 2)]
    log = pd.DataFrame(pairs, columns=["user_id", "product_id"])
    config = RecommenderConfig(factors=4, iterations=3)
    model = HybridRecommender(config).fit(log, product_ids=PRODUCTS, vectors=VECTORS)
    warm = {"mf": 1.0, "content": 0.5, "recent": 0.25}
    model.validation = Validated(blend=Blend(warm=warm, cold={"popular": 1.0}))
    guests = GuestRecommender.of(model)
    history = ["p00", "p04", "p03"]
    model.observe(pd.DataFrame({"user_id": "new", "product_id": history}))
    expected = model.recommend(["new"], 8, keep_seen=keep_seen)
    found = guests.recommend({"new": history}, 8, keep_seen=keep_seen)
    pd.testing.assert_frame_equal(found, expected, check_exact=False, atol=1e-4)


def test_saved_guests_answer_the_same_and_hold_no_one(recommender, guests, tmp_path):
    guests.save(tmp_path / "saved", "f1")
    again = GuestRecommender.load(tmp_path / "saved", "f1", PRODUCTS, VECTORS)
    asked = {"x": ["p00", "p02"], "y": [], "z": ["p01"]}
    pd.testing.assert_frame_equal(again.recommend(asked, 6), guests.recommend(asked, 6))
    assert list(guests.recommend(asked, 6)["user_id"].unique()) == ["x", "y", "z"]
    with np.load(tmp_path / "saved" / "learned.npz") as arrays:
        texts = [
            str(arrays[name].tolist()) for name in arrays.files if arrays[name].dtype.kind == "U"
        ]
    texts += [path.read_text() for path in (tmp_path / "saved").glob("*.json")]
    assert "p00" in "".join(texts) and "person-" not in "".join(texts)


def test_other_embedders_other_products_and_damage_are_refused(guests, tmp_path):
    folder = tmp_path / "saved"
    guests.save(folder, "f1")
    with pytest.raises(FingerprintError, match="was made with embedder"):
        GuestRecommender.load(folder, "f2", PRODUCTS, VECTORS)
    with pytest.raises(ArtefactError, match="other products; log the model again"):
        GuestRecommender.load(folder, "f1", PRODUCTS[:5], VECTORS[:5])
    (folder / "learned.npz").write_bytes(b"PK")
    with pytest.raises(ArtefactError, match="is damaged"):
        GuestRecommender.load(folder, "f1", PRODUCTS, VECTORS)


def test_no_guests_get_no_lists_and_a_list_of_nothing_is_refused(guests):
    assert guests.recommend({}).empty
    with pytest.raises(ConfigError, match="must be at least 1"):
        guests.recommend({"x": []}, 0)
