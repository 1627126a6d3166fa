import math

import numpy as np
import pytest

from core_embeddings.text import Tokenizer
from retrieve.lexical import LexicalIndex

TEXTS = {
    "p3": "red silk dress",
    "p1": "red cotton shirt red",
    "p2": "blue dress",
    "p4": "黑色 手机",
    "p5": "",
}


def index():
    return LexicalIndex(list(TEXTS), list(TEXTS.values()))


def bm25(query, k1=1.5, b=0.75):
    """Plain loops over the definition."""
    documents = {name: Tokenizer()(text) for name, text in TEXTS.items()}
    mean = sum(map(len, documents.values())) / len(documents)
    scores = {}
    for name, words in documents.items():
        total = 0.0
        for word in Tokenizer()(query):
            containing = sum(word in other for other in documents.values())
            idf = math.log(1 + (len(documents) - containing + 0.5) / (containing + 0.5))
            count = words.count(word)
            total += idf * count / (count + k1 * (1 - b + b * len(words) / mean))
        if total > 0:
            scores[name] = total
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


@pytest.mark.parametrize("query", ["red dress", "dress", "手机", "RED shirt blue", "silk unseen"])
def test_search_scores_and_order_equal_plain_loops(query):
    hits, expected = index().search([query], k=5), bm25(query)
    assert hits["product_id"].tolist() == [name for name, _ in expected]
    assert hits["score"].tolist() == pytest.approx([score for _, score in expected], rel=1e-5)
    assert hits["rank"].tolist() == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("query", ["", "unseen words", "!!!"])
def test_search_without_a_shared_word_returns_nothing(query):
    assert index().search([query]).empty


def test_search_ties_are_ordered_by_product_id_and_cut_at_k():
    ids = [f"p{i}" for i in (7, 3, 9, 1)]
    hits = LexicalIndex(ids, ["same words"] * 4).search(["words"], k=3)
    assert hits["product_id"].tolist() == ["p1", "p3", "p7"]


def test_search_allow_is_in_the_order_given():
    allow = np.array([name == "p2" for name in TEXTS])
    assert index().search(["dress"], allow=allow)["product_id"].tolist() == ["p2"]


def test_search_batch_names_its_queries():
    hits = index().search(["silk", "nothing", "blue"], query_ids=["a", "b", "c"])
    assert list(zip(hits["query_id"], hits["product_id"], strict=True)) == [
        ("a", "p3"),
        ("c", "p2"),
    ]


@pytest.mark.parametrize(("ids", "texts"), [([], []), (["a"], [""])])
def test_index_without_words_answers_with_no_rows(ids, texts):
    assert LexicalIndex(ids, texts).search(["red"]).empty


@pytest.mark.parametrize(("ids", "texts"), [(["a"], []), (["a", "a"], ["x", "y"])])
def test_index_bad_ids_are_refused(ids, texts):
    with pytest.raises(ValueError, match="unique ids, one per text"):
        LexicalIndex(ids, texts)


def test_search_bad_mask_is_refused():
    with pytest.raises(ValueError, match=r"boolean mask of shape \(5,\); got int64"):
        index().search(["red"], allow=np.ones(5, dtype=np.int64))


def test_a_list_longer_than_the_catalogue_costs_no_more_than_the_catalogue():
    assert index().search(["dress"], k=10**12).equals(index().search(["dress"], k=len(TEXTS)))


def test_a_slip_and_a_plural_find_what_was_meant_unless_told_otherwise() -> None:
    ids, texts = ["a", "b"], ["black dress", "white shoe"]
    for typed, meant in (("blakc", "a"), ("shoes", "b")):
        assert LexicalIndex(ids, texts).search([typed])["product_id"].tolist() == [meant]
        assert LexicalIndex(ids, texts, correct=False).search([typed]).empty


def test_traditional_and_full_width_queries_find_simplified_and_half_width_products() -> None:
    index = LexicalIndex(["a", "b"], ["黑色手机壳 256GB", "裙子"])
    hits = index.search(["黑色手機殼", "２５６ GB"])
    assert hits["product_id"].tolist() == ["a", "a"]
