"""What the taggers are given, checked and made ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from classify.availability import Availability
from classify.joint_view import JOINT, JointView
from classify.linear_solver import Matrix
from classify.modalities import LEXICAL, Mask, view_modality
from classify.rotation import Rotation
from classify.tagger_config import TaggerConfig
from core_embeddings.config import nearest
from core_embeddings.errors import TableError


def check_fields(products: pd.DataFrame, fields: Sequence[str]) -> None:
    """Raise ``TableError`` where a field is no column of the products."""
    for name in fields:
        if name not in products.columns:
            raise TableError(
                f"field {name!r} is no column of the products; "
                f"{nearest(name, list(products.columns))}"
            )


def as_matrix(name: str, X: Any, n_rows: int) -> Matrix:
    """Return a view in float32, dense or CSR; ``TableError`` unless it has that many rows."""
    matrix = (
        sparse.csr_array(X, dtype=np.float32) if sparse.issparse(X) else np.asarray(X, np.float32)
    )
    if matrix.ndim != 2 or matrix.shape[0] != n_rows:
        raise TableError(
            f"view {name!r} must have one row per product, {n_rows}; got shape {matrix.shape}"
        )
    return matrix


def as_in_fit(
    views: Mapping[str, Any], widths: Mapping[str, int], n_rows: int
) -> dict[str, Matrix]:
    """Return the views named in ``widths``, checked, in float32.

    Raises
    ------
    TableError
        If one is missing or has another number of rows or features.
    """
    missing = set(widths) - set(views)
    if missing:
        raise TableError(
            f"these taggers need the views {', '.join(widths)}; "
            f"missing: {', '.join(sorted(missing))}"
        )
    ready = {name: as_matrix(name, views[name], n_rows) for name in widths}
    for name, width in widths.items():
        if ready[name].shape[1] != width:
            raise TableError(
                f"view {name!r} must have {width} features, as in fit; "
                f"got {ready[name].shape[1]}; "
                "use vectors of the embedder these taggers were fitted with"
            )
    return ready


class Learnable(NamedTuple):
    """What heads are fitted on."""

    views: dict[str, Any]
    """With one row per product; the wide ones rotated, ``joint`` as ``JointRows``."""
    rotations: dict[str, Rotation]
    """How, by view."""
    joint: JointView | None
    """What made the view ``joint``."""


def learnable(
    dense: Mapping[str, Matrix],
    lexical: Mapping[str, Matrix],
    ids: NDArray[Any],
    *,
    train: Mask,
    val: Mask,
    available: Availability,
    config: TaggerConfig,
) -> Learnable:
    """Rotate the wide views and add the joint one, as the settings say.

    The joint view knows at most ``joint_rows`` products, evenly spaced among those learned from.

    Parameters
    ----------
    dense, lexical
        Views of all products, as ``as_matrix`` and ``LexicalView.views`` give them.
    ids
        Of all products, of shape (n_products,).
    train, val
        Rows that may be learned from, of shape (n_products,); the directions are those of ``train``
        alone, so that validation rows look as new as others.
    available
        Which modalities each product has.
    config
        Settings.
    """
    rotations = rotations_of(dense, train, available, config.dense_size)
    turned = {name: rotation.apply(dense[name]) for name, rotation in rotations.items()}
    views: dict[str, Any] = {**dense, **turned, **lexical}
    seen = {**dense, **{name: X for name, X in lexical.items() if name == LEXICAL}}
    rows = np.flatnonzero(train | val)
    if not config.joint_rows or not rows.size or len(seen) < 2:
        return Learnable(views, rotations, None)
    spaced = np.linspace(0, len(rows) - 1, min(config.joint_rows, len(rows)))
    known = rows[np.unique(spaced.astype(np.int64))]
    joint = JointView.fit(
        {name: X[known] for name, X in seen.items()},
        rotations,
        ids=ids[known].tolist(),
        gamma=config.joint_gamma,
    )
    views[JOINT] = joint.rows(ids.tolist())
    return Learnable(views, rotations, joint)


def rotations_of(
    dense: Mapping[str, Matrix], learned: Mask, available: Availability, size: int
) -> dict[str, Rotation]:
    """Rotate dense views wider than ``size``, fitted on rows that have the modality."""
    found = {}
    for name, X in dense.items():
        rows = learned & _present(name, available)
        if X.shape[1] > size and not sparse.issparse(X) and rows.sum() > 1:
            found[name] = Rotation.fit(X[rows], size=size)
    return found


def _present(view: str, available: Availability) -> Mask:
    """Return which products have the modality of a view."""
    every = np.ones_like(available.has_text)
    return available._asdict().get(f"has_{view_modality(view)}", every)
