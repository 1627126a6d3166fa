import numpy as np
import pytest

from core_embeddings.ensemble import Ensemble
from core_embeddings.errors import ConfigError


class Member:
    """An embedder whose answers are given: vectors by what is asked, and label shares."""

    def __init__(self, vectors, queries=None, shares=None, classes=("blue", "red")):
        self.vectors, self.queries, self.shares = vectors, queries, shares
        self.labels = {"color": classes}
        self.embedding_size = vectors.shape[1]

    def encode(self, products, what="fused"):
        return self.vectors[products]

    def encode_queries(self, texts=None, images=None):
        return self.queries

    def label_probabilities(self, products, what="fused"):
        return {"color": self.shares[products]}


def unit(rng, rows, size):
    vectors = rng.normal(size=(rows, size)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_cosine_of_an_ensemble_is_the_mean_of_its_members_cosines():
    rng = np.random.default_rng(0)
    sizes = (4, 7, 4)
    members = [Member(unit(rng, 5, size), unit(rng, 2, size)) for size in sizes]
    ensemble = Ensemble(members)
    vectors, queries = ensemble.encode(slice(None)), ensemble.encode_queries(["a", "b"])
    assert vectors.shape == (5, ensemble.embedding_size) == (5, 15)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for q in range(2):
        for row in range(5):
            cosines = [float(m.queries[q] @ m.vectors[row]) for m in members]
            assert queries[q] @ vectors[row] == pytest.approx(sum(cosines) / 3, abs=1e-6)


def test_label_probabilities_are_the_mean_of_the_members():
    vectors = np.eye(2, dtype=np.float32)
    sure = Member(vectors, shares=np.array([[0.9, 0.1], [0.2, 0.8]]))
    unsure = Member(vectors, shares=np.array([[0.4, 0.6], [0.6, 0.4]]))
    shares = Ensemble([sure, unsure]).label_probabilities(slice(None))
    assert np.allclose(shares["color"], [[0.65, 0.35], [0.4, 0.6]])


def test_members_of_other_classes_cannot_tag_together():
    vectors = np.eye(2, dtype=np.float32)
    members = [Member(vectors), Member(vectors, classes=("red", "blue"))]
    with pytest.raises(ConfigError, match="must have the same training heads to tag together"):
        Ensemble(members).label_probabilities(slice(None))


def test_an_ensemble_of_nobody_is_refused():
    with pytest.raises(ConfigError, match="at least one embedder; got none"):
        Ensemble([])
