"""Which products come without a picture or without words, and what that means for their tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from core_embeddings.columns import Columns
from core_embeddings.missing_text import has_text

if TYPE_CHECKING:
    import pandas as pd


class PartsAtHand(NamedTuple):
    """How many products there are, and how many have a picture alone or words alone."""

    products: int
    image_only: int
    text_only: int

    @property
    def note(self) -> str:
        """What a user is told; "" where every product has both."""
        told = [
            (self.image_only, "no text: tagged by their pictures alone"),
            (self.text_only, "no picture: tagged by their words alone"),
        ]
        parts = [
            f"{count} of {self.products} products have {what}" for count, what in told if count
        ]
        return "; ".join(parts)


def parts_at_hand(products: pd.DataFrame) -> PartsAtHand:
    """Count products by what they have; a brand alone is no text."""
    seen = products[Columns.IMAGE].map(len).to_numpy() > 0
    read = has_text(products)
    return PartsAtHand(len(products), int((seen & ~read).sum()), int((read & ~seen).sum()))
