"""Support-vector machine head."""

from __future__ import annotations

from typing import ClassVar

from classify.linear_solver import Loss
from classify.linear_tagger import LinearTagger


class SVMTagger(LinearTagger):
    """Linear SVM, one class against the rest, squared hinge, with calibrated confidence.

    Probabilities are ``softmax(margins / temperature_)``: with ``calibrate=False`` they only rank.
    Parameters and attributes are those of ``LinearTagger``.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [0.1], [1.0], [1.1]])
    >>> SVMTagger().fit(X, ["low", "low", "high", "high"]).predict([[0.05], [1.05]]).tolist()
    ['low', 'high']
    """

    _loss: ClassVar[Loss] = "squared_hinge"
