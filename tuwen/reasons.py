"""Why a product got its tags: words, a region of its picture, what each head adds, neighbours.

What a word or a region is worth is found by taking it away: the product without it goes the whole
way from pixels and text to a probability, and the log-odds of the tag (against all other values of
its field) are compared. Such worths do not add up: of two words that say the same either may be
spared. What adds up exactly is in `classify.additive`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from classify.additive import AdditiveReason, additive_reason, best_and_rival
from classify.availability import Availability
from core_embeddings.columns import VALUE_SEPARATOR, Columns, title_columns
from tuwen.product_versions import Picture, Versions, product_text, tokenizer_of, versions_of
from tuwen.reason_neighbours import Labelled, Neighbour
from tuwen.reason_regions import LEAST, Box
from tuwen.tag_odds import Answers, TagModel, members_of

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMED: Final = 3
"""Words a reason names at most."""
WORTH_NAMING: Final = 0.1
"""A word is named where it is worth this share of the best one."""


class WordWorth(NamedTuple):
    """A word, what the log-odds lose without it, and what it adds through the TF-IDF heads."""

    word: str
    effect: float
    share: float


@dataclass(frozen=True)
class Region:
    """The deciding region of a picture.

    Parameters
    ----------
    picture
        What was looked at.
    box
        The window whose covering costs the tag most; None where none costs anything.
    effect
        What the log-odds lose with it covered.
    heat
        What each pixel is worth, of the picture's shape.
    """

    picture: Picture
    box: Box | None
    effect: float
    heat: NDArray[np.float64]


@dataclass(frozen=True)
class TagReason:
    """Why one tag.

    Parameters
    ----------
    field, value, confidence, decision
        The tag; of several values at once each has its own reason and confidence.
    log_odds
        Of the value against all others of the field.
    words
        All words, most worth first.
    region
        None without a picture.
    additive
        Against the runner-up, an exact sum; None where the field has one value, or a product may
        have several.
    neighbours
        The nearest products that have a value.
    """

    field: str
    value: str
    confidence: float
    decision: str
    log_odds: float
    words: tuple[WordWorth, ...]
    region: Region | None
    additive: AdditiveReason | None
    neighbours: tuple[Neighbour, ...]

    @property
    def named(self) -> list[WordWorth]:
        """The deciding words."""
        return named_words(self.words)


@dataclass(frozen=True)
class ProductReasons:
    """Why one product got its tags; ``product`` is its row, a table of one."""

    product: pd.DataFrame
    tags: tuple[TagReason, ...]


def named_words(words: Sequence[WordWorth]) -> list[WordWorth]:
    """Return the words a reason names: at most three, none far below the first."""
    if not words:
        return []
    least = max(LEAST, WORTH_NAMING * words[0].effect)
    return [word for word in words[:MOST_NAMED] if word.effect >= least]


def explain(
    model: TagModel,
    product: pd.DataFrame,
    *,
    fields: Sequence[str] | None = None,
    labelled: pd.DataFrame | None = None,
    vectors: Any = None,
) -> ProductReasons:
    """Explain the tags of one product.

    Parameters
    ----------
    model
        The shop's embedder and taggers.
    product
        A table of one row, known or new.
    fields
        Which tags; all by default.
    labelled, vectors
        The shop's catalogue and vectors, for neighbours; None for none.
    """
    names = list(model.taggers.fields if fields is None else dict.fromkeys(fields))
    tokenize = tokenizer_of(model)
    with tempfile.TemporaryDirectory(prefix="tuwen-why-") as folder:
        versions = versions_of(product, tokenize, Path(folder))
        answers = model.ask(versions.products, names)
    tags = _own_tags(model, product, answers, names)
    near = None
    if labelled is not None:
        own = str(product[Columns.PRODUCT].iloc[0])
        near = Labelled(labelled, vectors, model.embedder.encode(product)[0], product_id=own)
    title = " ".join(product_text(product)[name] for name in title_columns(product.columns))
    spoken = [word.lower() for word in tokenize(title)]
    reasons = (
        _reason(model, tag, value, versions, answers, spoken, near)
        for tag in tags
        for value in _values(model, tag)
    )
    return ProductReasons(product, tuple(reasons))


def _own_tags(
    model: TagModel, product: pd.DataFrame, answers: Answers, names: Sequence[str]
) -> list[dict[Any, Any]]:
    """Return the TAGS of the product itself, from the views that are at hand."""
    views = {name: answers.views[name][:1] for name in model.taggers.widths}
    own = {name: has[:1] for name, has in answers.available._asdict().items()}
    return model.taggers.tag(views, product, fields=names, **own).to_dict(orient="records")


def _values(model: TagModel, tag: dict[Any, Any]) -> list[str]:
    """Return the values that a tag is made of: one, or several of a field of sets."""
    value = str(tag[Columns.VALUE])
    return value.split(VALUE_SEPARATOR) if model.has_sets(str(tag[Columns.FIELD])) else [value]


def _reason(
    model: TagModel,
    tag: dict[Any, Any],
    value: str,
    versions: Versions,
    answers: Answers,
    title_words: Sequence[str],
    near: Labelled | None,
) -> TagReason:
    field = str(tag[Columns.FIELD])
    odds = model.odds(answers.by_field[field], field, value)
    additive = None if odds is None else _additive(model, field, value, answers, title_words)
    odds = np.zeros(len(versions.products)) if odds is None else odds
    several = value != str(tag[Columns.VALUE])
    return TagReason(
        field,
        value,
        float(expit(odds[0])) if several else float(tag[Columns.CONFIDENCE]),
        str(tag[Columns.DECISION]),
        float(odds[0]),
        _words(versions, odds, {} if additive is None else additive.words),
        _region(versions, odds),
        additive,
        () if near is None else tuple(near.nearest(field)),
    )


def _additive(
    model: TagModel, field: str, value: str, answers: Answers, title_words: Sequence[str]
) -> AdditiveReason | None:
    """Take the product's own log-odds apart; None where values do not exclude each other."""
    if model.has_sets(field):
        return None
    tagger = model.taggers.tagger(field)
    members = members_of(tagger.classes_, value, field)
    best, rival = best_and_rival(answers.by_field[field][0], members)
    return additive_reason(
        tagger,
        {name: view[:1] for name, view in answers.views.items()},
        Availability(*(has[:1] for has in answers.available)),
        value=str(tagger.classes_[best]),
        rival=str(tagger.classes_[rival]),
        terms=model.terms,
        title_words=title_words,
    )


def _words(
    versions: Versions, odds: NDArray[Any], shares: dict[str, float]
) -> tuple[WordWorth, ...]:
    effects = versions.word_effects(odds).tolist()
    found = [
        WordWorth(word, effect, shares.get(word, 0.0))
        for word, effect in zip(versions.words, effects, strict=True)
    ]
    return tuple(sorted(found, key=lambda word: -word.effect))


def _region(versions: Versions, odds: NDArray[Any]) -> Region | None:
    if versions.picture is None or versions.windows is None:
        return None
    effects = versions.window_effects(odds).tolist()
    at = versions.windows.named(effects)
    every = [*versions.windows.coarse, *versions.windows.fine]
    heat = versions.windows.heat(effects, versions.picture.pixels.shape[:2])
    if at is None:
        return Region(versions.picture, None, 0.0, heat)
    return Region(versions.picture, every[at], effects[at], heat)
