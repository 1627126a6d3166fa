import math

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import ConfigError, FingerprintError, TuwenError
from retrieve.matcher import Matcher

KEYWORDS = ["red", "blue", "dress", "shoe"]
PRODUCTS = {"p1": "red dress", "p2": "blue dress", "p3": "red shoe", "p4": "blue shoe", "p5": ""}


class KeywordEncoder:
    """One axis per keyword, unit length: every distance can be worked out by hand."""

    def __init__(self, fingerprint="f" * 32):
        self.fingerprint = fingerprint

    def encode_queries(self, texts=None, images=None):
        words = [(a + " " + b).split() for a, b in zip(*self._both(texts, images), strict=True)]
        counts = np.array([[row.count(word) for word in KEYWORDS] for row in words], np.float32)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)

    @staticmethod
    def _both(texts, images):
        count = len(texts if texts is not None else images)
        return texts or [""] * count, [str(image) for image in images or [""] * count]


def matcher(**options):
    encoder = KeywordEncoder()
    vectors = encoder.encode_queries(list(PRODUCTS.values()))
    options = {"fingerprint": encoder.fingerprint, "embedder": encoder, **options}
    return Matcher(list(PRODUCTS), vectors, **options)


def test_search_scores_are_the_softmax_of_minus_distance_worked_out_by_hand():
    # q = (r, 0, d, 0) / √2 is p1. p2 and p3 share one word: cos = 1/2, ‖q - x‖ = √(2 - 2/2) = 1.
    # p4 shares none: cos = 0, distance √2. p5 has no vector and is no candidate.
    hits = matcher().search(["red dress"], k=4)
    total = math.exp(0) + 2 * math.exp(-1) + math.exp(-math.sqrt(2))
    assert hits["product_id"].tolist() == ["p1", "p2", "p3", "p4"]
    assert hits["rank"].tolist() == [1, 2, 3, 4]
    assert hits["distance"].tolist() == pytest.approx([0, 1, 1, math.sqrt(2)], abs=1e-6)
    assert hits["cosine"].tolist() == pytest.approx([1, 0.5, 0.5, 0], abs=1e-6)
    expected = [1 / total, math.exp(-1) / total, math.exp(-1) / total, math.exp(-(2**0.5)) / total]
    assert hits["score"].tolist() == pytest.approx(expected, abs=1e-6)


def test_search_score_is_over_all_candidates_not_only_the_first_k():
    whole, first = matcher().search(["red"], k=4), matcher().search(["red"], k=1)
    assert whole["score"].sum() == pytest.approx(1)
    assert first["score"].iloc[0] == whole["score"].iloc[0] < 1


def test_search_score_is_over_the_allowed_candidates_only():
    hits = matcher().search(["red"], k=1, allow=np.array([False, True, False, False, True]))
    assert hits["product_id"].tolist() == ["p2"]
    assert hits["score"].tolist() == pytest.approx([1.0])


def test_search_smaller_temperature_is_sharper_and_never_overflows():
    sharp = matcher(temperature=1e-6).search(["red dress"], k=4)
    assert sharp["score"].tolist() == pytest.approx([1, 0, 0, 0])
    warm = matcher(temperature=0.5).search(["red dress"], k=2)["score"]
    assert warm[1] / warm[0] == pytest.approx(math.exp(-1 / 0.5), rel=1e-5)


def test_search_batch_equals_single_searches():
    texts = ["red dress", "blue", "shoe red"]
    batch = matcher().search(texts, k=3, query_ids=["a", "b", "c"])
    for name, text in zip("abc", texts, strict=True):
        single = matcher().search([text], k=3, query_ids=[name])
        part = batch[batch["query_id"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(part, single, rtol=1e-12)


def test_search_by_image_and_text_reaches_the_encoder_row_by_row():
    hits = matcher().search(["red"], ["shoe"], k=1)
    assert hits["product_id"].tolist() == ["p3"]


def test_search_product_without_vector_is_never_returned():
    assert "p5" not in matcher().search(["red"], k=10)["product_id"].tolist()


def test_search_nothing_allowed_gives_an_empty_table_with_its_columns():
    hits = matcher().search(["red"], allow=np.zeros(5, bool))
    assert list(hits) == ["query_id", "product_id", "rank", "score", "distance", "cosine"]
    assert hits.empty


def test_search_vectors_of_zeros_ties_by_product_id_with_cosine_zero():
    hits = matcher().search_vectors(np.zeros(4), k=4)
    assert hits["product_id"].tolist() == ["p1", "p2", "p3", "p4"]
    assert hits["cosine"].tolist() == [0, 0, 0, 0]


def test_search_vectors_of_any_length_reports_the_true_cosine():
    hits = matcher().search_vectors(np.array([3.0, 0, 0, 0]), k=1)  # p1 = (1, 0, 1, 0)/√2
    assert hits["cosine"].tolist() == pytest.approx([1 / math.sqrt(2)])
    assert hits["distance"].tolist() == pytest.approx([math.sqrt(9 + 1 - 2 * 3 / math.sqrt(2))])


def test_user_vector_breaks_the_tie_between_equal_products():
    # "dress" alone is as near to p1 as to p2; who likes blue gets p2 first.
    blue = np.array([0, 1, 0, 0])
    assert matcher().search(["dress"], k=1)["product_id"].tolist() == ["p1"]
    assert matcher().search(["dress"], k=1, user_vectors=blue)["product_id"].tolist() == ["p2"]


def test_user_weight_zero_and_unknown_user_change_nothing():
    plain = matcher().search(["dress"], k=4)["product_id"].tolist()
    blue = np.array([0, 1, 0, 0])
    for options in (
        {"user_vectors": blue, "user_weight": 0.0},
        {"user_vectors": np.zeros(4), "user_weight": 1.0},
    ):
        assert matcher().search(["dress"], k=4, **options)["product_id"].tolist() == plain


def test_user_weight_one_searches_by_the_user_alone():
    hits = matcher().search(["red dress"], k=2, user_vectors=[0, 0, 0, 1], user_weight=1.0)
    assert hits["product_id"].tolist() == ["p3", "p4"]


def test_similar_leaves_out_itself_also_from_the_softmax():
    hits = matcher().similar("p1", k=10)
    assert hits["product_id"].tolist() == ["p2", "p3", "p4"]
    assert hits["query_id"].tolist() == ["p1"] * 3
    assert hits["score"].sum() == pytest.approx(1)


def test_similar_twin_product_is_first_with_distance_zero():
    twins = Matcher(["x", "y", "z"], np.eye(3)[[0, 1, 0]], fingerprint="f")
    hits = twins.similar("z", k=1)
    assert (hits["product_id"].item(), hits["distance"].item()) == ("x", 0.0)


@pytest.mark.parametrize(("name", "near"), [("p11", "p1"), ("zzz", "p5"), ("", "p1")])
def test_similar_unknown_product_names_the_nearest(name, near):
    with pytest.raises(TuwenError, match=f"there is no product '{name}' among 5; .*'{near}'"):
        matcher().similar(name)


def test_similar_product_without_vector_says_so():
    with pytest.raises(TuwenError, match="'p5' has no vector"):
        matcher().similar("p5")


def test_other_embedder_is_refused():
    with pytest.raises(FingerprintError, match="cannot be compared"):
        matcher(embedder=KeywordEncoder("e" * 32))


def test_search_without_embedder_says_what_to_do():
    with pytest.raises(TuwenError, match="pass embedder="):
        matcher(embedder=None).search(["red"])


@pytest.mark.parametrize("temperature", [0, -1.0, math.inf, math.nan])
def test_temperature_out_of_range_is_refused(temperature):
    with pytest.raises(ConfigError, match="temperature must be a positive number"):
        matcher(temperature=temperature)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query_ids": ["a", "a"]}, "query_ids must be 2 unique ids"),
        ({"query_ids": ["a"]}, "query_ids must be 2 unique ids"),
        ({"user_vectors": np.ones(3)}, r"user_vectors must be of shape \(2, 4\)"),
        ({"user_vectors": np.ones(4), "user_weight": 1.5}, r"user_weight must lie in \[0, 1\]"),
        ({"k": 0}, "k must be at least 1"),
        ({"allow": np.ones(2, bool)}, r"shape \(5,\)"),
    ],
)
def test_search_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        matcher().search(["red", "blue"], **options)


def test_search_vectors_of_other_dimension_names_both_shapes():
    with pytest.raises(ValueError, match=r"queries \(1, 3\) and items \(4, 4\)"):
        matcher().search_vectors(np.ones(3))


def test_empty_catalogue_answers_with_no_rows():
    assert Matcher([], np.empty((0, 4)), fingerprint="f").search_vectors(np.ones(4)).empty


def test_a_list_longer_than_the_catalogue_costs_no_more_than_the_catalogue():
    whole = matcher().search(["red"], k=len(PRODUCTS))
    pd.testing.assert_frame_equal(matcher().search(["red"], k=10**12), whole)
