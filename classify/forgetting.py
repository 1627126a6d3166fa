"""Saved taggers that no longer name a product.

The view of all views remembers products by their ids. A removed one's name goes; what heads learned
from it stays, as in every other head, until the next fit.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path

import numpy as np

from classify.joint_view import JOINT
from core_embeddings.artefact import write_bytes


def forget_products(folder: Path, product_ids: Collection[str]) -> bool:
    """Take the names of products out of a folder of taggers; tell whether it held one.

    Parameters
    ----------
    folder
        As `TaggerSet.save` wrote it.
    product_ids
        Known to the taggers or not.
    """
    path = folder / f"{JOINT}.npz"
    if not path.is_file():
        return False
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    names = arrays["ids"].tolist()
    gone = set(product_ids) & set(names)
    if not gone:
        return False
    # Still unique, and nobody's: what is known of a nameless product is asked for by no id.
    kept = [f"∅{row}" if name in gone else name for row, name in enumerate(names)]
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, "ids": np.array(kept)})
    write_bytes(path, stream.getvalue())
    return True
