"""What a view is made of, and which views may speak for a product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classify.linear_solver import Matrix
from classify.tagger_config import HeadName

Modality = Literal["both", "image", "text"]
MODALITIES: Final[tuple[Modality, ...]] = ("both", "image", "text")
LEXICAL, WORDS, TITLE = "lexical", "words", "title"
SPARSE: Final = (LEXICAL, WORDS, TITLE)
_MODALITY_OF: Final[Mapping[str, Modality]] = {
    "image": "image",
    "text": "text",
    **dict.fromkeys(SPARSE, "text"),
}
PartHead = HeadName | Literal["kernel"]
Mask = NDArray[np.bool_]
Views = Mapping[str, Matrix]


class Part(NamedTuple):
    """One head on one view."""

    view: str
    head: PartHead


def view_modality(view: str) -> Modality:
    """Return what a view is made of: ``image``, ``text`` (also the TF-IDF ones), else ``both``."""
    return _MODALITY_OF.get(view, "both")


def available_modality(has_image: Mask, has_text: Mask) -> NDArray[Any]:
    """Return ``both``, ``image`` or ``text`` per row; a row with neither is taken as ``both``."""
    return np.where(has_image == has_text, "both", np.where(has_image, "image", "text"))


def usable_views(views: Sequence[str], modality: str) -> list[str]:
    """Return the views that may speak for products of that modality.

    All for products with both; those of one modality for products that have only that; where there
    is no such view, those made of both.
    """
    if modality == "both":
        return list(views)
    own = [view for view in views if view_modality(view) == modality]
    return own or [view for view in views if view_modality(view) == "both"]
