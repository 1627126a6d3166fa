"""Splits that do not leak: products by duplicate group, interactions by time."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.artefact import digest_bytes
from core_embeddings.cleaning import cell_text, clean_text
from core_embeddings.columns import Columns, written_columns
from core_embeddings.errors import ConfigError

TRAIN, VAL, TEST = PARTS = ("train", "val", "test")
DUP_GROUP = "dup_group"
_SPELLINGS = {"training": TRAIN, "valid": VAL, "validation": VAL, "dev": VAL, "testing": TEST}
_LONGER_THAN_ANY = 1_000_000


def duplicate_groups(products: pd.DataFrame) -> NDArray[np.int64]:
    """Return the duplicate group of each product, of shape (n,), numbered by first appearance.

    Two products are in one group when they share an image digest, the whole of titles and
    descriptions (case, width and white space aside; no text joins nothing), or a value of a
    ``dup_group`` column; and so on transitively.
    """
    parent = list(range(len(products)))
    first: dict[Hashable, int] = {}
    for row, keys in enumerate(_keys(products)):
        for key in keys:
            _join(parent, row, first.setdefault(key, row))
    roots = np.fromiter((_root(parent, row) for row in range(len(parent))), np.int64)
    return pd.factorize(roots)[0].astype(np.int64)


def split_products(
    products: pd.DataFrame,
    *,
    seed: int = 0,
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2),
) -> pd.Series:
    """Return ``train``, ``val`` or ``test`` per product, whole duplicate groups together.

    Groups are ordered by a hash of the seed and their smallest id, then cut by cumulative size: the
    answer does not depend on the order of rows. A ``split`` column wins; its rows without a valid
    value go to ``train``. A ``split`` column without any valid value is something else and is
    passed over.

    Raises
    ------
    ConfigError
        If ``fractions`` are not three shares that sum to 1.
    """
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ConfigError(f"fractions must be three shares that sum to 1; got {fractions!r}")
    given = _given_split(products)
    if given is not None:
        return given
    groups = duplicate_groups(products)
    if not len(groups):
        return pd.Series([], index=products.index, name=Columns.SPLIT, dtype=object)
    names = products[Columns.PRODUCT].astype(str).groupby(groups).min().tolist()
    salt = str(seed).encode()
    order = np.array(sorted(range(len(names)), key=lambda g: digest_bytes(salt, names[g].encode())))
    sizes = np.bincount(groups)[order]
    # The middle of a group decides, so that one huge group does not push all others to one side.
    middle = (np.cumsum(sizes) - sizes / 2) / len(groups)
    part = np.empty(len(order), dtype=np.int64)
    part[order] = np.searchsorted(np.cumsum(fractions)[:2], middle, side="right")
    values = np.array(PARTS, dtype=object)[part[groups]]
    return pd.Series(values, index=products.index, name=Columns.SPLIT, dtype=object)


def time_cut(interactions: pd.DataFrame, *, share: float = 0.2) -> pd.Timestamp | None:
    """Return the first instant of the UTC day from which on about ``share`` of interactions lie.

    Of all days with interactions on both sides the one closest to ``share`` is taken, the earlier
    on a tie. None where no such day exists: no timestamps, or all on one day.

    Raises
    ------
    ConfigError
        If ``share`` is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ConfigError(f"share must lie between 0 and 1; got {share!r}")
    if Columns.TIMESTAMP not in interactions:
        return None
    days = interactions[Columns.TIMESTAMP].dropna().dt.floor("D")
    counts = days.value_counts().sort_index()
    if len(counts) < 2:
        return None
    from_day_on = counts[::-1].cumsum()[::-1] / counts.sum()
    candidates = from_day_on.iloc[1:]
    return candidates.index[int(np.argmin(np.abs(candidates.to_numpy() - share)))]


def before(interactions: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    """Return the rows before the cut; rows without a timestamp are on neither side."""
    return interactions[interactions[Columns.TIMESTAMP] < cut].reset_index(drop=True)


def since(interactions: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    """Return the rows from the cut on; rows without a timestamp are on neither side."""
    return interactions[interactions[Columns.TIMESTAMP] >= cut].reset_index(drop=True)


def _keys(products: pd.DataFrame) -> Iterator[list[Hashable]]:
    blank = [""] * len(products)
    written = written_columns(products.columns)
    texts = zip(*(products.get(name, blank) for name in written), strict=True)
    digests: Iterable[Iterable[str]] = products.get(Columns.IMAGE_DIGEST, [()] * len(products))
    groups = products.get(DUP_GROUP, blank)
    for cells, images, group in zip(texts, digests, groups, strict=True):
        keys: list[Hashable] = [("image", digest) for digest in images]
        folded = tuple(map(_folded, cells))
        if any(folded):
            keys.append(("text", *folded))
        if named := cell_text(group).strip():
            keys.append(("group", named))
        yield keys


def _folded(text: str) -> str:
    cleaned = unicodedata.normalize(
        "NFKC", clean_text(cell_text(text), _LONGER_THAN_ANY)
    ).casefold()
    return "".join(cleaned.split())


def _root(parent: list[int], row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


def _join(parent: list[int], left: int, right: int) -> None:
    low, high = sorted((_root(parent, left), _root(parent, right)))
    parent[high] = low


def _given_split(products: pd.DataFrame) -> pd.Series | None:
    if Columns.SPLIT not in products:
        return None
    cells = [cell_text(cell).strip().lower() for cell in products[Columns.SPLIT]]
    parts = [_SPELLINGS.get(cell, cell) for cell in cells]
    if not any(part in PARTS for part in parts):
        return None
    values = [part if part in PARTS else TRAIN for part in parts]
    return pd.Series(values, index=products.index, name=Columns.SPLIT, dtype=object)
