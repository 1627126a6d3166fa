"""Tagging with a shop: the embedder's views go to the taggers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tuwen.shop import Shop

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.embedder import Views

VIEWS = ("fused", "image", "text")


def tagger_views(views: Views) -> dict[str, NDArray[np.float32]]:
    """Return the views by the names the taggers know."""
    return {name: getattr(views, name) for name in VIEWS}


def tag_products(
    shop: Shop, products: pd.DataFrame, *, fields: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return TAGS of products, known or new."""
    taggers = shop.taggers()
    views = shop.embedder().views(products)
    return taggers.tag(
        tagger_views(views),
        products,
        fields=fields,
        has_image=views.has_image,
        has_text=views.has_text,
    )
