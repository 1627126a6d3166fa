"""Matrix factorisation of implicit feedback: a factor per user and product, newcomers too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recommend.config import RecommenderConfig


class Factors(NamedTuple):
    """Two float32 matrices whose products of rows are scores.

    users: of shape (n_users, factors); items: of shape (n_products, factors).
    """

    users: NDArray[np.float32]
    items: NDArray[np.float32]


def fit_factors(
    strength: sparse.csr_matrix,
    config: RecommenderConfig,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Factors:
    """Factorise who met what.

    Parameters
    ----------
    strength
        CSR of shape (n_users, n_products).
    config
        ``factors``, ``iterations``, ``regularization``, ``alpha`` and ``threads`` are used.
    seed
        Two fits with one seed, one matrix and one machine are equal.
    progress
        Called with (iterations done, iterations).

    References
    ----------
    Hu, Koren, Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008;
    Takács, Pilászy, Tikk, "Applications of the conjugate gradient method for implicit feedback",
    RecSys 2011.
    """
    if not strength.nnz:
        zero = [np.zeros((side, config.factors), dtype=np.float32) for side in strength.shape]
        return Factors(*zero)
    from threadpoolctl import threadpool_limits

    model = _model(config, seed)

    def report(iteration: int, *_: Any) -> None:
        if progress is not None:
            progress(iteration + 1, config.iterations)

    # BLAS threads inside implicit's own threads are ten times slower.
    with threadpool_limits(1, "blas"):
        model.fit(sparse.csr_matrix(strength), show_progress=False, callback=report)
    items = np.array(model.item_factors, dtype=np.float32)
    items[np.bincount(strength.indices, minlength=strength.shape[1]) == 0] = 0
    return Factors(np.array(model.user_factors, dtype=np.float32), items)


def fold_in(
    items: NDArray[np.float32], strength: sparse.csr_matrix, config: RecommenderConfig
) -> NDArray[np.float32]:
    """Return the factors of users who came after the fit, of shape (n_users, factors).

    One least-squares step against fixed item factors: exactly what the fit's last half-step does
    for its own users.
    """
    if not strength.nnz or not items.any():
        return np.zeros((strength.shape[0], items.shape[1]), dtype=np.float32)
    from threadpoolctl import threadpool_limits

    model = _model(config, 0)
    model.item_factors = items
    model.user_factors = np.zeros((strength.shape[0], items.shape[1]), dtype=np.float32)
    with threadpool_limits(1, "blas"):
        rows = np.arange(strength.shape[0])
        return np.asarray(model.recalculate_user(rows, sparse.csr_matrix(strength)), np.float32)


def cold_item_factors(
    items: NDArray[np.float32],
    met: NDArray[np.bool_],
    vectors: NDArray[np.float32],
    *,
    regularization: float,
) -> NDArray[np.float32]:
    """Return item factors where products that nobody met get theirs from their content vector.

    A ridge regression from vector to factor is learned on the products that were met (Gantner et
    al., "Learning attribute-to-feature mappings for cold-start recommendations", ICDM 2010).

    Parameters
    ----------
    items
        Of shape (n_products, factors).
    met
        Of shape (n_products,): whose factor was learned.
    vectors
        Of shape (n_products, dim).
    regularization
        Ridge penalty, relative to the number of products met.
    """
    if not met.any() or met.all():
        return items
    known = vectors[met].astype(np.float64)
    centre, target = known.mean(axis=0), items[met].mean(axis=0, dtype=np.float64)
    spread = known - centre
    gram = spread.T @ spread + max(regularization, 1e-6) * np.eye(known.shape[1])
    slope = np.linalg.solve(gram, spread.T @ (items[met] - target))
    filled = items.copy()
    filled[~met] = ((vectors[~met] - centre) @ slope + target).astype(np.float32)
    return filled


def _model(config: RecommenderConfig, seed: int) -> Any:
    # The class itself: `implicit.als.AlternatingLeastSquares` is a factory that may look for a GPU.
    from implicit.cpu.als import AlternatingLeastSquares

    return AlternatingLeastSquares(
        factors=config.factors,
        iterations=config.iterations,
        regularization=config.regularization,
        alpha=config.alpha,
        random_state=seed,
        num_threads=config.threads,
    )
