"""Search on the shared vector: exact nearest products, filters, and a keyword baseline."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from retrieve.evaluate import RetrievalReport, evaluate_retrieval
    from retrieve.filters import Filter, parse_filter
    from retrieve.index import ExactIndex, Index
    from retrieve.lexical import LexicalIndex
    from retrieve.matcher import Matcher, QueryEncoder

__all__ = [
    "evaluate_retrieval",
    "ExactIndex",
    "Filter",
    "Index",
    "LexicalIndex",
    "Matcher",
    "parse_filter",
    "QueryEncoder",
    "RetrievalReport",
]

_HOMES: Final = {
    "evaluate_retrieval": "evaluate",
    "ExactIndex": "index",
    "Filter": "filters",
    "Index": "index",
    "LexicalIndex": "lexical",
    "Matcher": "matcher",
    "parse_filter": "filters",
    "QueryEncoder": "matcher",
    "RetrievalReport": "evaluate",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: ``import retrieve`` alone costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
