"""One view of all views: how alike a product is to known ones, in everything at once.

Heads on single views add up what picture and text say. Whether a word means one thing beside this
picture and another beside that one, no sum can tell; a kernel of all views together can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cholesky, solve_triangular

from classify.linear_solver import Matrix
from classify.rotation import Rotation
from core_embeddings.errors import ArtefactError

JOINT: Final = "joint"
"""Name of the view."""
JITTER: Final = 1e-3
"""Added to the kernel of a landmark with itself, so that equal products do no harm."""

Floats = NDArray[np.float32]


class Block(NamedTuple):
    """What the kernel sees of one view."""

    mean: Floats
    """Subtracted, of shape (n_features,); zeros where rows are taken as they come."""
    scale: Floats
    """Divided by, of shape (n_features,)."""
    landmarks: Matrix
    """Known products, (n_landmarks, n_features), rows of length 1, or 0 without that modality."""


@dataclass(frozen=True)
class JointView:
    """``k(a, b) = exp(gamma · (mean over views of cosine(a, b) - 1))`` for every landmark b.

    Parameters
    ----------
    blocks
        By name of the view.
    gamma
        The larger, the more alike products must be to tell of each other; > 0.

    References
    ----------
    Williams and Seeger 2001, *Using the Nyström method to speed up kernel machines*.
    """

    blocks: Mapping[str, Block]
    gamma: float

    @classmethod
    def fit(
        cls,
        views: Mapping[str, Matrix],
        present: Mapping[str, NDArray[np.bool_]],
        learned: NDArray[np.bool_],
        *,
        size: int,
        gamma: float,
    ) -> JointView:
        """Take evenly spaced rows of ``learned`` as landmarks.

        Parameters
        ----------
        views
            Matrices with one row per product; dense columns are standardised, sparse ones not.
        present
            By view, which products have its modality.
        learned
            Rows that may be learned from, not all False.
        size
            At most so many landmarks.
        """
        rows = np.flatnonzero(learned)
        chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(size, len(rows))).astype(int))]
        blocks = {}
        for name, X in views.items():
            mean, scale = _units(X[learned & present[name]])
            marks = _unit_rows(X[chosen], mean, scale)
            blocks[name] = Block(mean, scale, marks)
        return cls(blocks, gamma)

    @property
    def size(self) -> int:
        """How many landmarks there are."""
        return int(next(iter(self.blocks.values())).landmarks.shape[0])

    def transform(self, views: Mapping[str, Matrix]) -> Floats:
        """Return the kernel of each product with each landmark, (n_products, n_landmarks)."""
        rows = {
            name: _unit_rows(views[name], block.mean, block.scale)
            for name, block in self.blocks.items()
        }
        return self._kernel(rows)

    @cached_property
    def rotation(self) -> Rotation:
        """Directions in which the landmarks are uncorrelated: heads are fitted there."""
        own = self._kernel({name: block.landmarks for name, block in self.blocks.items()})
        own[np.diag_indices(len(own))] += JITTER
        lower = cholesky(own, lower=True)
        basis = solve_triangular(lower, np.eye(len(own), dtype=np.float32), lower=True).T
        return Rotation(np.zeros(len(own), np.float32), np.ascontiguousarray(basis, np.float32))

    def save(self, folder: Path) -> None:
        """Write ``joint.npz``."""
        arrays: dict[str, NDArray[Any]] = {"gamma": np.array(self.gamma)}
        for name, block in self.blocks.items():
            arrays |= {f"{name}.mean": block.mean, f"{name}.scale": block.scale}
            marks = block.landmarks
            if sparse.issparse(marks):
                arrays |= {
                    f"{name}.{key}": getattr(marks, key) for key in ("data", "indices", "indptr")
                }
            else:
                arrays[f"{name}.landmarks"] = marks
        np.savez(folder / "joint.npz", **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, folder: Path) -> JointView:
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
            names = [name.removesuffix(".mean") for name in arrays if name.endswith(".mean")]
            blocks = {name: _block(name, arrays) for name in names}
            return cls(blocks, float(arrays["gamma"]))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise ArtefactError(f"{path} cannot be read ({error}); run the fit again") from None

    def _kernel(self, rows: Mapping[str, Matrix]) -> Floats:
        total: Any = 0
        for name, block in self.blocks.items():
            cosines = rows[name] @ block.landmarks.T
            total = total + (cosines.toarray() if sparse.issparse(cosines) else cosines)
        total = total / len(self.blocks)
        return np.asarray(np.exp(self.gamma * (total - 1)), dtype=np.float32)


def _block(name: str, arrays: Mapping[str, NDArray[Any]]) -> Block:
    mean, scale = arrays[f"{name}.mean"], arrays[f"{name}.scale"]
    if f"{name}.landmarks" in arrays:
        return Block(mean, scale, arrays[f"{name}.landmarks"])
    parts = tuple(arrays[f"{name}.{key}"] for key in ("data", "indices", "indptr"))
    shape = (len(parts[2]) - 1, len(mean))
    return Block(mean, scale, sparse.csr_array(parts, shape=shape))


def _units(X: Matrix) -> tuple[Floats, Floats]:
    width = X.shape[1]
    if sparse.issparse(X) or not len(X):
        return np.zeros(width, np.float32), np.ones(width, np.float32)
    deviation = X.std(axis=0, dtype=np.float64)
    mean = X.mean(axis=0, dtype=np.float64)
    tiny = 10 * np.finfo(np.float32).eps * np.maximum(np.abs(mean), 1e-12)
    scale = np.where(deviation > tiny, deviation, 1.0)
    return mean.astype(np.float32), scale.astype(np.float32)


def _unit_rows(X: Matrix, mean: Floats, scale: Floats) -> Matrix:
    """Return standardised rows of length 1; a row of zeros, which is no product's, stays so."""
    if sparse.issparse(X):
        return X
    known = np.any(X != 0, axis=1, keepdims=True)
    rows = np.where(known, (X - mean) / scale, 0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
