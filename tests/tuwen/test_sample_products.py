"""Invented products: the text says what it claims to say, and is silent on the rest."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuwen.sample_products import ATTRIBUTES, Product, choose_word, plan_products
from tuwen.sample_taxonomy import BRANDS, COLOURS, LEAVES, OCCASIONS, TASTES, TERMS

COUNT = 600


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return plan_products(COUNT, np.random.default_rng(0))


def _text(product: Product) -> str:
    return f"{product.title} {product.description}".lower()


def _says(product: Product, attribute: str) -> bool:
    value = product.design.value(attribute)
    words = (*TERMS[attribute][value].en, *TERMS[attribute][value].zh) if value else ()
    return any(word.lower() in _text(product) for word in words)


def test_ids_are_unique(products):
    assert len({product.product_id for product in products}) == COUNT


def test_shares_of_what_is_missing_are_exact(products):
    textless = [product for product in products if not product.title]
    imageless = [product for product in products if not product.pictures]
    assert len(textless) == len(imageless) == round(0.05 * COUNT)
    assert all(product.pictures and not product.brand for product in textless)
    assert all(product.title for product in imageless)


def test_shares_of_languages_are_as_dealt(products):
    share = Counter(product.language for product in products)
    assert share["zh"] / COUNT == pytest.approx(0.4, abs=0.03)
    assert share["en"] / COUNT == pytest.approx(0.4, abs=0.03)
    assert share["mixed"] / COUNT == pytest.approx(0.2, abs=0.03)


def test_english_text_is_ascii_and_chinese_titles_are_mostly_not(products):
    for product in products:
        if product.language == "en":
            assert _text(product).isascii(), product.title
        elif product.language == "zh" and product.title:
            assert not product.title.isascii()


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_the_text_says_what_it_claims(products, attribute):
    for product in products:
        if attribute in product.said:
            assert _says(product, attribute), product


@pytest.mark.parametrize("attribute", ["color", "pattern"])
def test_the_picture_alone_shows_what_the_text_leaves_out(products, attribute):
    silent = [product for product in products if attribute not in product.said and product.title]
    assert len(silent) > 0.3 * COUNT
    assert all(product.pictures for product in silent)
    loud = [product for product in silent if _says(product, attribute)]
    assert not loud


def test_the_text_alone_tells_leaves_with_one_silhouette_apart(products):
    shapes = Counter(leaf.shape for leaf in LEAVES)
    shared = [shape for shape, count in shapes.items() if count > 1]
    assert len(shared) >= 4
    for product in products:
        if product.design.leaf.shape in shared and product.title:
            assert _says(product, "leaf"), product.title


def test_a_product_without_picture_tells_colour_and_pattern(products):
    for product in products:
        if not product.pictures:
            assert {"color", "pattern"} <= set(product.said)


def test_no_text_uses_a_word_kept_for_queries(products):
    kept = [word for terms in TERMS.values() for term in terms.values() for word in term.query_only]
    assert len(kept) > 20
    for product in products:
        assert not [word for word in kept if word in _text(product)], product.title


def test_near_duplicates_share_the_design_and_differ_in_id_and_title(products):
    known = {product.product_id: product for product in products}
    copies = [product for product in products if product.copy_of]
    assert len(copies) == round(0.03 * COUNT)
    for copy in copies:
        original = known[copy.copy_of]
        assert not original.copy_of
        assert copy.design == original.design
        assert original.title in copy.title
        assert original.title != copy.title


def test_blank_cells_are_blank_and_the_others_hold_the_truth(products):
    assert any(product.blank for product in products)
    for product in products:
        cells = product.cells()
        for attribute in ATTRIBUTES:
            expected = "" if attribute in product.blank else product.design.value(attribute)
            assert cells[attribute] == expected


def test_occasion_holds_what_leaf_and_material_are_good_for(products):
    assert all(leaf.term.name in OCCASIONS for leaf in LEAVES)
    cells = {product.product_id: product.cells()["occasion"] for product in products}
    for product in products:
        design = product.design
        expected = {*OCCASIONS[design.leaf.term.name], *OCCASIONS.get(design.material, ())}
        assert cells[product.product_id] == "|".join(sorted(expected))
    assert {"|" in cell for cell in cells.values()} == {True, False}


def test_plain_products_lack_nothing():
    for product in plan_products(60, np.random.default_rng(1), prefix="X", plain=True):
        assert product.title and product.pictures and not product.blank and not product.copy_of
        assert {"color", "pattern", "material"} <= set(product.said)
        assert product.product_id.startswith("X")


@settings(max_examples=25, deadline=None)
@given(count=st.integers(20, 130), seed=st.integers(0, 2**32))
def test_any_size_and_seed_keeps_ids_unique_and_every_product_findable(count, seed):
    products = plan_products(count, np.random.default_rng(seed))
    names = {product.product_id for product in products}
    assert len(products) == len(names) == count
    assert all(product.title or product.pictures for product in products)
    assert {product.copy_of for product in products} - {""} <= names


def test_words_are_chosen_from_the_language_asked_for():
    red, generator = TERMS["color"]["red"], np.random.default_rng(0)
    drawn = {
        name: {choose_word(red, name, generator) for _ in range(200)}
        for name in ("zh", "en", "mixed")
    }
    assert drawn["zh"] == set(red.zh)
    assert drawn["en"] == set(red.en)
    assert drawn["mixed"] == set(red.zh) | set(red.en)


def test_the_taxonomy_names_only_what_exists():
    leaves, brands = {leaf.term.name for leaf in LEAVES}, {brand.en for brand in BRANDS}
    for leaf in LEAVES:
        assert set(leaf.materials) <= set(TERMS["material"])
        assert set(leaf.patterns) <= set(TERMS["pattern"])
        assert [brand for brand in BRANDS if leaf.group in brand.groups]
    for taste in TASTES:
        assert set(taste.leaves) <= leaves
        assert set(taste.brands) <= brands
        assert set(taste.families) <= {colour.family for colour in COLOURS}


@pytest.mark.parametrize("attribute", list(TERMS))
def test_no_word_has_two_meanings(attribute):
    owners = Counter(
        word
        for term in TERMS[attribute].values()
        for word in {*term.en, *term.zh, *term.query_only}
    )
    assert set(owners.values()) == {1}
