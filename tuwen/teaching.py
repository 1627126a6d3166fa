"""A value taught from a few products: a correction, and the word whether taggers know it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from classify.labels import field_labels
from classify.refit import LEARNED_FROM
from core_embeddings.columns import Columns
from core_embeddings.config import nearest
from core_embeddings.errors import TuwenError
from tuwen.answers import clean_value, correctable
from tuwen.correcting import correct, learned_rows
from tuwen.shop import Shop


@dataclass(frozen=True)
class Taught:
    """What teaching a value did.

    Parameters
    ----------
    version
        Its number among the corrections.
    changed
        Products that have the value now and had not.
    examples
        Products the heads can learn the value from: those held out for reports are none.
    known
        Whether the taggers can give it now.
    """

    version: int
    changed: int
    examples: int
    known: bool

    def told(self, field: str, value: str) -> str:
        """Return it in words."""
        start = f"version {self.version}: {self.changed} products have {field} {value} now"
        if self.known:
            return f"{start}, learned from {self.examples}"
        return f"{start}; it is learned from {LEARNED_FROM} products on, {self.examples} have it"


def teach_value(shop: Shop, field: str, value: str, product_ids: Sequence[str]) -> Taught:
    """Say that products have a value; refit the field's heads where they can learn from it.

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
    done = correct(shop, {(product, field): clean for product in product_ids})
    now, taggers = shop.catalogue(), shop.taggers()
    labels = field_labels(now, field)[learned_rows(now)]
    known = field in taggers.taggers and clean in set(taggers.taggers[field].classes_)
    return Taught(done.version, done.changed, int((labels == clean).sum()), known)
