"""Lists for shoppers: the shared vector combined with matrix factorisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recommend.config import RecommenderConfig

if TYPE_CHECKING:
    from recommend.hybrid import HybridRecommender

__all__ = ["HybridRecommender", "RecommenderConfig"]


def __getattr__(name: str) -> Any:
    # Late, so that asking for a setting does not pay for pandas and scipy.
    if name == "HybridRecommender":
        from recommend.hybrid import HybridRecommender

        return HybridRecommender
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
