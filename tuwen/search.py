"""Searching a shop: words, pictures or both, filtered, personal, one query or a table of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.errors import ImageError, TableError, TuwenError
from tuwen.loading import Note, TableOptions, settle_rejects
from tuwen.recommending import user_vector
from tuwen.shop import Shop

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.embedder import FusionEmbedder


def search_shop(
    shop: Shop,
    *,
    texts: Sequence[str],
    images: Sequence[str],
    k: int = 10,
    where: str = "",
    user: str = "",
    query_ids: Sequence[str] | None = None,
    note: Note = print,
) -> pd.DataFrame:
    """Return the best products of each query.

    Parameters
    ----------
    shop
        Where to search.
    texts, images
        One of each per query; "" for none. All empty means: what the user alone would like.
    k
        Hits per query.
    where
        Filter expression; "" for all products.
    user
        Whose taste is mixed in; "" for nobody's.
    query_ids
        Names of the queries in the answer.

    Returns
    -------
    DataFrame
        HITS with ``distance``, ``cosine`` and ``title``.
    """
    products = shop.catalogue()
    embedder = shop.embedder()
    taste = user_taste(shop, user, note=note) if user else None
    if any(texts) or any(images):
        vectors = encode_queries(embedder, texts, images)
    elif taste is not None:
        vectors, taste = taste, None
    else:
        raise TuwenError("there is nothing to search with; give words, a picture or a known user")
    hits = shop.matcher(embedder=embedder).search_vectors(
        vectors,
        k,
        allow=allowed(products, where),
        query_ids=query_ids,
        user_vectors=taste,
        user_weight=shop.setting("search", "user_weight", 0.2),
    )
    return with_titles(hits, products)


def encode_queries(
    embedder: FusionEmbedder, texts: Sequence[str], images: Sequence[str]
) -> NDArray[np.float32]:
    """Encode queries of words, pictures or both.

    Raises
    ------
    ImageError
        Naming the picture that cannot be used.
    """
    from core_embeddings.images import check_image

    for image in filter(None, images):
        try:
            check_image(Path(image))
        except ImageError as error:
            raise ImageError(f"cannot search with {image}: {error}") from None
    return embedder.encode_queries(list(texts), list(images))


def allowed(products: pd.DataFrame, where: str) -> NDArray[np.bool_] | None:
    """Return the mask of a filter expression; None for no filter."""
    if not where:
        return None
    from retrieve.filters import parse_filter

    return parse_filter(where).mask(products)


def user_taste(shop: Shop, user: str, *, note: Note) -> NDArray[np.float32] | None:
    """Return a user's vector of shape (1, dim); None, with a note, for a user nobody knows."""
    taste = user_vector(shop.recommender(), user) if shop.has_recommender else np.zeros((1, 1))
    if not taste.any():
        note(f"nothing is known of user {user!r}; searching without taste")
        return None
    return np.asarray(taste, dtype=np.float32)


def similar_products(shop: Shop, product_id: str, *, k: int = 10) -> pd.DataFrame:
    """Return the products nearest to one of the shop's, as HITS; itself is left out."""
    hits = shop.matcher(encode=False).similar(product_id, k=k)
    return with_titles(hits, shop.catalogue())


def with_titles(hits: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Add the products' titles to a table of hits."""
    titles = dict(zip(products[Columns.PRODUCT], products[Columns.TITLE], strict=True))
    return hits.assign(title=[titles.get(name, "") for name in hits[Columns.PRODUCT]])


def read_searches(path: str | Path, options: TableOptions, *, note: Note) -> pd.DataFrame:
    """Read a table of queries, one row per query.

    Raises
    ------
    TableError
        If it holds none.
    """
    from core_embeddings.tables import read_queries

    loaded = read_queries(
        path,
        images=options.images,
        columns=options.columns,
        allow_url_images=options.allow_url_images,
        max_pixels=options.max_pixels,
    )
    settle_rejects(loaded.rejects, options, what=str(path), note=note)
    if loaded.queries.empty:
        raise TableError(f"{path} holds no usable query; it needs query_id and query or image")
    return loaded.queries
