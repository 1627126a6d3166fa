"""TF-IDF against scikit-learn, and its round trip."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from classify.lexical_view import LexicalView, product_terms
from core_embeddings.errors import ArtefactError, ConfigError


def frame(*titles, description="", brand=""):
    return pd.DataFrame({"title": list(titles), "description": description, "brand": brand})


def test_terms_of_a_product_by_hand():
    terms = product_terms("Red Cap", "soft red", "Acme", tokenize=str.split, char_ngrams=False)
    assert list(terms) == [
        "red", "cap", "acme", "soft", "red", "acme soft", "soft red", "t:red", "t:cap", "t:red cap",
    ]  # fmt: skip


def test_character_grams_come_from_title_words_only():
    terms = product_terms("Cap", "hat", "", tokenize=str.split, char_ngrams=True)
    grams = {term for term in terms if term.startswith("c:")}
    assert grams == {"c:<ca", "c:cap", "c:ap>", "c:<cap", "c:cap>", "c:<cap>"}


def test_weights_equal_scikit_learns_tfidf():
    products = frame("red cap red", "blue cap", "green hat cap", "blue hat")
    view = LexicalView.fit(products, tokenize=str.split, min_count=1)

    def analyse(title):
        return list(product_terms(title, "", "", tokenize=str.split, char_ngrams=True))

    theirs = TfidfVectorizer(analyzer=analyse, sublinear_tf=True)
    expected = theirs.fit_transform(products["title"]).toarray()
    assert list(view.terms) == theirs.get_feature_names_out().tolist()
    np.testing.assert_allclose(view.transform(products).toarray(), expected, atol=1e-6)


def test_rows_have_unit_length_and_unknown_words_give_zero_rows():
    view = LexicalView.fit(frame("red cap", "red hat"), tokenize=str.split, char_ngrams=False)
    rows = view.transform(frame("red", "nothing known", "")).toarray()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0, 0], atol=1e-6)


def test_rare_terms_and_terms_above_the_limit_are_dropped():
    products = frame("a b", "a b", "a c", "a")
    kept = LexicalView.fit(products, tokenize=str.split, char_ngrams=False, max_terms=2)
    assert kept.terms == ("a", "t:a")
    assert "c" not in LexicalView.fit(products, tokenize=str.split, char_ngrams=False).terms


def test_narrower_views_equal_tfidf_of_their_own_words():
    products = pd.DataFrame(
        {"title": ["red cap", "blue cap"], "description": ["soft cap", "hard"], "brand": "Acme"}
    )
    view = LexicalView.fit(products, tokenize=str.split, min_count=1)
    views = view.views(products)
    texts = products["title"] + " " + products["brand"] + " " + products["description"]
    for name, given, pairs in (("words", texts, (1, 1)), ("title", products["title"], (1, 2))):
        theirs = TfidfVectorizer(sublinear_tf=True, ngram_range=pairs).fit_transform(given)
        np.testing.assert_allclose(
            np.sort(views[name].toarray(), axis=1), np.sort(theirs.toarray(), axis=1), atol=1e-6
        )
    assert (views["lexical"] != view.transform(products)).nnz == 0


def test_view_without_terms_is_left_out():
    products = frame("", "", description="soft cap")
    view = LexicalView.fit(products, tokenize=str.split)
    assert set(view.views(products)) == {"lexical", "words"}


def test_saved_view_transforms_alike(tmp_path):
    products = frame("红 帽子", "red cap", "red cap 帽子")
    view = LexicalView.fit(products, tokenize=str.split)
    view.save(tmp_path)
    again = LexicalView.load(tmp_path, tokenize=str.split)
    assert again.terms == view.terms
    assert (again.transform(products) != view.transform(products)).nnz == 0


def test_damaged_file_is_refused(tmp_path):
    content = {"terms": ["a"], "idf": [], "char_ngrams": True}
    (tmp_path / "lexical.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ArtefactError, match="1 terms but 0 weights"):
        LexicalView.load(tmp_path, tokenize=str.split)


def test_limits_are_checked():
    with pytest.raises(ConfigError, match="min_count and max_terms"):
        LexicalView.fit(frame("a"), tokenize=str.split, max_terms=0)


def test_chinese_is_also_read_by_its_characters_wherever_it_stands():
    terms = list(product_terms("", "好 jeans 裤子", "", tokenize=str.split, char_ngrams=True))
    assert [term for term in terms if term.startswith("c:")] == ["c:好", "c:裤", "c:子", "c:裤子"]
    plain = product_terms("", "好 jeans 裤子", "", tokenize=str.split, char_ngrams=False)
    assert not any(term.startswith("c:") for term in plain)
