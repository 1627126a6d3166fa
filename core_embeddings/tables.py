"""Tables in and out, under one roof."""

from __future__ import annotations

from core_embeddings.catalogue import Loaded, read_catalogue
from core_embeddings.fields import numeric_fields, taggable_fields
from core_embeddings.frames import read_frame
from core_embeddings.interactions import read_interactions
from core_embeddings.queries import LoadedQueries, read_queries
from core_embeddings.rejects import is_warning
from core_embeddings.writing import write_table

__all__ = [
    "is_warning",
    "Loaded",
    "LoadedQueries",
    "numeric_fields",
    "read_catalogue",
    "read_frame",
    "read_interactions",
    "read_queries",
    "taggable_fields",
    "write_table",
]
