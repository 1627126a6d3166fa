"""Do incoming products still look like those the shop was fitted on? Per modality and per field.

What is compared with are the catalogue's held-out products: like incoming ones, and unlike the
train rows, they are strangers to the embedder and to the heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from core_embeddings.columns import Columns
from core_embeddings.errors import ConfigError, TuwenError
from core_embeddings.splits import duplicate_groups
from core_embeddings.topk import exact_topk
from tuwen.catalogue import stacked
from tuwen.shop import Shop
from tuwen.tagging import tagger_views
from tuwen.two_samples import (
    Difference,
    Mask,
    Sides,
    conformal_p_values,
    draw_sides,
    energy_test,
    holm,
    mean_test,
    stability_test,
)

if TYPE_CHECKING:
    from classify.taggers import TaggerSet
    from core_embeddings.embedder import FusionEmbedder

FEW: Final = 50
"""With fewer held-out products than this, those of validation serve as well."""
STRANGE: Final = 0.05
"""A product is a stranger when fewer known ones than this are as strange."""
STABLE, SHIFTED = 0.1, 0.25
"""Below the one an index of values is stable, from the other on it is shifted."""
SAME, WATCH, ALARM = "same", "watch", "alarm"
VECTORS, SHARE, UNKNOWN = "vectors (energy)", "share of products", "unknown words"
VALUES, STRANGERS, UNSURE = "values (PSI)", "strangers", "unsure"


@dataclass(frozen=True)
class DriftConfig:
    """How drift is looked for.

    Parameters
    ----------
    alpha
        Probability that anything at all is alarmed where nothing changed, at most.
    draws
        Of sides per test.
    rows
        More products of a side than this are sampled: distances are kept for all pairs.
    seed
        Of draws and sample.
    """

    alpha: float = 0.05
    draws: int = 1999
    rows: int = 1500
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ConfigError(f"alpha must be between 0 and 1; got {self.alpha!r}")
        if self.draws < 99 or self.rows < 2:
            raise ConfigError(
                f"draws must be >= 99 and rows >= 2; got {self.draws} and {self.rows}"
            )


class Seen(NamedTuple):
    """All that is compared of some products."""

    fused: NDArray[np.float32]
    image: NDArray[np.float32]
    text: NDArray[np.float32]
    has_image: Mask
    has_text: Mask
    unknown: NDArray[np.float64]
    """Share of each text's words that the embedder never met."""
    distance: NDArray[np.float64]
    """To the nearest product that was learned from."""
    nearest: NDArray[np.object_]
    """Its id."""
    tags: dict[str, pd.DataFrame]
    """By field: ``value`` and ``confidence``, one row per product."""


class Drift(NamedTuple):
    """What was found."""

    lines: pd.DataFrame
    """Columns ``about``, ``measure``, ``size``, ``p_value`` (of the whole family) and ``state``."""
    strangers: pd.DataFrame
    """Incoming products that fit nothing known: ``product_id``, ``field`` ("" where the product as
    a whole is far from all others), ``value`` (the nearest), ``p_value``."""
    held_out: int
    """Products compared with."""
    incoming: int

    @property
    def alarms(self) -> int:
        """How many lines are alarmed."""
        return int((self.lines["state"] == ALARM).sum())


def shop_drift(shop: Shop, incoming: pd.DataFrame, config: DriftConfig | None = None) -> Drift:
    """Compare incoming products with the held-out ones of a shop.

    Products that the shop learned from are left out of both sides.

    Raises
    ------
    TuwenError
        If nothing is left on a side.
    """
    config = config or DriftConfig()
    held = shop.catalogue()
    split = held[Columns.SPLIT].to_numpy(dtype=object)
    reference = split == "test"
    if reference.sum() < FEW:
        reference |= split == "val"
    learned = np.isin(split, ["train", "val"]) & ~reference
    fresh = ~incoming[Columns.PRODUCT].isin(held[Columns.PRODUCT][learned]).to_numpy()
    reference &= ~held[Columns.PRODUCT].isin(incoming[Columns.PRODUCT]).to_numpy()
    if not fresh.any() or not reference.any():
        raise TuwenError(
            "drift needs incoming products that the shop did not learn from, and held-out ones to "
            f"compare with; got {int(fresh.sum())} and {int(reference.sum())}; name a table of new "
            "products"
        )
    old = _some(held[reference], config)
    new = _some(incoming[fresh], config)
    embedder, taggers, vectors = shop.embedder(), shop.taggers(), shop.vectors()
    known = vectors.vectors[learned], held[Columns.PRODUCT].to_numpy(dtype=object)[learned]
    before, after = (_see(frame, embedder, taggers, known) for frame in (old, new))
    groups = duplicate_groups(stacked(old, new))
    return compare(before, after, groups, new[Columns.PRODUCT].to_numpy(dtype=object), config)


def compare(
    old: Seen,
    new: Seen,
    groups: NDArray[np.int64],
    product_ids: NDArray[np.object_],
    config: DriftConfig,
) -> Drift:
    """Test everything that can have changed, and list the strangers.

    Parameters
    ----------
    groups
        Duplicate group of the old products, then of the new ones.
    product_ids
        Of the new ones.
    """
    count = len(old.distance), len(new.distance)
    is_new = np.repeat([False, True], count)
    sides = draw_sides(is_new, groups, draws=config.draws, seed=config.seed)
    found = [*_of_modalities(old, new, sides), *_of_fields(old, new, sides)]
    lines = pd.DataFrame(found, columns=["about", "measure", "size", "p_value"])
    lines["p_value"] = holm(lines["p_value"].to_numpy())
    lines["state"] = [
        _state(measure, size, p_value, config.alpha)
        for measure, size, p_value in zip(
            lines["measure"], lines["size"], lines["p_value"], strict=True
        )
    ]
    return Drift(lines, _strangers(old, new, product_ids), *count)


def _of_modalities(old: Seen, new: Seen, sides: Sides) -> list[tuple[str, str, float, float]]:
    has_image, has_text = (
        np.concatenate([getattr(old, name), getattr(new, name)])
        for name in ("has_image", "has_text")
    )
    every = np.ones_like(has_image)
    found = []
    for about, name, there in (
        ("product", "fused", every),
        ("picture", "image", has_image),
        ("words", "text", has_text),
    ):
        rows = np.vstack([getattr(old, name), getattr(new, name)])[there]
        found.append((about, VECTORS, *energy_test(rows, sides.among(there))))
    found.append(("picture", SHARE, *mean_test(has_image, sides)))
    found.append(("words", SHARE, *mean_test(has_text, sides)))
    unknown = np.concatenate([old.unknown, new.unknown])[has_text]
    found.append(("words", UNKNOWN, *mean_test(unknown, sides.among(has_text))))
    found.append(("product", STRANGERS, *_strange(old.distance, new.distance, sides)))
    return found


def _of_fields(old: Seen, new: Seen, sides: Sides) -> list[tuple[str, str, float, float]]:
    found = []
    for field, before in old.tags.items():
        after = new.tags[field]
        values = np.concatenate([before["value"], after["value"]]).astype(object)
        found.append((field, VALUES, *stability_test(values, sides)))
        found.append((field, UNSURE, *_strange(_doubt(before), _doubt(after), sides)))
    return found


def _doubt(tags: pd.DataFrame) -> NDArray[np.float64]:
    return 1 - tags["confidence"].to_numpy(dtype=np.float64)


def _strange(old: NDArray[np.float64], new: NDArray[np.float64], sides: Sides) -> Difference:
    """Return the share of new products that are strangers, and whether ranks differ at all."""
    share = float((conformal_p_values(new, old) <= STRANGE).mean())
    ranks = rankdata(np.concatenate([old, new]))
    return Difference(share, mean_test(ranks, sides).p_value)


def _state(measure: str, size: float, p_value: float, alpha: float) -> str:
    if p_value > alpha or (measure == VALUES and size < STABLE):
        return SAME
    return WATCH if measure == VALUES and size < SHIFTED else ALARM


def _strangers(old: Seen, new: Seen, product_ids: NDArray[np.object_]) -> pd.DataFrame:
    """List the strangers, strangest first."""
    parts = [("", new.nearest, conformal_p_values(new.distance, old.distance))]
    for field, tags in new.tags.items():
        p_values = conformal_p_values(_doubt(tags), _doubt(old.tags[field]))
        parts.append((field, tags["value"].to_numpy(), p_values))
    frames = [
        pd.DataFrame(
            {
                Columns.PRODUCT: product_ids,
                Columns.FIELD: field,
                Columns.VALUE: value,
                "p_value": p_values,
            }
        )[p_values <= STRANGE]
        for field, value, p_values in parts
    ]
    return pd.concat(frames, ignore_index=True).sort_values(
        ["p_value", Columns.PRODUCT, Columns.FIELD], ignore_index=True
    )


def _see(
    products: pd.DataFrame,
    embedder: FusionEmbedder,
    taggers: TaggerSet,
    known: tuple[NDArray[np.float32], NDArray[np.object_]],
) -> Seen:
    views = embedder.views(products)
    near = exact_topk(embedder.encode(products), known[0], 1)
    tags = taggers.tag(
        tagger_views(views), products, has_image=views.has_image, has_text=views.has_text
    )
    order = {name: at for at, name in enumerate(products[Columns.PRODUCT])}
    by_field = {
        str(field): rows.assign(at=rows[Columns.PRODUCT].map(order)).sort_values("at")
        for field, rows in tags.groupby(Columns.FIELD, sort=True)
    }
    return Seen(
        views.fused,
        embedder.encode(products, "image"),
        embedder.encode(products, "text"),
        views.has_image,
        views.has_text,
        unknown_shares(embedder, products),
        -near.scores[:, 0].astype(np.float64),
        known[1][near.rows[:, 0]],
        by_field,
    )


def unknown_shares(embedder: FusionEmbedder, products: pd.DataFrame) -> NDArray[np.float64]:
    """Return the share of each text's distinct words that the embedder never met; 0 without words.

    Only what the product itself says counts, see `FusionEmbedder.views`.
    """
    from core_embeddings.missing_parts import MASKED

    tokens = embedder.text_input.tokens(embedder.stand_in_texts(products, MASKED))
    vocabulary = embedder.text_input.vocabulary
    return np.array([len(vocabulary.unseen(words)) / max(len(set(words)), 1) for words in tokens])


def _some(products: pd.DataFrame, config: DriftConfig) -> pd.DataFrame:
    if len(products) <= config.rows:
        return products.reset_index(drop=True)
    rng = np.random.default_rng(config.seed)
    return products.iloc[np.sort(rng.permutation(len(products))[: config.rows])].reset_index(
        drop=True
    )
