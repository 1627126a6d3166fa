"""Which modalities a product has."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from classify.modalities import Mask
from core_embeddings.columns import Columns, written_columns


class Availability(NamedTuple):
    """Which modalities each product has."""

    has_image: Mask
    has_text: Mask


def availability(
    products: pd.DataFrame, has_image: ArrayLike | None, has_text: ArrayLike | None
) -> Availability:
    """Return both masks, with the defaults of ``TaggerSet.fit``."""
    if has_text is None:
        texts = [*written_columns(products.columns), Columns.BRAND]
        has_text = (products[texts] != "").any(axis=1)
    if has_image is None:
        has_image = np.ones(len(products), dtype=bool)
    return Availability(np.array(has_image, dtype=bool), np.array(has_text, dtype=bool))
