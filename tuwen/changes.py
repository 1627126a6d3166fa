"""Keeping a shop current without a refit: add, remove, forget; what goes is gone from disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from classify.forgetting import forget_products
from core_embeddings.cleaning import parse_number, text_cells
from core_embeddings.columns import Columns, is_attribute
from core_embeddings.embedding import embed_products
from core_embeddings.errors import TuwenError
from core_embeddings.vector_table import VectorTable
from tuwen.catalogue import stacked
from tuwen.corrections import said
from tuwen.loading import Note, silent
from tuwen.shop import Shop
from tuwen.shop_state import TAGGERS

if TYPE_CHECKING:
    import pandas as pd

    from recommend.hybrid import HybridRecommender

REJECTS = "rejects.parquet"


def add_products(shop: Shop, products: pd.DataFrame, *, note: Note = silent) -> tuple[int, int]:
    """Embed products and list them at once in search and, as cold items, in recommendations.

    A product the shop already holds is replaced; what humans corrected in it stays corrected.
    ``note`` is told which values are left out, as the shop keeps numbers there.

    Returns
    -------
    tuple
        How many are new, and how many replaced one.
    """
    held, stored, log = shop.catalogue(), shop.vectors(), shop.corrections()
    told = _like(products, held, note)
    products = said(told, log.final())
    fresh = embed_products(shop.embedder(), products, "fused")
    keep = ~held[Columns.PRODUCT].isin(products[Columns.PRODUCT]).to_numpy()
    whole = stacked(held[keep], products)
    order = np.argsort(whole[Columns.PRODUCT].to_numpy(dtype=str), kind="stable")
    merged = VectorTable(
        whole[Columns.PRODUCT].iloc[order].tolist(),
        np.vstack([stored.vectors[keep], fresh.vectors])[order],
        np.concatenate([stored.has_image[keep], fresh.has_image])[order],
        np.concatenate([stored.has_text[keep], fresh.has_text])[order],
        stored.fingerprint,
    )
    # First: a kill in between must leave no vector of other texts for an undo to put back.
    log.forget_vectors(products[Columns.PRODUCT].tolist())
    _write(shop, whole.iloc[order].reset_index(drop=True), merged)
    log.rebase(told)
    replaced = len(held) - int(keep.sum())
    return len(products) - replaced, replaced


def remove_products(shop: Shop, product_ids: Sequence[str]) -> int:
    """Take products out of everything the shop holds, files included; return how many went.

    Raises
    ------
    TuwenError
        If one is unknown (nothing is removed then), or none would be left.
    """
    held, stored = shop.catalogue(), shop.vectors()
    unknown = sorted(set(product_ids) - set(held[Columns.PRODUCT]))
    if unknown:
        raise TuwenError(
            f"the shop holds no product {', '.join(map(repr, unknown[:5]))}; nothing was removed"
        )
    keep = ~held[Columns.PRODUCT].isin(list(product_ids)).to_numpy()
    if not keep.any():
        raise TuwenError("that would remove every product; delete the shop folder instead")
    left = VectorTable(
        held[Columns.PRODUCT][keep].tolist(),
        stored.vectors[keep],
        stored.has_image[keep],
        stored.has_text[keep],
        stored.fingerprint,
    )
    # The catalogue last: after a kill in between, the same command takes out the rest.
    _clean_rejects(shop, product_ids)
    shop.corrections().forget(product_ids)
    for folder in shop.root.glob(f".{TAGGERS}*"):  # half-written ones
        shutil.rmtree(folder)
    for folder in shop.root.glob(f"{TAGGERS}*"):  # those that are kept for an undo, too
        forget_products(folder, product_ids)
    _write(shop, held[keep].reset_index(drop=True), left)
    return int((~keep).sum())


def forget_users(shop: Shop, users: Sequence[str]) -> int:
    """Remove users from the recommender, files included; return how many were known.

    A user the shop does not know is no error: after it, the shop knows nothing of them either way.
    """
    recommender = shop.recommender()
    known = recommender.forget(list(users))
    _save_recommender(shop, recommender)
    _clean_rejects(shop, users)
    return known


def _write(shop: Shop, products: pd.DataFrame, vectors: VectorTable) -> None:
    """Swap the products folder in, and bring the recommender to the same products."""
    recommender = shop.recommender() if shop.has_recommender else None
    shop.write_products(products, vectors)
    if recommender is not None:
        recommender.align(vectors.product_ids, vectors.vectors)
        _save_recommender(shop, recommender)


def _save_recommender(shop: Shop, recommender: HybridRecommender) -> None:
    recommender.save_pretrained(shop.path("recommender"), shop.state.fingerprint)


def _like(products: pd.DataFrame, held: pd.DataFrame, note: Note) -> pd.DataFrame:
    """Give new products the catalogue's columns, of its types; their own extra columns stay."""
    frame = products.copy()
    for name in held:
        number = held[name].dtype.kind in "fi"
        if name not in frame:
            frame[name] = np.nan if number else ""
        elif is_attribute(name) and number != (frame[name].dtype.kind in "fi"):
            cells = text_cells(frame[name])
            parsed = [parse_number(cell) for cell in cells]
            bad = sum(value is None for value in parsed)
            if number and bad:
                note(f"{name}: the shop keeps numbers; left out {bad} values that are none")
            frame[name] = np.array(parsed, dtype=np.float64) if number else cells
    return frame


def _clean_rejects(shop: Shop, names: Collection[str]) -> None:
    """Drop the rejects that name a product or a user, be it within a broken line."""
    import pandas as pd

    from core_embeddings.tables import write_table

    path, escaped = shop.path(REJECTS), "|".join(map(re.escape, filter(None, names)))
    if not path.exists() or not escaped:
        return
    rejects = pd.read_parquet(path)
    named = pd.Series(False, index=rejects.index)
    for column in (Columns.PRODUCT, Columns.VALUE):
        named |= rejects[column].str.contains(rf"(?<!\w)(?:{escaped})(?!\w)", regex=True)
    write_table(rejects[~named].reset_index(drop=True), path)
