"""Searches: judgements are exactly what the designs say, and nothing that fits is left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tuwen.sample_products import Product, plan_products
from tuwen.sample_queries import Searches, plan_queries
from tuwen.sample_taxonomy import BRANDS, TERMS


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return plan_products(600, np.random.default_rng(8))


@pytest.fixture(scope="module")
def searches(products: list[Product]) -> Searches:
    return plan_queries(products, np.random.default_rng(9))


@pytest.fixture(scope="module")
def texts(searches: Searches) -> pd.DataFrame:
    rows = searches.rows
    return rows[(rows["query"] != "") & (rows["kind"] != "model")]


def _meaning(attribute: str, text: str) -> str:
    """Return the canonical name of the term whose word opens ``text``; the longest word wins."""
    words = {
        word: term.name
        for term in TERMS[attribute].values()
        for word in (*term.en, *term.zh, *term.query_only)
    }
    found = [word for word in words if text.startswith(word)]
    return words[max(found, key=len)]


def _wanted(query: str, kind: str) -> dict[str, str]:
    """Read a query back, word by word, with the taxonomy alone."""
    wanted, rest = {}, query
    for attribute in kind.split("+"):
        words = {
            w for t in TERMS.get(attribute, {}).values() for w in (*t.en, *t.zh, *t.query_only)
        }
        words |= {name for brand in BRANDS for name in (brand.en, brand.zh)} if not words else set()
        word = max((w for w in words if rest.startswith(w)), key=len)
        names = {name: brand.en for brand in BRANDS for name in (brand.en, brand.zh)}
        wanted[attribute] = names[word] if attribute == "brand" else _meaning(attribute, word)
        rest = rest[len(word) :].lstrip()
    assert rest == ""
    return wanted


def _agrees(product: Product, attribute: str, value: str) -> bool:
    design = product.design
    return (design.brand.en if attribute == "brand" else design.value(attribute)) == value


def test_text_judgements_are_those_the_words_imply(products, texts):
    for _, rows in texts.groupby("query_id"):
        wanted = _wanted(rows["query"].iloc[0], rows["kind"].iloc[0])
        expected = {}
        for product in products:
            met = sum(_agrees(product, name, value) for name, value in wanted.items())
            right_leaf = _agrees(product, "leaf", wanted["leaf"])
            if met == len(wanted):
                expected[product.product_id] = 2
            elif right_leaf and len(wanted) > 2 and met == len(wanted) - 1:
                expected[product.product_id] = 1
        assert dict(zip(rows["product_id"], rows["relevance"], strict=True)) == expected


def test_every_query_has_an_exact_answer(searches):
    assert (searches.rows.groupby("query_id")["relevance"].max() == 2).all()


def test_there_are_as_many_queries_as_promised_and_no_text_twice(searches):
    heads = searches.rows.drop_duplicates("query_id")
    text = heads[heads["query"] != ""]
    assert len(text) == 150
    assert len(heads) - len(text) == len(searches.pictures) == 20
    assert text["query"].is_unique


def test_all_languages_and_kinds_are_asked(searches):
    heads = searches.rows.drop_duplicates("query_id")
    assert set(heads["lang"]) == {"zh", "en", "mixed", ""}
    assert heads["kind"].nunique() >= 8
    assert (heads.loc[heads["lang"] == "en", "query"].map(str.isascii)).all()


def test_unseen_words_are_marked_and_occur_in_no_title(products, texts):
    heads = texts.drop_duplicates("query_id")
    kept = {w for terms in TERMS.values() for term in terms.values() for w in term.query_only}
    has_kept = heads["query"].map(lambda text: any(word in text.split() for word in kept))
    assert (has_kept == heads["unseen_word"]).all()
    assert 5 <= has_kept.sum() <= 60


def test_a_model_number_finds_the_one_design_that_has_it(products, searches):
    rows = searches.rows[searches.rows["kind"] == "model"]
    assert len(rows)
    for query, pairs in rows.groupby("query"):
        expected = {p.product_id for p in products if p.design.model == query}
        assert set(pairs["product_id"]) == expected


def test_picture_queries_judge_what_looks_the_same(products, searches):
    rows = searches.rows[searches.rows["kind"] == "picture"]
    for picture in searches.pictures:
        pairs = rows[rows["image"] == picture.path]
        same = {p.product_id for p in products if p.design.look == picture.look}
        assert set(pairs["product_id"]) == same
        exact = set(pairs.loc[pairs["relevance"] == 2, "product_id"])
        assert len({p.design for p in products if p.product_id in exact}) == 1


def test_a_small_catalogue_still_has_both_kinds_of_query():
    small = plan_queries(plan_products(40, np.random.default_rng(0)), np.random.default_rng(0))
    assert small.rows["query_id"].nunique() == 20 + len(small.pictures)
    assert len(small.pictures) >= 2
