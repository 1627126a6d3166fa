"""What value a product has in a field."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import VALUE_SEPARATOR, Columns


def field_labels(products: pd.DataFrame, field: str) -> NDArray[Any]:
    """Return the label of each product as str, "" where unknown, of shape (n_products,).

    Of several values in a cell the first counts; a category counts with its full path.

    Examples
    --------
    >>> field_labels(pd.DataFrame({"color": ["red|blue", " ", None]}), "color").tolist()
    ['red', '', '']
    """
    column = products[field]
    values = column.astype(object).where(column.notna(), "").map(str)
    if field != Columns.CATEGORY:
        values = values.map(lambda value: value.partition(VALUE_SEPARATOR)[0])
    return np.array([value.strip() for value in values], dtype=object)
