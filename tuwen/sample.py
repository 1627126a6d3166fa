"""The sample shop: catalogue, log and queries whose right answers follow from how they were built.

``truth.json`` beside the tables tells what was planted, for tests and for the curious; no command
reads it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core_embeddings.artefact import new_folder, write_json
from core_embeddings.columns import Columns
from core_embeddings.errors import ArtefactError, ConfigError
from core_embeddings.seeding import numpy_generator
from tuwen.sample_dirt import DIRT, Dirt, payload_bytes, spoil
from tuwen.sample_products import ATTRIBUTES, Product, plan_products
from tuwen.sample_queries import Searches, plan_queries
from tuwen.sample_render import Look, render, to_bytes
from tuwen.sample_shoppers import Log, plan_log
from tuwen.sample_taxonomy import TASTES

TRUTH = "truth.json"


@dataclass(frozen=True)
class SampleSummary:
    """What was written and how much; ``products`` are the good rows, dirty ones come on top."""

    folder: Path
    products: int
    dirty_products: int
    near_duplicates: int
    users: int
    interactions: int
    dirty_interactions: int
    queries: int
    judgements: int
    images: int


@dataclass(frozen=True)
class _Row:
    """One row of the table: a product, and what was planted in it, if anything."""

    product: Product
    dirt: Dirt | None = None


def write_sample(
    out: Path, *, products: int = 600, users: int = 300, seed: int = 0
) -> SampleSummary:
    """Write the sample's tables, pictures and truth; equal arguments give equal bytes.

    Parameters
    ----------
    out
        Folder to write; absent, empty, or an older sample, which is replaced.
    products
        Number of good products, at least 20; dirty rows come on top.
    users
        Number of shoppers, at least 1.
    seed
        Not negative.

    Raises
    ------
    ConfigError
        If a number is out of range.
    ArtefactError
        If ``out`` holds something else than a sample.
    """
    for name, value, least in (("products", products, 20), ("users", users, 1), ("seed", seed, 0)):
        if value < least:
            raise ConfigError(f"{name} must be at least {least}; got {value}; give a larger one")
    target = out.resolve()
    _check_free(target)
    makers = numpy_generator(seed).spawn(6)
    good = plan_products(products, makers[0])
    spoilt = plan_products(len(DIRT), makers[1], prefix="X", plain=True)
    rows = _interleave(good, spoilt, makers[2])
    kept = [row.product for row in rows if row.dirt is None or row.dirt.stays]
    log = plan_log(kept, users, makers[3])
    searches = plan_queries(kept, makers[4])
    with new_folder(target) as folder:
        images = _write_images(folder, rows, searches, makers[5])
        _write_tables(folder, rows, log, searches)
        write_json(folder / TRUTH, _truth(seed, rows, log))
    return SampleSummary(
        folder=target,
        products=products,
        dirty_products=len(DIRT),
        near_duplicates=sum(bool(product.copy_of) for product in good),
        users=users,
        interactions=len(log.rows) - len(log.dirty),
        dirty_interactions=len(log.dirty),
        queries=searches.rows[Columns.QUERY_ID].nunique(),
        judgements=len(searches.rows),
        images=images,
    )


def _check_free(target: Path) -> None:
    if not target.exists() or (target / TRUTH).is_file():
        return
    if not target.is_dir() or any(target.iterdir()):
        raise ArtefactError(
            f"{target} should be absent, empty or an older sample; it holds something else; "
            "name another --out"
        )


def _interleave(
    good: list[Product], spoilt: list[Product], generator: np.random.Generator
) -> list[_Row]:
    """Return all rows; the first is good, so that an earlier row has the duplicated id."""
    rows = [_Row(product) for product in good]
    for product, dirt in zip(spoilt, DIRT, strict=True):
        rows.insert(int(generator.integers(1, len(rows) + 1)), _Row(product, dirt))
    return rows


def _write_images(
    folder: Path, rows: list[_Row], searches: Searches, generator: np.random.Generator
) -> int:
    """Write every picture; return how many files."""
    (folder / "images" / "queries").mkdir(parents=True)
    files: dict[str, bytes] = {}
    shots = [(path, row.product.design.look) for row in rows for path in row.product.pictures]
    shots += [(picture.path, picture.look) for picture in searches.pictures]
    for (path, look), maker in zip(shots, generator.spawn(len(shots)), strict=True):
        files[path] = _photograph(path, look, maker)
    first = {row.product.product_id: row.product.pictures for row in rows}
    for row in rows:
        if row.product.same_picture:
            files[row.product.pictures[0]] = files[first[row.product.copy_of][0]]
        if row.dirt is not None and row.dirt.image is not None:
            picture = files.pop(row.product.pictures[0])
            files |= _bad_file(row.product, row.dirt, picture)
    for path, content in files.items():
        (folder / path).write_bytes(content)
    return len(files)


def _photograph(path: str, look: Look, generator: np.random.Generator) -> bytes:
    return to_bytes(render(look, generator), Path(path).suffix)


def _bad_file(product: Product, dirt: Dirt, picture: bytes) -> dict[str, bytes]:
    if not dirt.payload or dirt.image is None:
        return {}
    return {dirt.image.format(product.product_id): payload_bytes(dirt.payload, picture)}


def _write_tables(folder: Path, rows: list[_Row], log: Log, searches: Searches) -> None:
    first = rows[0].product.product_id
    cells = [
        row.product.cells() if row.dirt is None else spoil(row.product, row.dirt, first_id=first)
        for row in rows
    ]
    tables = {
        "catalogue": pd.DataFrame(cells),
        "interactions": log.rows,
        "queries": searches.rows,
    }
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)


def _truth(seed: int, rows: list[_Row], log: Log) -> dict[str, Any]:
    """Return what was planted, by kind, as JSON-able values."""
    good = [row.product for row in rows if row.dirt is None]
    kept = [row.product for row in rows if row.dirt is None or row.dirt.stays]
    return {
        "seed": seed,
        "designs": {product.product_id: _design_truth(product) for product in kept},
        "dirty_products": [
            {
                Columns.ROW: number,
                Columns.PRODUCT: row.product.product_id,
                "kind": row.dirt.kind,
                Columns.COLUMN: row.dirt.column,
                "outcome": row.dirt.outcome,
            }
            for number, row in enumerate(rows, start=1)
            if row.dirt is not None
        ],
        "near_duplicates": [
            {
                Columns.PRODUCT: product.product_id,
                "copy_of": product.copy_of,
                "same_picture": product.same_picture,
            }
            for product in good
            if product.copy_of
        ],
        "missing_text": [product.product_id for product in good if not product.title],
        "missing_image": [product.product_id for product in good if not product.pictures],
        "blank_cells": {
            product.product_id: list(product.blank) for product in good if product.blank
        },
        "tastes": [asdict(taste) for taste in TASTES],
        "user_tastes": {user: list(names) for user, names in log.tastes.items()},
        "never_met": log.cold,
        "launched_late": log.late,
        "dirty_interactions": log.dirty,
    }


def _design_truth(product: Product) -> dict[str, Any]:
    design = product.design
    return {
        "leaf": design.leaf.term.name,
        "shape": design.leaf.shape,
        **{name: design.value(name) for name in ATTRIBUTES},
        Columns.BRAND: design.brand.en,
        "model": design.model,
        "price": design.price,
        "language": product.language if product.title else "",
        "only_in_text": [name for name in ("material", "season") if name in product.said],
        "only_in_image": [name for name in ("color", "pattern") if name not in product.said],
    }
