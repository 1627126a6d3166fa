"""Softmax classifier head."""

from __future__ import annotations

from typing import ClassVar

from classify.linear_solver import Loss
from classify.linear_tagger import LinearTagger


class SoftmaxTagger(LinearTagger):
    """Multinomial logistic regression with calibrated confidence; a scikit-learn estimator.

    Parameters and attributes are those of ``LinearTagger``.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [0.1], [1.0], [1.1]])
    >>> SoftmaxTagger().fit(X, ["low", "low", "high", "high"]).predict([[0.05], [1.05]]).tolist()
    ['low', 'high']
    """

    _loss: ClassVar[Loss] = "softmax"
