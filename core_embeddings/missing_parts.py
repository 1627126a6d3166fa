"""What stands in for a modality that a product lacks, as one named choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from core_embeddings.columns import Columns, written_columns
from core_embeddings.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

MissingText = Literal["mask", "default", "context", "image"]
MissingImage = Literal["mask", "mean"]
TEXT_POLICIES: Final[tuple[MissingText, ...]] = get_args(MissingText)
IMAGE_POLICIES: Final[tuple[MissingImage, ...]] = get_args(MissingImage)
BRIGHTEST: Final = 255


@dataclass(frozen=True)
class MissingParts:
    """What the network is given where a product has no text, or no picture.

    Parameters
    ----------
    text
        ``mask``: nothing, and the network knows it; it learned what to answer by modality dropout.
        ``default``: a constant text. ``context``: category, brand and attributes as words.
        ``image``: words inferred from the picture. See `missing_text.product_texts`.
    image
        ``mask``: nothing, as above. ``mean``: a constant, the mean features of the training
        pictures; for a CNN that sees pixels a page of their mean colour.

    Raises
    ------
    ConfigError
        If a policy is unknown.
    """

    text: MissingText = "mask"
    image: MissingImage = "mask"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("missing_text", self.text, TEXT_POLICIES),
            ("missing_image", self.image, IMAGE_POLICIES),
        ):
            if value not in known:
                listed = ", ".join(map(repr, known))
                raise ConfigError(f"{name} must be one of {listed}; got {value!r}")


MASKED: Final = MissingParts()
"""Nothing stands in: queries, and whatever a tagger sees."""


def constant_image(image_tower: nn.Module, features: Tensor) -> Tensor:
    """Return the input that policy ``mean`` gives, of the shape of one row of ``features``.

    The tower keeps the mean of its training rows: of each feature, or of each channel in [0, 1].
    """
    mean = image_tower.get_buffer("mean")
    row = mean if features.dim() == 2 else (BRIGHTEST * mean).round().expand(features.shape[1:])
    return row.to(features.dtype)


def settings_as_meant(saved: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an embedder's saved settings in today's words.

    Before there was ``missing_image``, ``missing_text = "default"`` meant what is ``mask`` now; and
    before there were ``word_shortcut`` and ``word_bag``, no network had them.
    """
    meant = {"word_shortcut": False, "word_bag": False, **saved}
    if "missing_image" in saved or saved.get("missing_text") != "default":
        return meant
    return {**meant, "missing_text": "mask"}


def without_text(products: pd.DataFrame) -> pd.DataFrame:
    """Return products that nobody described; what else is known of them stays."""
    return products.assign(**dict.fromkeys(written_columns(products.columns), ""))


def without_images(products: pd.DataFrame) -> pd.DataFrame:
    """Return products without their pictures."""
    nothing = [()] * len(products)
    return products.assign(**{Columns.IMAGE: nothing, Columns.IMAGE_DIGEST: nothing})
