"""Taking answers back into a shop: catalogue, vectors and heads change at one instant, or not.

Everything new is written beside what is in use; then ``shop.json`` names it. A kill at any moment
leaves the shop before the answers or after them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.errors import TuwenError
from core_embeddings.vector_table import VectorTable
from tuwen.corrections import Answer, Cells, Version, cells_of, said
from tuwen.renewing import chosen, embedded, replaced, rows_to_embed
from tuwen.shop import Shop
from tuwen.shop_state import TAGGERS

if TYPE_CHECKING:
    import pandas as pd

    from classify.taggers import TaggerSet
    from core_embeddings.embedder import FusionEmbedder

KEPT: Final = 3
"""So many of the last versions can be taken back; their heads are kept for that."""


@dataclass(frozen=True)
class Corrected:
    """What a correction, or taking one back, did.

    Parameters
    ----------
    version
        Its number in the log.
    answers
        Cells that were spoken of.
    changed
        Cells that hold another value now; the others were confirmed.
    embedded
        Products whose vector was made anew, or put back.
    refitted
        Fields whose heads were fitted again, or put back.
    undoes
        The version that was taken back; 0 for none.
    """

    version: int
    answers: int
    changed: int
    embedded: int
    refitted: tuple[str, ...]
    undoes: int = 0


def correct(shop: Shop, cells: Cells) -> Corrected:
    """Write values that a human is sure of into everything that depends on them.

    Parameters
    ----------
    shop
        Its fit is finished.
    cells
        Values by product and field, all known to the shop, as `tuwen.answers.read_answers` gives.
    """
    held, number = shop.catalogue(), shop.state.version + 1
    before = cells_of(held, cells)
    answers = [
        Answer(*key, value, was) for (key, value), was in zip(cells.items(), before, strict=True)
    ]
    changed = [one for one in answers if one.value != one.previous]
    corrected, stored, embedder = said(held, cells), shop.vectors(), cache(shop.embedder)
    anew = rows_to_embed(held, corrected)
    vectors = replaced(stored, embedded(embedder(), corrected, anew)) if len(anew) else stored
    fields = _to_refit(shop, corrected, changed)
    taggers = shop.state.taggers
    if fields:
        again = _refitted(shop, embedder(), corrected, fields)
        taggers = shop.write_taggers(again, f"{TAGGERS}-{number:04d}")
    version = Version(number, _now(), shop.state.taggers, tuple(answers), tuple(fields))
    shop.corrections().write(version, chosen(stored, anew))
    _commit(shop, number, taggers, corrected, vectors, unchanged=not changed)
    return Corrected(number, len(answers), len(changed), len(anew), tuple(fields))


def undo(shop: Shop) -> Corrected:
    """Take the last correction back: values, vectors and heads are those of before.

    Raises
    ------
    TuwenError
        If there is none, if a fit has taken it in since, or if its heads are no longer kept.
    """
    state, log = shop.state, shop.corrections()
    last = _last(shop)
    back = tuple(Answer(a.product_id, a.field, a.previous, a.value) for a in last.answers)
    held, number = shop.catalogue(), state.version + 1
    there = set(held[Columns.PRODUCT])
    cells = {(a.product_id, a.field): a.value for a in back if a.product_id in there}
    restored, stored = said(held, cells), shop.vectors()
    anew, kept = rows_to_embed(held, restored), log.vectors_before(last.number)
    vectors = stored if kept is None else replaced(stored, kept)
    names = set() if kept is None else set(kept.product_ids)
    unknown = np.array([at for at in anew if stored.product_ids[at] not in names], dtype=np.int64)
    if len(unknown):  # products that were replaced since
        vectors = replaced(vectors, embedded(shop.embedder(), restored, unknown))
    log.write(Version(number, _now(), state.taggers, back, last.refitted, last.number))
    changed = sum(a.value != a.previous for a in back)
    _commit(shop, number, last.taggers, restored, vectors, unchanged=not changed)
    return Corrected(number, len(back), changed, len(anew), last.refitted, last.number)


def _last(shop: Shop) -> Version:
    standing = shop.corrections().standing()
    if not standing:
        raise TuwenError(f"{shop.root} holds no correction that could be taken back")
    last = standing[-1]
    if last.number <= shop.state.fitted:
        raise TuwenError(
            f"version {last.number} was taken in by a fit since; "
            "correct the values again instead, from a file with the ones you want"
        )
    if not shop.path(last.taggers).is_dir():
        raise TuwenError(
            f"version {last.number} is too old to be taken back: the heads of the last {KEPT} "
            "versions are kept; correct the values again instead"
        )
    return last


def _commit(
    shop: Shop,
    number: int,
    taggers: str,
    products: pd.DataFrame,
    vectors: VectorTable,
    *,
    unchanged: bool,
) -> None:
    """Put version, heads and products in place at one instant; clean up after it."""
    if unchanged:
        shop.update(version=number, taggers=taggers)
    else:
        shop.write_products(products, vectors, version=number, taggers=taggers)
    recent = [v.taggers for v in shop.corrections().standing() if v.number > shop.state.fitted]
    keep = {TAGGERS, taggers, *recent[-KEPT:]}
    for folder in shop.root.glob("*taggers-*"):  # half-written ones included
        if folder.name not in keep:
            shutil.rmtree(folder)


def _to_refit(shop: Shop, products: pd.DataFrame, changed: Sequence[Answer]) -> list[str]:
    """Return the tagged fields in which a product that heads learn from has another value now.

    Heads of fields with several values per product wait for the next fit.
    """
    learned = set(products[Columns.PRODUCT][learned_rows(products)])
    fields = {one.field for one in changed if one.product_id in learned}
    return [name for name in shop.taggers().taggers if name in fields] if fields else []


def learned_rows(products: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which products heads learn from: never those that reports are measured on."""
    if Columns.SPLIT not in products:
        return np.ones(len(products), dtype=bool)
    return (products[Columns.SPLIT] != "test").to_numpy(dtype=bool)


def _refitted(
    shop: Shop, embedder: FusionEmbedder, products: pd.DataFrame, fields: list[str]
) -> TaggerSet:
    from classify.refit import refit
    from tuwen.tagging import tagger_views

    known = products[learned_rows(products)].reset_index(drop=True)
    views = embedder.views(known)
    return refit(
        shop.taggers(),
        tagger_views(views),
        known,
        fields=fields,
        learned=np.ones(len(known), dtype=bool),
        has_image=views.has_image,
        has_text=views.has_text,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
