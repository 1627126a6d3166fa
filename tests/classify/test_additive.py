"""The parts of a reason add up to what the tagger says: nothing is left over, nothing invented."""

import numpy as np
import pandas as pd
import pytest

from classify.additive import additive_reason, best_and_rival, view_terms
from classify.availability import Availability
from classify.lexical_view import LexicalView
from classify.taggers import TaggerSet
from core_embeddings.errors import ConfigError


@pytest.fixture(scope="module")
def fitted(shop):
    return TaggerSet.fit(
        shop.views, shop.products, fields=("season", "shape", "category"), split=shop.split
    )


def asked(shop, fitted, field, row, *, has_image=True, has_text=True):
    """The reason of one product's likeliest value, and the tagger's own log-probabilities."""
    product = shop.products.iloc[[row]]
    views = fitted.prepare({name: X[[row]] for name, X in shop.views.items()}, product)
    available = Availability(np.array([has_image]), np.array([has_text]))
    tagger = fitted.tagger(field)
    said = tagger.log_probabilities(views, **available._asdict())[0]
    best, rival = best_and_rival(said, said == said.max())
    found = additive_reason(
        tagger,
        views,
        available,
        value=tagger.classes_[best],
        rival=tagger.classes_[rival],
        terms=view_terms(fitted.lexical),
        title_words=product["title"].iloc[0].lower().split(),
    )
    return found, said[best] - said[rival]


@pytest.mark.parametrize("field", ["season", "shape", "category"])
@pytest.mark.parametrize("has", [(True, True), (True, False), (False, True)])
def test_heads_and_prior_add_up_to_the_taggers_own_log_odds(shop, fitted, field, has):
    for row in range(5):
        found, own = asked(shop, fitted, field, row, has_image=has[0], has_text=has[1])
        assert found.log_odds == pytest.approx(own, abs=1e-5)
        parts = sum(head.log_odds for head in found.heads) + found.prior
        assert parts == pytest.approx(own, abs=1e-5)


def test_words_and_bias_add_up_to_the_tfidf_heads(shop, fitted):
    found, _ = asked(shop, fitted, "season", 3)
    lexical = [head for head in found.heads if head.view in ("lexical", "words", "title")]
    assert lexical
    whole = sum(head.log_odds for head in lexical)
    assert sum(found.words.values()) + found.bias == pytest.approx(whole, abs=1e-5)


def test_the_word_that_spells_the_season_adds_most(shop, fitted):
    row = shop.products.index[shop.products["season"] == "winter"][0]
    found, _ = asked(shop, fitted, "season", row)
    assert found.value == "winter"
    assert max(found.words, key=found.words.get) == "winter"
    assert found.words["winter"] > 5 * abs(found.words["thing"])


def test_each_view_has_as_many_named_terms_as_columns():
    products = pd.DataFrame(
        {"title": ["red dress", "red coat"], "description": ["warm coat", "红色 大衣"], "brand": ""}
    )
    view = LexicalView.fit(products, tokenize=str.split, min_count=1)
    terms = view_terms(view)
    for name, matrix in view.views(products).items():
        assert len(terms[name]) == matrix.shape[1]
    assert "red" in terms["words"]
    assert set(terms["title"]) <= {term for term in view.terms if term.startswith("t:")}


def test_without_names_of_terms_no_word_is_named(shop, fitted):
    tagger = fitted.tagger("season")
    views = fitted.prepare({name: X[:1] for name, X in shop.views.items()}, shop.products[:1])
    available = Availability(np.array([True]), np.array([True]))
    values = {"value": "summer", "rival": "winter"}
    assert additive_reason(tagger, views, available, **values).words == {}


def test_swapping_value_and_rival_turns_every_sign(shop, fitted):
    tagger = fitted.tagger("season")
    views = fitted.prepare({name: X[:1] for name, X in shop.views.items()}, shop.products[:1])
    available = Availability(np.array([True]), np.array([True]))
    one = additive_reason(tagger, views, available, value="summer", rival="winter")
    other = additive_reason(tagger, views, available, value="winter", rival="summer")
    assert one.log_odds == pytest.approx(-other.log_odds)
    assert [head.log_odds for head in one.heads] == pytest.approx(
        [-head.log_odds for head in other.heads]
    )


def test_a_value_nobody_learned_is_refused_by_name(shop, fitted):
    views = fitted.prepare({name: X[:1] for name, X in shop.views.items()}, shop.products[:1])
    available = Availability(np.array([True]), np.array([True]))
    with pytest.raises(ConfigError, match="'autumn' was not learned; the tagger knows 3 values"):
        additive_reason(fitted.tagger("season"), views, available, value="autumn", rival="winter")


def test_two_products_at_once_are_refused(shop, fitted):
    views = fitted.prepare({name: X[:2] for name, X in shop.views.items()}, shop.products[:2])
    available = Availability(np.ones(2, dtype=bool), np.ones(2, dtype=bool))
    with pytest.raises(ConfigError, match="of one product; got 2 rows"):
        additive_reason(fitted.tagger("season"), views, available, value="summer", rival="winter")


def test_the_best_member_is_held_against_the_best_of_the_others():
    said = np.log([0.1, 0.4, 0.2, 0.3])
    assert best_and_rival(said, np.array([True, False, True, False])) == (2, 1)
