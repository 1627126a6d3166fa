"""Tagging with a shop: the embedder's views go to the taggers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from classify.promise import Target
from core_embeddings.columns import Columns
from tuwen.corrections import Cells
from tuwen.shop import Shop

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.embedder import Views

VIEWS = ("fused", "image", "text")
AUTO = "auto"
WHOLE = 1.0
"""A target precision that no sample can prove: nothing is ``auto``, so every path is told whole."""
_TOLD = (Columns.VALUE, Columns.CONFIDENCE, Columns.DECISION, Columns.ALTERNATIVES)


def tagger_views(views: Views) -> dict[str, NDArray[np.float32]]:
    """Return the views by the names the taggers know."""
    return {name: getattr(views, name) for name in VIEWS}


def tag_products(
    shop: Shop,
    products: pd.DataFrame,
    *,
    fields: Sequence[str] | None = None,
    target_precision: Target = None,
) -> pd.DataFrame:
    """Return TAGS of products, known or new; what a human said of a known one is final.

    ``target_precision`` is promised of ``auto`` tags, see ``TaggerSet.tag``.
    """
    taggers = shop.taggers()
    views = shop.embedder().views(products)
    tags = taggers.tag(
        tagger_views(views),
        products,
        fields=fields,
        has_image=views.has_image,
        has_text=views.has_text,
        target_precision=target_precision,
    )
    return with_answers(tags, shop.corrections().final())


def with_answers(tags: pd.DataFrame, final: Cells) -> pd.DataFrame:
    """Return TAGS with the values that humans gave: certain, and no longer to be reviewed."""
    cells = list(zip(tags[Columns.PRODUCT], tags[Columns.FIELD], strict=True))
    rows = [at for at, cell in enumerate(cells) if isinstance(final.get(cell), str)]
    if not rows:
        return tags
    told = {name: tags[name].to_numpy(dtype=object, copy=True) for name in _TOLD}
    for at in rows:
        value = final[cells[at]]
        told[Columns.VALUE][at] = value
        told[Columns.CONFIDENCE][at] = 1.0
        told[Columns.DECISION][at] = AUTO
        others = told[Columns.ALTERNATIVES][at]
        told[Columns.ALTERNATIVES][at] = [other for other in others if other != value]
    told[Columns.CONFIDENCE] = told[Columns.CONFIDENCE].astype(np.float64)
    return tags.assign(**told)
