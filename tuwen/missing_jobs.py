"""What a shop does with its products, as jobs that can be measured on any version of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core_embeddings.columns import Columns
from core_embeddings.ids import IdMap

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.embedder import FusionEmbedder
    from core_embeddings.tables import LoadedQueries
    from core_embeddings.vector_table import VectorTable
    from recommend.hybrid import HybridRecommender

Floats = NDArray[np.float32]


class Version(NamedTuple):
    """What the shop knows of n products, as they are or with parts taken away.

    Attributes
    ----------
    vectors
        Of shape (n, embedding_size), unit rows.
    tags
        The value tagged in each field, of shape (n,) each.
    """

    vectors: Floats
    tags: dict[str, NDArray[np.object_]]

    def with_rows_of(self, other: Version, rows: NDArray[np.bool_]) -> Version:
        """Return this version with some rows, a mask of shape (n,), taken from another."""
        vectors = np.where(rows[:, None], other.vectors, self.vectors)
        return Version(vectors, {f: np.where(rows, other.tags[f], v) for f, v in self.tags.items()})


class Measured(NamedTuple):
    """Metrics by name, and over how many products, queries or users they were taken."""

    metrics: dict[str, float]
    n: int


class Job(Protocol):
    """One thing a shop does with products."""

    @property
    def name(self) -> str:
        """``tag``, ``search`` or ``recommend``, as in the report."""

    @property
    def floor(self) -> str:
        """What `baseline` is called."""

    def measure(self, version: Version) -> Measured:
        """Return the job's metrics on a version of the products."""

    def baseline(self) -> Measured:
        """Return the same metrics of an answer that looks at no product."""


@dataclass(frozen=True)
class TagJob:
    """Means over all fields; a value never seen in training counts as an error.

    Parameters
    ----------
    truth
        The true value of each product by field, "" where unknown.
    majority
        The most frequent training value by field.
    """

    truth: dict[str, NDArray[np.object_]]
    majority: dict[str, str]
    name = "tag"
    floor = "majority"

    def measure(self, version: Version) -> Measured:
        """Return the mean accuracy and the mean macro-F1."""
        from classify.metrics import accuracy
        from classify.set_metrics import cells_macro_f1

        known = {field: values != "" for field, values in self.truth.items()}
        pairs = [
            (values[known[field]], version.tags[field][known[field]])
            for field, values in self.truth.items()
        ]
        kinds = {"accuracy": accuracy, "macro_f1": cells_macro_f1}
        values = {name: float(np.mean([of(*pair) for pair in pairs])) for name, of in kinds.items()}
        return Measured(values, int(np.logical_or.reduce([*known.values()]).sum()))

    def baseline(self) -> Measured:
        """Return what tagging everything with the most frequent value gives."""
        n = len(next(iter(self.truth.values())))
        said = {field: np.full(n, value, dtype=object) for field, value in self.majority.items()}
        return self.measure(Version(np.zeros((n, 0), np.float32), said))


@dataclass(frozen=True)
class SearchJob:
    """Judged queries over the products.

    Parameters
    ----------
    queries
        Of shape (n_queries, embedding_size).
    relevance
        Of shape (n_queries, n_products); every row has a relevant product.
    k
        List length.
    """

    queries: Floats
    relevance: sparse.csr_matrix
    k: int
    name = "search"
    floor = "chance"

    @cached_property
    def _ideal(self) -> NDArray[np.float64]:
        from core_embeddings.metrics import ideal_dcg

        return np.array([ideal_dcg(row.data, self.k) for row in self.relevance])

    def measure(self, version: Version) -> Measured:
        """Return ndcg@k."""
        from core_embeddings.topk import exact_topk

        rows = exact_topk(self.queries, version.vectors, self.k).rows
        return self._ndcg(_gains(self.relevance, rows))

    def baseline(self) -> Measured:
        """Return the expectation for products in random order."""
        share = self.relevance.sum(axis=1) / self.relevance.shape[1]
        return self._ndcg(np.repeat(np.asarray(share), self.k, axis=1))

    def _ndcg(self, gains: NDArray[np.float64]) -> Measured:
        from core_embeddings.metrics import ndcg_at_k

        relevant = np.diff(self.relevance.indptr)
        value = float(ndcg_at_k(gains, relevant, self._ideal).mean())
        return Measured({f"ndcg@{self.k}": value}, len(relevant))


@dataclass(frozen=True)
class RecommendJob:
    """Lists made from content alone: the products nearest to what a user met before.

    Parameters
    ----------
    users
        User vectors made of whole products, of shape (n_users, embedding_size).
    truth, seen
        Of shape (n_users, n_products): what each user went on to meet, and had met before.
    popular
        How often each product was met before, of shape (n_products,).
    k
        List length.
    """

    users: Floats
    truth: sparse.csr_matrix
    seen: sparse.csr_matrix
    popular: NDArray[np.float64]
    k: int
    name = "recommend"
    floor = "popularity"

    def measure(self, version: Version) -> Measured:
        """Return recall@k."""
        from core_embeddings.topk import exact_topk

        found = exact_topk(self.users, version.vectors, self.k, metric="dot", exclude=self.seen)
        return self._recall(found.rows)

    def baseline(self) -> Measured:
        """Return what the same list of popular products gives everybody."""
        from core_embeddings.topk import topk_of_scores

        scores = np.tile(self.popular, (len(self.users), 1))
        return self._recall(topk_of_scores(scores, self.k, exclude=self.seen).rows)

    def _recall(self, rows: NDArray[np.int64]) -> Measured:
        from core_embeddings.metrics import recall_at_k

        relevant = np.diff(self.truth.indptr)
        value = float(recall_at_k(_gains(self.truth, rows), relevant).mean())
        return Measured({f"recall@{self.k}": value}, len(relevant))


def tag_job(
    products: pd.DataFrame, found: dict[str, NDArray[np.object_]], rows: NDArray[np.int64]
) -> TagJob | None:
    """Return the job of tagging ``rows`` of a catalogue; None where none has a known value.

    ``found`` are the labels of all its products by field, "" where unknown.
    """
    labels = {field: values for field, values in found.items() if (values[rows] != "").any()}
    if not labels:
        return None
    train = (products[Columns.SPLIT] == "train").to_numpy()
    return TagJob(
        {field: values[rows] for field, values in labels.items()},
        {field: _most_frequent(values[train]) for field, values in labels.items()},
    )


def search_job(
    asked: LoadedQueries, embedder: FusionEmbedder, product_ids: list[str], k: int
) -> SearchJob | None:
    """Return the job of searching these products; None where no query is judged on them."""
    judged = asked.judgements[asked.judgements[Columns.RELEVANCE] > 0]
    relevance = _matrix(
        IdMap(asked.queries[Columns.QUERY_ID]).rows(judged[Columns.QUERY_ID]),
        IdMap(product_ids).rows(judged[Columns.PRODUCT]),
        judged[Columns.RELEVANCE].to_numpy(dtype=np.float64),
        (len(asked.queries), len(product_ids)),
    )
    some = np.flatnonzero(np.diff(relevance.indptr))
    if not len(some):
        return None
    queries = asked.queries.iloc[some]
    texts, images = queries[Columns.QUERY].tolist(), queries[Columns.IMAGE].tolist()
    return SearchJob(embedder.encode_queries(texts, images), relevance[some], k)


def recommend_job(
    recommender: HybridRecommender,
    table: VectorTable,
    product_ids: list[str],
    *,
    cut: pd.Timestamp,
    k: int,
) -> RecommendJob | None:
    """Return the job of listing these products for who met others before ``cut``.

    Users count who met something before and, from then on, one of the products for the first time;
    None where there is no such user. Nothing learned from interactions takes part.
    """
    from core_embeddings.splits import before, since
    from recommend.histories import build_histories
    from recommend.user_vector import user_vectors

    log, everything = recommender.state.interactions, IdMap(table.product_ids)
    past, future = before(log, cut), since(log, cut)
    histories = build_histories(past, everything, recommender.config, as_of=cut)
    met = histories.strength[:, everything.rows(product_ids)]
    users, columns = (
        ids.rows(future[name])
        for ids, name in ((histories.users, Columns.USER), (IdMap(product_ids), Columns.PRODUCT))
    )
    truth = _matrix(users, columns, np.ones(len(future)), met.shape)
    truth = truth - truth.multiply(met > 0)
    truth.eliminate_zeros()
    some = np.flatnonzero(np.diff(truth.indptr))
    if not len(some):
        return None
    vectors = user_vectors(histories.weights[some], table.vectors)
    popular = np.asarray((met > 0).sum(axis=0), dtype=np.float64).ravel()
    return RecommendJob(vectors, truth[some], met[some], popular, k)


def _matrix(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: NDArray[np.float64],
    shape: tuple[int, int],
) -> sparse.csr_matrix:
    """Return a sparse matrix; of a pair given twice the higher value counts, -1 is nowhere."""
    kept = np.flatnonzero((rows >= 0) & (columns >= 0))
    kept = kept[np.lexsort((-values[kept], columns[kept], rows[kept]))]
    pairs = np.stack([rows[kept], columns[kept]], axis=1)
    first = np.ones(len(kept), dtype=np.bool_)
    first[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    kept = kept[first]
    return sparse.csr_matrix((values[kept], (rows[kept], columns[kept])), shape=shape)


def _gains(relevance: sparse.csr_matrix, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the relevance of listed products; row -1 stands for none."""
    queries = np.repeat(np.arange(len(rows)), rows.shape[1])
    gains = relevance[queries, np.maximum(rows, 0).ravel()]
    return np.asarray(gains, dtype=np.float64).reshape(rows.shape) * (rows >= 0)


def _most_frequent(labels: NDArray[np.object_]) -> str:
    values, counts = np.unique(labels[labels != ""], return_counts=True)
    return str(values[counts.argmax()]) if len(values) else ""
