"""What ``tuwen check`` finds: problems, fields, languages and holes of the tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core_embeddings.columns import RESERVED, TEXT_COLUMNS, Columns
from tuwen.loading import TableOptions

if TYPE_CHECKING:
    import pandas as pd

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


def check_tables(
    catalogue: str, interactions: str | Path | None, options: TableOptions
) -> dict[str, Any]:
    """Read the tables and describe them; rejected rows are written where ``options`` say.

    Returns
    -------
    dict
        JSON-able: ``products``, ``rejected``, ``problems`` (count per reason), ``taggable_fields``
        (distinct values per field), ``numeric_fields``, ``languages`` and ``missing`` (shares), and
        with interactions their own counts.
    """
    import pandas as pd

    from core_embeddings.missing_text import written_texts
    from core_embeddings.tables import (
        numeric_fields,
        read_catalogue,
        read_interactions,
        taggable_fields,
        write_table,
    )

    loaded = read_catalogue(
        catalogue,
        images=options.images,
        columns=options.columns,
        allow_url_images=options.allow_url_images,
        max_pixels=options.max_pixels,
    )
    products, rejects = loaded.rows, loaded.rejects
    found: dict[str, Any] = {}
    if interactions is not None:
        log = read_interactions(
            interactions, known_products=products[Columns.PRODUCT], columns=options.columns
        )
        found["interactions"] = describe_log(log.rows) | {"rejected": len(log.rejects)}
        rejects = pd.concat([rejects, log.rejects], ignore_index=True)
    if options.rejects is not None:
        write_table(rejects, options.rejects)
    return {
        "catalogue": str(catalogue),
        "products": len(products),
        "rejected": len(rejects),
        "problems": rejects[Columns.REASON].value_counts().to_dict(),
        "taggable_fields": {n: distinct(products[n]) for n in taggable_fields(products)},
        "numeric_fields": numeric_fields(products),
        "languages": language_mix(written_texts(products)),
        "missing": missing_shares(products),
        **found,
    }


def distinct(column: pd.Series) -> int:
    """Count the different values of a text column, "" not being one."""
    return int(column[column != ""].nunique())


def language_mix(texts: Iterable[str]) -> dict[str, float]:
    """Return the share of texts by script: chinese, latin, both, other, none."""
    kinds = [script_of(text) for text in texts]
    names = ("chinese", "latin", "both", "other", "none")
    return {n: kinds.count(n) / len(kinds) for n in names if n in kinds}


def script_of(text: str) -> str:
    """Name the script a text is written in."""
    if not text.strip():
        return "none"
    han, latin = bool(_HAN.search(text)), bool(_LATIN.search(text))
    if han and latin:
        return "both"
    return "chinese" if han else "latin" if latin else "other"


def missing_shares(products: pd.DataFrame) -> dict[str, float]:
    """Return the share of products without a value, per column a user gave."""
    names = [*TEXT_COLUMNS, Columns.IMAGE, *(n for n in products if n not in RESERVED)]
    return {str(n): float(np.mean([is_missing(v) for v in products[n]])) for n in names}


def is_missing(value: Any) -> bool:
    """Tell whether a cell of a clean table holds nothing."""
    return (isinstance(value, str | tuple) and not value) or bool(value != value)


def describe_log(log: pd.DataFrame) -> dict[str, int]:
    """Count rows, users, products and dated rows of an interactions table."""
    return {
        "rows": len(log),
        "users": int(log[Columns.USER].nunique()),
        "products": int(log[Columns.PRODUCT].nunique()),
        "dated": int(log[Columns.TIMESTAMP].notna().sum()),
    }
