"""The labelled products nearest to one: what a merchandiser compares it with."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.vector_table import VectorTable

NEIGHBOURS: Final = 5


class Neighbour(NamedTuple):
    """A labelled product, its value and the cosine of the two fused vectors."""

    product_id: str
    value: str
    cosine: float


class Labelled:
    """A shop's products in the order of their likeness to one product.

    Parameters
    ----------
    products
        The shop's catalogue.
    vectors
        Its vectors, in the same order.
    vector
        Of the product asked about, unit length.
    product_id
        Its id; it is no neighbour of its own.
    """

    def __init__(
        self,
        products: pd.DataFrame,
        vectors: VectorTable,
        vector: NDArray[Any],
        *,
        product_id: str,
    ) -> None:
        cosines = np.asarray(vectors.vectors @ vector)
        order = np.lexsort((products[Columns.PRODUCT].to_numpy(dtype=str), -cosines))
        own = products[Columns.PRODUCT].to_numpy(dtype=object)[order] == product_id
        self._products = products.iloc[order[~own]]
        self._cosines = cosines[order[~own]]

    def nearest(self, field: str, *, k: int = NEIGHBOURS) -> list[Neighbour]:
        """Return the k likest products that have a value in ``field``; ties by id."""
        if field not in self._products.columns:
            return []
        labels = self._products[field].to_numpy(dtype=object)
        has = [at for at, label in enumerate(labels) if isinstance(label, str) and label][:k]
        ids = self._products[Columns.PRODUCT].to_numpy(dtype=object)
        return [Neighbour(str(ids[at]), str(labels[at]), float(self._cosines[at])) for at in has]
