"""One product many times over: as it is, without each word, with each window of a picture covered.

All of them go through the embedder together, as any product would.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from core_embeddings.columns import Columns, written_columns
from core_embeddings.errors import ImageError
from core_embeddings.images import decode_image
from tuwen.reason_regions import Box, Pixels, Windows, covered, shown_box
from tuwen.reason_words import Tokenize, count_words, pieces, without_words

LARGEST: Final = 256
"""Longer side of a picture whose windows are covered: more than the network looks at."""
MOST_WORDS: Final = 200
"""Words of a product that are looked at one by one; a text has fewer."""


class Picture(NamedTuple):
    """The first picture of a product, and where the thing shown lies in it."""

    path: Path
    pixels: Pixels
    shown: Box


class Versions(NamedTuple):
    """Versions of one product as rows of a table: itself, then words, then windows.

    Attributes
    ----------
    products
        1 + len(words) + number of windows rows.
    words
        Removed one at a time.
    picture, windows
        Covered one at a time; None where there is no picture.
    """

    products: pd.DataFrame
    words: list[str]
    picture: Picture | None
    windows: Windows | None

    def word_effects(self, odds: NDArray[Any]) -> NDArray[Any]:
        """Return by how much the log-odds (n_versions,) fall without each word."""
        return odds[0] - odds[1 : 1 + len(self.words)]

    def window_effects(self, odds: NDArray[Any]) -> NDArray[Any]:
        """Return by how much the log-odds fall with each window covered."""
        start = 1 + len(self.words)
        return odds[start] - odds[start + 1 :] if self.windows else odds[:0]


def product_text(product: pd.DataFrame) -> dict[str, str]:
    """Return all that is written of a product, by column: titles, descriptions, brand."""
    columns = [*written_columns(product.columns), Columns.BRAND]
    return {name: str(product[name].iloc[0]) for name in columns}


def first_picture(product: pd.DataFrame) -> Picture | None:
    """Return a product's first picture, small enough to be covered many times.

    None where there is none, or it cannot be read any more.
    """
    paths = product[Columns.IMAGE].iloc[0]
    if not len(paths):
        return None
    try:
        image = decode_image(Path(paths[0]), at_least=LARGEST)
    except ImageError:
        return None
    image.thumbnail((LARGEST, LARGEST))
    pixels = np.asarray(image)
    return Picture(Path(paths[0]), pixels, shown_box(pixels))


def versions_of(product: pd.DataFrame, tokenize: Tokenize, folder: Path) -> Versions:
    """Return all versions of a product, a table of one row; covered pictures go into ``folder``."""
    texts = product_text(product)
    words = list(count_words(texts, tokenize))[:MOST_WORDS]
    rows = [reworded(product, [{word} for word in words], tokenize)]
    picture = first_picture(product)
    windows = None if picture is None else Windows.over(picture.shown)
    if picture is not None and windows is not None:
        # Itself once more, saved as the covered ones are: only what is covered differs.
        same = Box(0, 0, 0, 0)
        rows.append(repainted(product, picture, [same, *windows.coarse, *windows.fine], folder))
    return Versions(pd.concat([product, *rows], ignore_index=True), words, picture, windows)


def repeated(product: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return a one-row table with its row ``count`` times."""
    return product.iloc[np.zeros(count, dtype=np.intp)].reset_index(drop=True)


def reworded(
    product: pd.DataFrame, removed: Sequence[Collection[str]], tokenize: Tokenize
) -> pd.DataFrame:
    """Return a row per set of words: the product without them."""
    cut = {name: pieces(text, tokenize) for name, text in product_text(product).items()}
    left = {name: [without_words(found, words) for words in removed] for name, found in cut.items()}
    return repeated(product, len(removed)).assign(**left)


def repainted(
    product: pd.DataFrame, picture: Picture, boxes: Sequence[Box], folder: Path
) -> pd.DataFrame:
    """Return a row per box: the product with its first picture covered there."""
    return repictured(product, [covered(picture.pixels, box) for box in boxes], folder)


def repictured(product: pd.DataFrame, pictures: Sequence[Pixels], folder: Path) -> pd.DataFrame:
    """Return a row per picture, which takes the place of the product's first one."""
    paths, digests = product[Columns.IMAGE].iloc[0], product[Columns.IMAGE_DIGEST].iloc[0]
    before = len(list(folder.iterdir()))
    names = [f"{digests[0]}-{before + at}" for at in range(len(pictures))]
    for name, pixels in zip(names, pictures, strict=True):
        Image.fromarray(pixels).save(folder / f"{name}.png", compress_level=1)
    return repeated(product, len(pictures)).assign(
        **{
            Columns.IMAGE: [(str(folder / f"{name}.png"), *paths[1:]) for name in names],
            Columns.IMAGE_DIGEST: [(name, *digests[1:]) for name in names],
        }
    )


def tokenizer_of(model: Any) -> Callable[[str], Sequence[str]]:
    """Return the tokenizer of a `TagModel`'s embedder."""
    tokenize: Callable[[str], Sequence[str]] = model.embedder.text_input.tokenizer
    return tokenize
