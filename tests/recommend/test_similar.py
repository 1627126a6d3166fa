import numpy as np
import pytest

from core_embeddings.errors import TableError
from core_embeddings.ids import IdMap
from recommend.config import RecommenderConfig
from recommend.factors import Factors
from recommend.histories import normalise_interactions
from recommend.similar import similar_products
from recommend.state import Learned, assemble, make_catalogue

VECTORS = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], dtype=np.float32)


@pytest.fixture
def state(table):
    met = normalise_interactions(table([("u", "a"), ("u", "b"), ("v", "c")]))
    items = np.array([[1, 0], [0, 1], [2, 0], [0, 0]], dtype=np.float32)
    learned = Learned(
        IdMap(["u", "v"]), IdMap(list("abcd")), Factors(np.ones((2, 2), np.float32), items)
    )
    config = RecommenderConfig(factors=2)
    return assemble(met, make_catalogue("abcd", VECTORS), learned, config, as_of=None)


def test_the_score_is_the_mean_of_content_and_factor_cosine(state):
    found = similar_products(state, "a", 3)
    # c: (.6 + 1) / 2; b: (.8 + 0) / 2; d was met by nobody: content alone, 0
    assert found["product_id"].tolist() == ["c", "b", "d"]
    assert found["score"].to_numpy() == pytest.approx([0.8, 0.4, 0.0])


def test_a_product_nobody_met_is_compared_by_content_alone(state):
    found = similar_products(state, "d", 3)
    assert found["product_id"].tolist() == ["c", "b", "a"]
    assert found["score"].to_numpy() == pytest.approx([0.8, 0.6, 0.0])


def test_an_unknown_product_is_refused(state):
    with pytest.raises(TableError, match="not in the catalogue of 4 products"):
        similar_products(state, "zz", 1)
