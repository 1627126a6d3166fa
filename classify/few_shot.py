"""Which products have a value that only a handful of examples show.

Heads that are fitted to labels learn next to nothing from five rows among thousands. What a value's
products have in common can be guessed from few; how products of one value differ from each other is
known from all the other values. So every value is a normal distribution with its own mean and one
covariance for all (linear discriminant analysis).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, logsumexp

from classify.linear_solver import Floats
from core_embeddings.errors import ConfigError

SHRINK: Final = 0.1
"""Part of the covariance that is replaced by a sphere of the same size."""


def membership(
    rows: Floats, codes: NDArray[np.int64], examples: NDArray[np.int64], *, shrink: float = SHRINK
) -> NDArray[np.float64]:
    """Return the probability that each product has the value that the examples show.

    The mean of few examples lies off the true one, by ``dim / examples`` in squared Mahalanobis
    distance for all products alike; that much is given back, without which five examples find one
    product in five. The value is taken to be as frequent as the median one.

    Parameters
    ----------
    rows
        Features that did not learn from this field, of shape (n_products, dim).
    codes
        Other value of each product, -1 where unknown; those of the examples are passed over.
    examples
        Rows that have the new value.

    Returns
    -------
    ndarray of shape (n_products,)
        From 0 to 1.

    Raises
    ------
    ConfigError
        If there is no example, or no product has another value.
    """
    known = codes >= 0
    known[examples] = False
    if not len(examples) or not known.any():
        raise ConfigError(
            "a new value needs examples, and products of other values to tell it from; got "
            f"{len(examples)} and {int(known.sum())}"
        )
    inner = rows.astype(np.float64)
    _, code, counts = np.unique(codes[known], return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), inner.shape[1]))
    np.add.at(means, code, inner[known])
    means /= counts[:, None]
    factor = cho_factor(_covariance(inner[known] - means[code], len(counts), shrink))
    old = _scores(inner, means, factor) + np.log(counts)
    new = _scores(inner, inner[examples].mean(axis=0)[None], factor)[:, 0]
    new += np.log(np.median(counts)) + (1 - shrink) * inner.shape[1] / (2 * len(examples))
    return np.asarray(expit(new - logsumexp(old, axis=1)))


def _covariance(apart: Floats, values: int, shrink: float) -> Floats:
    within = apart.T @ apart / max(len(apart) - values, 1)
    sphere = max(np.trace(within) / len(within), 1e-12) * np.eye(len(within))
    return (1 - shrink) * within + shrink * sphere


def _scores(rows: Floats, means: Floats, factor: tuple[Floats, bool]) -> Floats:
    """Return log-densities less what all values share, of shape (n_rows, n_means)."""
    weights = cho_solve(factor, means.T)
    return np.asarray(rows @ weights - 0.5 * np.einsum("kd,dk->k", means, weights))
