"""The article's match, R = softmax(-‖q - x‖₂), over a catalogue's vectors."""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from core_embeddings.artefact import check_fingerprint
from core_embeddings.errors import ConfigError, TuwenError
from core_embeddings.ids import IdMap
from core_embeddings.topk import TopK
from retrieve.hits import hits_frame, name_queries
from retrieve.index import ExactIndex, Index, Mask, Vectors

IndexFactory: TypeAlias = Callable[[Sequence[str], Vectors], Index]


class QueryEncoder(Protocol):
    """What a matcher needs of an embedder."""

    @property
    def fingerprint(self) -> str:
        """Identity of the embedder."""
        ...

    def encode_queries(
        self,
        texts: Sequence[str] | None = None,
        images: Sequence[str | Path] | None = None,
    ) -> Vectors:
        """Return one vector per query, of shape (n_queries, dim)."""
        ...


class Matcher:
    """Find products by vector, text, image, or likeness to another product.

    Parameters
    ----------
    product_ids
        Unique ids, one per row.
    vectors
        float32 of shape (n_products, dim), unit rows. A product whose row is all zeros (it had no
        modality to embed) is never returned.
    fingerprint
        The embedder that made the vectors.
    embedder
        Encodes text and image queries; not needed to search by vector.
    temperature
        Divides the distance in the softmax; 1 is the article's, smaller is sharper.
    index
        Builds the index; exact by default.

    Raises
    ------
    FingerprintError
        If the embedder is not the one that made the vectors.
    ConfigError
        If the temperature is not a positive number.
    """

    def __init__(
        self,
        product_ids: Sequence[str],
        vectors: Vectors,
        *,
        fingerprint: str,
        embedder: QueryEncoder | None = None,
        temperature: float = 1.0,
        index: IndexFactory = ExactIndex,
    ) -> None:
        if not 0 < temperature < float("inf"):
            raise ConfigError(f"temperature must be a positive number; got {temperature!r}")
        if embedder is not None:
            check_fingerprint(fingerprint, embedder.fingerprint, what="the vector table")
        self.fingerprint = fingerprint
        self.temperature = temperature
        self._embedder = embedder
        self._vectors = np.asarray(vectors, dtype=np.float32)
        self._index = index(product_ids, self._vectors)
        self._ids = IdMap(product_ids)
        self._lengths = np.linalg.norm(self._vectors.astype(np.float64), axis=1)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def product_ids(self) -> tuple[str, ...]:
        """Every product id, in row order; masks are in this order."""
        return self._ids.all

    def search(
        self,
        texts: Sequence[str] | None = None,
        images: Sequence[str | Path] | None = None,
        k: int = 10,
        *,
        allow: Mask | None = None,
        query_ids: Sequence[str] | None = None,
        user_vectors: ArrayLike | None = None,
        user_weight: float = 0.2,
    ) -> pd.DataFrame:
        """Return the best products for texts, images, or both row by row.

        Parameters
        ----------
        texts, images
            One per query; at least one of the two.
        k, allow, query_ids, user_vectors, user_weight
            As in :meth:`search_vectors`.

        Raises
        ------
        TuwenError
            If the matcher was made without an embedder.
        """
        if self._embedder is None:
            raise TuwenError(
                "text and image queries need an embedder, and this matcher has none; "
                "pass embedder=..., or search with vectors"
            )
        return self.search_vectors(
            self._embedder.encode_queries(texts, images),
            k,
            allow=allow,
            query_ids=query_ids,
            user_vectors=user_vectors,
            user_weight=user_weight,
        )

    def search_vectors(
        self,
        vectors: ArrayLike,
        k: int = 10,
        *,
        allow: Mask | None = None,
        query_ids: Sequence[str] | None = None,
        user_vectors: ArrayLike | None = None,
        user_weight: float = 0.2,
    ) -> pd.DataFrame:
        """Return the best products for query vectors.

        Parameters
        ----------
        vectors
            Queries of shape (n_queries, dim), or (dim,) for one.
        k
            Length of the lists.
        allow
            Boolean mask over the products, in the order of ``product_ids``; None allows all.
        query_ids
            Names of the queries; None names them "0", "1", ….
        user_vectors
            Taste of whoever asks, of shape (n_queries, dim) or (dim,) for all; a zero row means
            unknown and changes nothing.
        user_weight
            Share of the user in the blended query, in [0, 1].

        Returns
        -------
        DataFrame
            HITS: ``query_id``, ``product_id``, ``rank``, ``score`` (softmax over all allowed
            products, in [0, 1]), ``distance``, ``cosine``. Ties in distance by ``product_id``.

        Raises
        ------
        ValueError
            If a shape disagrees or a value is not finite.
        """
        queries = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        if user_vectors is not None:
            queries = _blend(queries, user_vectors, user_weight)
        names = name_queries(query_ids, len(queries))
        longest = max(1, len(self))  # a longer list would be padding
        top = self._index.search(queries, min(k, longest), allow=allow)
        total = self._index.log_partition(queries, self.temperature, allow=allow)
        return self._hits(names, queries, top, total)

    def similar(self, product_id: str, k: int = 10, *, allow: Mask | None = None) -> pd.DataFrame:
        """Return the products nearest to one of the catalogue, itself left out.

        Raises
        ------
        TuwenError
            If the product is unknown, or has no vector.
        """
        row = int(self._ids.rows([product_id])[0])
        if row < 0:
            raise TuwenError(
                f"there is no product {product_id!r} among {len(self)}; {self._near(product_id)}"
            )
        if self._lengths[row] == 0:
            raise TuwenError(
                f"product {product_id!r} has no vector to compare; give it a readable image or text"
            )
        others = np.ones(len(self), dtype=bool) if allow is None else np.array(allow)
        if others.shape == (len(self),):
            others[row] = False
        return self.search_vectors(self._vectors[row], k, allow=others, query_ids=[product_id])

    def _hits(
        self,
        names: list[str],
        queries: Vectors,
        top: TopK,
        log_partition: NDArray[np.float64],
    ) -> pd.DataFrame:
        found = top.rows >= 0  # padding gets harmless numbers; hits_frame drops it
        distance = np.where(found, -top.scores.astype(np.float64), 0.0)  # (n_queries, k)
        total = np.where(np.isfinite(log_partition), log_partition, 0.0)[:, None]
        score = np.exp(np.minimum(-distance / self.temperature - total, 0.0))
        asked = np.linalg.norm(queries.astype(np.float64), axis=1)[:, None]
        length = np.append(self._lengths, 0.0)[top.rows]
        product = np.where(asked * length > 0, asked * length, np.inf)
        cosine = (asked**2 + length**2 - distance**2) / (2 * product)  # law of cosines
        return hits_frame(
            names,
            self.product_ids,
            top.rows,
            score=score,
            distance=distance,
            cosine=np.clip(cosine, -1.0, 1.0),
        )

    def _near(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.product_ids, n=1)
        ordered = close or sorted(self.product_ids)
        if not ordered:
            return "the catalogue is empty"
        place = min(bisect.bisect_left(ordered, name), len(ordered) - 1)
        return f"the nearest is {ordered[place]!r}"


def _blend(queries: Vectors, user_vectors: ArrayLike, weight: float) -> Vectors:
    """Return unit((1 - weight)·unit(q) + weight·unit(u)), or q where the user is unknown."""
    if not 0 <= weight <= 1:
        raise ValueError(f"user_weight must lie in [0, 1]; got {weight!r}")
    users = np.atleast_2d(np.asarray(user_vectors, dtype=np.float32))
    if users.shape[1] != queries.shape[1] or len(users) not in (1, len(queries)):
        raise ValueError(
            f"user_vectors must be of shape {queries.shape}, or one row for all queries; "
            f"got {users.shape}"
        )
    users = np.broadcast_to(users, queries.shape)
    blended = _unit((1 - weight) * _unit(queries) + weight * _unit(users))
    return np.where(users.any(axis=1, keepdims=True), blended, queries)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit
