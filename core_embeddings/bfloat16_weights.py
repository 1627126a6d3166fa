"""Weights rounded to bfloat16 so that a layer's output stays: errors make up for each other.

Rounding every weight to the nearest of its 8 bits is best for the weight and not for the layer.
On a product photo most pixels are one white plane, where a filter's inputs are always the same:
the errors of its weights add up to one number, everywhere the same, which no mean over the area
removes. Every weight has two neighbours, though, and small weights have fine ones, so the errors
can be chosen to cancel on what the layer really sees.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_DAMPING: Final = 1e-4  # share of the mean second moment: what was never seen is not free


def nearest_bfloat16(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the nearest numbers that bfloat16 has, ties to even.

    >>> nearest_bfloat16(np.array([1.0, 1.003, 1.005], np.float32)).tolist()
    [1.0, 1.0, 1.0078125]
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (rounded & np.uint32(0xFFFF0000)).view(np.float32)


def round_to_bfloat16(
    weights: NDArray[np.float32], moments: NDArray[np.float32], *, sweeps: int = 1
) -> NDArray[np.float32]:
    """Round the weights of a linear layer so that the mean square of its output's error is small.

    Coordinate descent: weight after weight takes the number of bfloat16 that is best given all
    others, those with the largest inputs first.

    Parameters
    ----------
    weights
        Of shape (rows, columns): one row per output.
    moments
        Mean products of the inputs E[x xᵀ], (columns, columns), or one such matrix per row.
    sweeps
        How often every weight is looked at; a second time gains little.

    Returns
    -------
    numpy.ndarray
        float32 of the same shape, every value exact in bfloat16.

    References
    ----------
    Nagel et al.: Up or Down? Adaptive Rounding for Post-Training Quantization. ICML 2020.
    Frantar et al.: GPTQ. ICLR 2023.
    """
    columns = weights.shape[1]
    diagonal = np.diagonal(moments, axis1=-2, axis2=-1)  # (columns,) or (rows, columns)
    squares = diagonal + _DAMPING * diagonal.mean(axis=-1, keepdims=True) + np.float32(1e-9)
    result = nearest_bfloat16(weights)
    error = result - weights
    pull = _products(error, moments) + error * (squares - diagonal)
    order = np.argsort(-squares.reshape(-1, columns).mean(axis=0), kind="stable")
    for column in np.tile(order, sweeps).tolist():
        wanted = result[:, column] - pull[:, column] / squares[..., column]
        better = nearest_bfloat16(wanted)
        step = better - result[:, column]
        result[:, column] = better
        pull += step[:, None] * moments[..., column, :]
        pull[:, column] += step * (squares - diagonal)[..., column]
    return result


def _products(error: NDArray[np.float32], moments: NDArray[np.float32]) -> NDArray[np.float32]:
    if moments.ndim == 2:
        return error @ moments
    return np.matmul(error[:, None], moments)[:, 0]
