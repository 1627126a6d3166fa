import numpy as np
import pytest

from core_embeddings.ids import IdMap
from recommend.factors import fit_factors
from recommend.histories import build_histories, normalise_interactions
from recommend.state import Learned, assemble, make_catalogue


@pytest.fixture
def met(checkerboard):
    return normalise_interactions(checkerboard)


@pytest.fixture
def learned(met, products, config):
    histories = build_histories(met, products, config)
    return Learned(histories.users, products, fit_factors(histories.strength, config))


def test_a_catalogue_is_sorted_with_its_vectors():
    catalogue = make_catalogue(["b", "a"], [[0.0, 1.0], [1.0, 0.0]])
    assert catalogue.products.all == ("a", "b")
    assert catalogue.vectors.tolist() == [[1, 0], [0, 1]]
    assert catalogue.vectors.dtype == np.float32


def test_nothing_changed_keeps_every_factor(met, learned, products, vectors, config):
    state = assemble(met, make_catalogue(products.all, vectors), learned, config, as_of=None)
    assert np.array_equal(state.learned.factors.users, learned.factors.users)
    assert np.array_equal(state.learned.factors.items, learned.factors.items)


def test_factors_follow_their_ids(met, learned, products, vectors, config):
    ids = ["a-new-one", *products.all[2:]]
    catalogue = make_catalogue(ids, vectors[1:])
    state = assemble(met, catalogue, learned, config, as_of=None)
    items = state.learned.factors.items
    assert not items[0].any()  # learned by nobody …
    assert state.signals.factors.items[0].any()  # … but made from its vector
    assert np.array_equal(items[1:], learned.factors.items[2:])


def test_a_user_without_factor_is_folded_in(met, learned, products, vectors, config):
    without = Learned(
        IdMap(learned.users.all[1:]),
        products,
        learned.factors._replace(users=learned.factors.users[1:]),
    )
    state = assemble(met, make_catalogue(products.all, vectors), without, config, as_of=None)
    first, fitted = state.learned.factors.users[0], learned.factors.users[0]
    cosine = first @ fitted / np.linalg.norm(first) / np.linalg.norm(fitted)
    assert cosine > 0.95
    assert np.array_equal(state.learned.factors.users[1:], learned.factors.users[1:])


def test_what_only_the_gone_met_keeps_no_factor(met, learned, products, vectors, config):
    left = met[met["product_id"] != "p04"].reset_index(drop=True)
    state = assemble(left, make_catalogue(products.all, vectors), learned, config, as_of=None)
    assert not state.learned.factors.items[4].any()
    assert state.learned.factors.items[[0, 6]].any(axis=1).all()
