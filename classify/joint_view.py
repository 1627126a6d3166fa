"""One view of all views: how alike a product is to known ones, in everything at once.

Heads on single views add up what picture and text say, value by value. Whether a word means one
thing beside this picture and another beside that one, no sum can tell, and none remembers a single
product; a kernel over all views does both.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from classify.linear_solver import Matrix
from classify.rotation import Rotation
from core_embeddings.errors import ArtefactError

JOINT: Final = "joint"
"""Name of the view."""
_SPARSE: Final = ("data", "indices", "indptr")
_HEADS: Final = ("known", "data")
"""Of the names of arrays that every block has one of."""

Floats = NDArray[np.float32]


class Block(NamedTuple):
    """What the kernel sees of one view."""

    rotation: Rotation | None
    """Applied first, where the view is wide."""
    known: Matrix
    """The known products, rows of length 1, or of zeros without that modality."""


class JointRows(NamedTuple):
    """The kernel between known products, by their rows in a table."""

    kernel: Floats
    """Of shape (n_known, n_known)."""
    place: NDArray[np.int64]
    """Which of them each product of the table is, -1 where none, of shape (n_products,)."""


@dataclass(frozen=True)
class JointView:
    """``k(a, b) = exp(gamma · (mean over views of cosine(a, b) - 1))`` for every known product b.

    Parameters
    ----------
    blocks
        By name of the view.
    ids
        Of the known products, unique.
    gamma
        The larger, the more alike products must be to tell of each other; > 0.
    """

    blocks: Mapping[str, Block]
    ids: tuple[str, ...]
    gamma: float

    @classmethod
    def fit(
        cls,
        views: Mapping[str, Matrix],
        rotations: Mapping[str, Rotation],
        *,
        ids: Sequence[str],
        gamma: float,
    ) -> Self:
        """Remember products.

        Parameters
        ----------
        views
            Their rows in each view, dense or sparse.
        rotations
            Of the wide views.
        ids, gamma
            See the class.
        """
        blocks = {}
        for name, X in views.items():
            rows = _unit_rows(X, rotations.get(name))
            # Half precision is all that is stored, so it is all that is learned from.
            known = rows if sparse.issparse(rows) else rows.astype(np.float16).astype(np.float32)
            blocks[name] = Block(rotations.get(name), known)
        return cls(blocks, tuple(ids), gamma)

    def with_more(self, views: Mapping[str, Matrix], ids: Sequence[str]) -> JointView:
        """Return the view that knows further products, after those it knew."""
        rotations = {n: b.rotation for n, b in self.blocks.items() if b.rotation is not None}
        own = {name: views[name] for name in self.blocks}
        more = JointView.fit(own, rotations, ids=ids, gamma=self.gamma)
        blocks = {}
        for name, block in self.blocks.items():
            pair = [block.known, more.blocks[name].known]
            known = sparse.vstack(pair, "csr") if sparse.issparse(pair[0]) else np.vstack(pair)
            blocks[name] = Block(block.rotation, known)
        return JointView(blocks, self.ids + more.ids, self.gamma)

    def transform(self, views: Mapping[str, Matrix]) -> Floats:
        """Return the kernel of each product with each known one, (n_products, n_known)."""
        return self._kernel({n: _unit_rows(views[n], b.rotation) for n, b in self.blocks.items()})

    def rows(self, ids: Sequence[str]) -> JointRows:
        """Return the known products as rows of a table with these ids."""
        place = {name: at for at, name in enumerate(self.ids)}
        return JointRows(self._own, np.array([place.get(name, -1) for name in ids], np.int64))

    def save(self, folder: Path) -> None:
        """Write ``joint.npz``."""
        arrays: dict[str, NDArray[Any]] = {"gamma": np.array(self.gamma), "ids": np.array(self.ids)}
        for name, (rotation, known) in self.blocks.items():
            if rotation is not None:
                arrays |= {f"mean.{name}": rotation.mean, f"basis.{name}": rotation.basis}
            if sparse.issparse(known):
                arrays |= {f"{key}.{name}": getattr(known, key) for key in _SPARSE}
                arrays[f"width.{name}"] = np.array(known.shape[1])
            else:
                arrays[f"known.{name}"] = known.astype(np.float16)
        np.savez(folder / "joint.npz", **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Raises
        ------
        ArtefactError
            If the file is missing or damaged.
        """
        path = folder / "joint.npz"
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            keys = [name.partition(".") for name in arrays]
            blocks = {view: _block(view, arrays) for key, _, view in keys if key in _HEADS}
            return cls(blocks, tuple(arrays["ids"].tolist()), float(arrays["gamma"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ArtefactError(f"{path} cannot be read ({error}); run the fit again") from None

    @cached_property
    def _own(self) -> Floats:
        return self._kernel({name: block.known for name, block in self.blocks.items()})

    def _kernel(self, rows: Mapping[str, Matrix]) -> Floats:
        count = next(iter(rows.values())).shape[0]
        total = np.full((count, len(self.ids)), -len(self.blocks), dtype=np.float32)
        for name, block in self.blocks.items():
            cosines = rows[name] @ block.known.T
            total += cosines.toarray() if sparse.issparse(cosines) else cosines
        total *= np.float32(self.gamma / len(self.blocks))
        return np.exp(total, out=total)


def _block(name: str, arrays: Mapping[str, NDArray[Any]]) -> Block:
    rotation = None
    if f"mean.{name}" in arrays:
        rotation = Rotation(arrays[f"mean.{name}"], arrays[f"basis.{name}"])
    if f"known.{name}" in arrays:
        return Block(rotation, arrays[f"known.{name}"].astype(np.float32))
    parts = tuple(arrays[f"{key}.{name}"] for key in _SPARSE)
    shape = (len(parts[2]) - 1, int(arrays[f"width.{name}"]))
    return Block(rotation, sparse.csr_array(parts, shape=shape))


def _unit_rows(X: Matrix, rotation: Rotation | None) -> Matrix:
    """Return rotated rows of length 1; a row of zeros, which is no product's, stays so."""
    if sparse.issparse(X):  # TF-IDF rows are so already
        return X
    rows = X if rotation is None else rotation.apply(X) * np.any(X != 0, axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)
