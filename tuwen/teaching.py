"""A value taught from a few products: a correction, and which others are likely to have it too.

Heads hardly say a value that five rows among thousands have. So the products that are likely to
have it are found by what the five have in common, for a human to confirm; from the confirmed ones
the heads learn it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from classify.few_shot import membership
from classify.labels import field_labels
from classify.refit import LEARNED_FROM
from classify.suspect_table import SUGGESTED
from classify.witnesses import values_of
from core_embeddings.columns import VALUE_SEPARATOR, Columns
from core_embeddings.config import nearest
from core_embeddings.errors import TuwenError
from tuwen.answers import ANSWER, clean_value, correctable
from tuwen.correcting import correct, learned_rows
from tuwen.shop import Shop
from tuwen.suspecting import picture_rows, word_rows

if TYPE_CHECKING:
    import pandas as pd

DIRECTIONS: Final = 192
"""Of words and of pictures: more than this is noise to five examples."""
LIKELY: Final = 0.5


@dataclass(frozen=True)
class Taught:
    """What teaching a value did.

    Parameters
    ----------
    value
        As the catalogue spells it.
    version
        Its number among the corrections.
    changed
        Products that have the value now and had not.
    examples
        Products the heads can learn the value from: those held out for reports are none.
    known
        Whether the taggers can give it now.
    learns
        Whether the field has heads that take in a value at once; those of several values per
        product wait for the next fit, and texts and numbers have none.
    """

    value: str
    version: int
    changed: int
    examples: int
    known: bool
    learns: bool

    def told(self, field: str) -> str:
        """Return it in words."""
        start = f"version {self.version}: {self.changed} products have {field} {self.value} now"
        if self.known:
            return f"{start}, learned from {self.examples}"
        if not self.learns:
            return f"{start}; no head of {field} learns it before the next fit"
        return f"{start}; it is learned from {LEARNED_FROM} products on, {self.examples} have it"


def teach_value(shop: Shop, field: str, value: str, product_ids: Sequence[str]) -> Taught:
    """Say that products have a value; refit the field's heads where they can learn from it.

    Where products may have several values it is one more.

    Raises
    ------
    TuwenError
        If a product or the field is unknown, or the field cannot hold the value; nothing is changed
        then.
    """
    held = shop.catalogue()
    columns = correctable(held)
    if field not in columns:
        raise TuwenError(f"the catalogue has no field {field!r}; {nearest(field, list(columns))}")
    unknown = sorted(set(product_ids) - set(held[Columns.PRODUCT]))
    if unknown:
        raise TuwenError(
            f"the shop holds no product {', '.join(map(repr, unknown[:5]))}; nothing was taught"
        )
    clean = clean_value(value, columns[field])
    if clean is None:
        raise TuwenError(f"{field} cannot hold {value!r}; give a value like the others it has")
    cells = dict.fromkeys(product_ids, clean)
    if isinstance(clean, str) and field in shop.taggers().set_taggers:
        own = dict(zip(held[Columns.PRODUCT], held[field], strict=True))
        cells = {product: with_value(own[product], clean) for product in product_ids}
    done = correct(shop, {(product, field): cell for product, cell in cells.items()})
    now, taggers = shop.catalogue(), shop.taggers()
    learns = field in taggers.taggers
    known = learns and clean in set(taggers.taggers[field].classes_)
    examples = int((has_value(now, field, str(clean)) & learned_rows(now)).sum())
    return Taught(str(clean), done.version, done.changed, examples, known, learns)


def with_value(cell: str, value: str) -> str:
    """Return a cell that has a value, too.

    >>> with_value("work|party", "travel"), with_value("", "work"), with_value("work", "work")
    ('work|party|travel', 'work', 'work')
    """
    values = [*filter(None, cell.split(VALUE_SEPARATOR)), *value.split(VALUE_SEPARATOR)]
    return VALUE_SEPARATOR.join(dict.fromkeys(values))


def has_value(products: pd.DataFrame, field: str, value: str) -> NDArray[np.bool_]:
    """Return which products have a value, be it one of several; of shape (n_products,)."""
    has = field_labels(products, field) == value
    if field != Columns.CATEGORY:
        cells = products[field].astype(str)
        has |= np.array([value in cell.split(VALUE_SEPARATOR) for cell in cells], dtype=np.bool_)
    return np.asarray(has | (products[field].astype(str) == value), dtype=np.bool_)


def likely_members(shop: Shop, field: str, value: str) -> pd.DataFrame:
    """Return products that probably have a value that few have so far, likeliest first.

    Columns ``product_id``, ``field``, ``value`` (what they have now), ``suggested``, ``score`` (the
    probability) and an empty ``answer``: a worklist that `tuwen correct` reads back.
    """
    import pandas as pd

    products, embedder = shop.catalogue(), shop.embedder()
    parts = (
        picture_rows(embedder, embedder.views(products), size=DIRECTIONS),
        word_rows(products, size=DIRECTIONS),
    )
    rows = np.hstack([part / (float(part.std()) or 1.0) for part in parts if part.size])
    labels = field_labels(products, field)
    has = has_value(products, field, value)
    score = membership(rows, values_of(labels).codes, np.flatnonzero(has))
    found = np.flatnonzero((score >= LIKELY) & ~has)
    cells: list[str] = labels[found].tolist()
    suggested = [value] * len(found)
    if field in shop.taggers().set_taggers:
        cells = products[field].iloc[found].tolist()
        suggested = [with_value(cell, value) for cell in cells]
    columns = {
        Columns.PRODUCT: products[Columns.PRODUCT].to_numpy(dtype=object)[found],
        Columns.FIELD: field,
        Columns.VALUE: cells,
        SUGGESTED: suggested,
        Columns.SCORE: score[found],
        ANSWER: "",
    }
    keys = [Columns.SCORE, Columns.PRODUCT]
    return pd.DataFrame(columns).sort_values(keys, ascending=[False, True], ignore_index=True)
