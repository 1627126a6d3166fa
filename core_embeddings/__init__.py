"""The shared product embedder and the ground it stands on.

Names load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core_embeddings.embedder import FusionEmbedder, Views
    from core_embeddings.embedder_config import EmbedderConfig
    from core_embeddings.errors import TuwenError
    from core_embeddings.tables import read_catalogue, read_interactions, read_queries

__all__ = [
    "EmbedderConfig",
    "FusionEmbedder",
    "TuwenError",
    "Views",
    "read_catalogue",
    "read_interactions",
    "read_queries",
]

_HOMES = {
    "EmbedderConfig": "embedder_config",
    "FusionEmbedder": "embedder",
    "TuwenError": "errors",
    "Views": "embedder",
    "read_catalogue": "tables",
    "read_interactions": "tables",
    "read_queries": "tables",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
