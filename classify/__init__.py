"""Taggers on the shared vector: softmax and SVM, with a "send to a human" answer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classify.evaluate import evaluate_tagging
    from classify.set_tagger import SetTagger
    from classify.softmax import SoftmaxTagger
    from classify.svm import SVMTagger
    from classify.tagger_config import TaggerConfig
    from classify.taggers import TaggerSet
    from classify.views import MultiViewTagger

__all__ = [
    "evaluate_tagging",
    "MultiViewTagger",
    "SetTagger",
    "SoftmaxTagger",
    "SVMTagger",
    "TaggerConfig",
    "TaggerSet",
]

_HOME = {
    "evaluate_tagging": "evaluate",
    "MultiViewTagger": "views",
    "SetTagger": "set_tagger",
    "SoftmaxTagger": "softmax",
    "SVMTagger": "svm",
    "TaggerConfig": "tagger_config",
    "TaggerSet": "taggers",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: scikit-learn is slow to start."""
    if name not in _HOME:
        raise AttributeError(f"module 'classify' has no attribute {name!r}")
    return getattr(import_module(f"classify.{_HOME[name]}"), name)
