"""Limited-memory BFGS for large smooth convex problems, in the precision of its start.

SciPy's L-BFGS-B works in float64 and handles bounds we do not have; with a million unknowns that
bookkeeping takes several times as long as the objective itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import get_blas_funcs

Floats = NDArray[Any]
Objective = Callable[[Floats], tuple[float, Floats]]

SUFFICIENT_DECREASE = 1e-4
MAX_HALVINGS = 20
QUIET_STEPS = 2
"""So many small steps in a row mean the end: one alone may be an unlucky line search."""


class Minimum(NamedTuple):
    """Where the search ended."""

    x: Floats
    value: float
    iterations: int


class _Pair(NamedTuple):
    step: Floats
    change: Floats
    curvature: float


def minimize_lbfgs(
    objective: Objective, start: Floats, *, max_iter: int, tol: float, memory: int = 8
) -> Minimum:
    """Minimise a smooth convex function.

    Parameters
    ----------
    objective
        Gives value and gradient at a point; the gradient must be a new array each time.
    start
        First point, of shape (n,), float32 or float64.
    max_iter, tol
        Stop after so many steps, or when two steps in a row lower the value by less than ``tol`` of
        itself.
    memory
        Pairs of steps remembered.

    References
    ----------
    Nocedal and Wright 2006, *Numerical Optimization*, algorithm 7.4, with a backtracking line
    search.
    """
    x, pairs = start, deque[_Pair](maxlen=memory)
    value, gradient = objective(x)
    quiet = 0
    for iteration in range(1, max_iter + 1):
        direction = _direction(gradient, pairs)
        slope = float(gradient @ direction)
        if not slope < 0:
            return Minimum(x, value, iteration)
        found = _search(objective, x, value, direction, slope)
        if found is None:
            return Minimum(x, value, iteration)
        step, new_value, new_gradient = found
        _remember(pairs, step, new_gradient - gradient)
        quiet = quiet + 1 if value - new_value <= tol * abs(new_value) else 0
        x, value, gradient = x + step, new_value, new_gradient
        if quiet == QUIET_STEPS:
            return Minimum(x, value, iteration)
    return Minimum(x, value, max_iter)


def _direction(gradient: Floats, pairs: deque[_Pair]) -> Floats:
    """Apply the inverse Hessian estimate to the gradient: the two loops of algorithm 7.4."""
    dot, axpy = get_blas_funcs(("dot", "axpy"), (gradient,))
    direction = -gradient
    if not pairs:
        return direction / max(float(np.sqrt(dot(gradient, gradient))), 1.0)
    factors = []
    for pair in reversed(pairs):
        factors.append(float(dot(pair.step, direction)) / pair.curvature)
        direction = axpy(pair.change, direction, a=-factors[-1])
    newest = pairs[-1]
    direction *= newest.curvature / float(dot(newest.change, newest.change))
    for pair, factor in zip(pairs, reversed(factors), strict=True):
        beta = float(dot(pair.change, direction)) / pair.curvature
        direction = axpy(pair.step, direction, a=factor - beta)
    return direction


def _search(
    objective: Objective, x: Floats, value: float, direction: Floats, slope: float
) -> tuple[Floats, float, Floats] | None:
    """Shorten the step, parabola by parabola, until the value falls enough; None: no way down."""
    length = 1.0
    for _ in range(MAX_HALVINGS):
        step = direction * direction.dtype.type(length)
        new_value, new_gradient = objective(x + step)
        if new_value <= value + SUFFICIENT_DECREASE * length * slope:
            return step, new_value, new_gradient
        bend = 2 * (new_value - value - slope * length)
        guess = -slope * length**2 / bend if np.isfinite(bend) and bend > 0 else 0.0
        length = float(np.clip(guess, 0.1 * length, 0.5 * length))
    return None


def _remember(pairs: deque[_Pair], step: Floats, change: Floats) -> None:
    """Keep a pair only if it bends upwards; others would spoil the Hessian estimate."""
    curvature = float(step @ change)
    if curvature > np.finfo(step.dtype).eps * float(change @ change):
        pairs.append(_Pair(step, change, curvature))
