"""What kind of thing a category path names: its last level, whatever the shelf."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.baselines import Answer
from core_embeddings.columns import LEVEL_SEPARATOR, Columns

PRODUCT_TYPE: Final = "product_type"
"""Name of the derived field."""


def has_last_level(products: pd.DataFrame, field: str) -> bool:
    """Tell whether the field is a category with several levels, and the name is free."""
    if field != Columns.CATEGORY or PRODUCT_TYPE in products:
        return False
    return bool(products[field].str.contains(LEVEL_SEPARATOR, regex=False).any())


def last_levels(paths: NDArray[Any]) -> NDArray[Any]:
    """Return the last level of each path, "" where there is none.

    Examples
    --------
    >>> last_levels(np.array(["Men > Shoes", "Gifts", ""], dtype=object)).tolist()
    ['Shoes', 'Gifts', '']
    """
    return np.array([path.split(LEVEL_SEPARATOR)[-1] for path in paths.tolist()], dtype=object)


def summed_by_last_level(answer: Answer) -> Answer:
    """Return what probabilities of paths say of their last levels: the sum over the shelves."""
    classes, column = np.unique(last_levels(answer.classes), return_inverse=True)
    scores = np.zeros((len(answer.scores), len(classes)))
    np.add.at(scores.T, column, answer.scores.T)
    return Answer(classes[scores.argmax(axis=1)], classes, scores)
