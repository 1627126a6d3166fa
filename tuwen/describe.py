"""Words for products that nobody described: from their tags, and from products like them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.columns import Columns, title_columns, written_columns
from core_embeddings.errors import ConfigError
from core_embeddings.missing_text import written_texts
from tuwen.neighbour_titles import (
    LANGUAGES,
    Language,
    Title,
    joined,
    language_of,
    title_words,
    voted_title,
)
from tuwen.product_versions import tokenizer_of
from tuwen.reason_words import Tokenize, count_words
from tuwen.tag_odds import Answers, TagModel
from tuwen.value_words import coinciding_words, in_words, sentence

if TYPE_CHECKING:
    from core_embeddings.vector_table import VectorTable

ROWS_AT_ONCE: Final = 512
SPOKEN: Final = 0.1
"""Share of the titles that must be in a language for the catalogue to speak it."""
LEAST: Final = 1e-3
"""Probability that a neighbour's value is taken to have at least: taggers err, too."""


@dataclass(frozen=True)
class DescribeConfig:
    """How products are described.

    Parameters
    ----------
    confidence
        Values of tags are told from this confidence on.
    support
        Words are told that have this share of the neighbours' votes.
    neighbours
        How many vote.
    warmth
        A neighbour's vote falls to 1/e with so much less of the cosine.

    Raises
    ------
    ConfigError
        If a value is out of its range.
    """

    confidence: float = 0.8
    support: float = 0.25
    neighbours: int = 30
    warmth: float = 0.1

    def __post_init__(self) -> None:
        for name in ("confidence", "support"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(
                    f"{name} must be above 0 and at most 1; got {getattr(self, name)!r}"
                )
        if self.neighbours < 1:
            raise ConfigError(f"neighbours must be >= 1; got {self.neighbours!r}")
        if not self.warmth > 0:
            raise ConfigError(f"warmth must be > 0; got {self.warmth!r}")


class Source(NamedTuple):
    """A product of the catalogue as a source of words: its row, and its titles by language."""

    row: int
    titles: dict[Language, Title]


class Describer:
    """Describes products with the words of a catalogue.

    Parameters
    ----------
    model
        The shop's embedder and taggers.
    products, vectors
        The catalogue that words are taken from, and its vectors in the same order.
    config
        Settings.
    """

    def __init__(
        self,
        model: TagModel,
        products: pd.DataFrame,
        vectors: VectorTable,
        config: DescribeConfig | None = None,
    ) -> None:
        self.config = config or DescribeConfig()
        self._model = model
        self._tokenize = tokenizer_of(model)
        self._sources = list(_sources(products, self._tokenize))
        rows = np.array([source.row for source in self._sources], dtype=np.int64)
        self._known = products.iloc[rows].reset_index(drop=True)
        self._vectors = vectors.vectors[rows]
        self.languages = _spoken(self._sources)
        self._words = {one: self._value_words(one) for one in self.languages}

    def describe(self, products: pd.DataFrame) -> pd.DataFrame:
        """Return words for products, a row each.

        Returns
        -------
        pandas.DataFrame
            ``product_id``, ``title``, ``description`` in the catalogue's first language, the same
            with the language's ending where it speaks a second one, ``tags`` (a list of
            ``field=value (confidence)``) and ``neighbours`` (a list of the ids that had most
            votes): what the words rest on.
        """
        parts = [
            self._described(products.iloc[at : at + ROWS_AT_ONCE].reset_index(drop=True))
            for at in range(0, len(products), ROWS_AT_ONCE)
        ]
        return pd.DataFrame([row for part in parts for row in part], columns=self._columns())

    def _columns(self) -> list[str]:
        words = [
            f"{name}{'' if at == 0 else f'_{one}'}"
            for at, one in enumerate(self.languages)
            for name in (Columns.TITLE, Columns.DESCRIPTION)
        ]
        return [Columns.PRODUCT, *words, "tags", "neighbours"]

    def _described(self, products: pd.DataFrame) -> Iterator[dict[str, Any]]:
        fields = self._model.taggers.fields
        answers = self._model.ask(products, fields)
        cosines = self._model.embedder.encode(products) @ self._vectors.T
        for row, name in enumerate(products[Columns.PRODUCT].tolist()):
            told = self._told(answers, row)
            near, weights = self._voters(answers, row, name, cosines[row])
            words = [self._worded(one, told, near, weights) for one in self.languages]
            cells = [cell for pair in words for cell in pair]
            tags = [f"{field}={value} ({sure:.2f})" for field, (value, sure) in told.items()]
            most = near[np.argsort(-weights, kind="stable")[:3]]
            ids = self._known[Columns.PRODUCT].iloc[most].tolist()
            yield dict(zip(self._columns(), [name, *cells, tags, ids], strict=True))

    def _told(self, answers: Answers, row: int) -> dict[str, tuple[str, float]]:
        """Return the values that are certain enough, by field; the likeliest of several."""
        found = {}
        for field, said in answers.by_field.items():
            chances = self._model.confidences(said[row : row + 1], field)[0]
            best = int(chances.argmax())
            if chances[best] >= self.config.confidence:
                value = str(self._model.classes(field)[best])
                found[field] = (value, float(chances[best]))
        return found

    def _voters(
        self, answers: Answers, row: int, name: str, cosines: NDArray[Any]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the nearest products with words, and the weight of each one's vote.

        The likeness of its vector, times the probability that the product has its values.
        """
        own = self._known[Columns.PRODUCT].to_numpy(dtype=object) == name
        order = np.argsort(np.where(own, np.inf, -cosines), kind="stable")
        near = order[: min(self.config.neighbours, int((~own).sum()))]
        logs = cosines[near].astype(np.float64) / self.config.warmth
        for field, said in answers.by_field.items():
            classes = self._model.classes(field)
            chances = self._model.confidences(said[row : row + 1], field)[0]
            chance = dict(zip(classes.tolist(), chances.tolist(), strict=True))
            labels = self._known[field].iloc[near].tolist()
            logs += np.log([max(chance.get(label, LEAST), LEAST) for label in labels])
        return near, np.exp(logs - logs.max(initial=-np.inf))

    def _worded(
        self,
        language: Language,
        told: dict[str, tuple[str, float]],
        near: NDArray[np.int64],
        weights: NDArray[np.float64],
    ) -> tuple[str, str]:
        """Return title and description in a language."""
        known = self._words[language]
        values = {
            field: in_words(value, language, known[field]) for field, (value, _) in told.items()
        }
        values = {field: value for field, value in values.items() if value}
        votes = [
            (self._sources[at].titles[language], float(weight))
            for at, weight in zip(near.tolist(), weights.tolist(), strict=True)
            if language in self._sources[at].titles
        ]
        titles, shares = [title for title, _ in votes], [share for _, share in votes]
        chosen = voted_title(titles, shares, support=self.config.support)
        title = joined(vote.word for vote in chosen) or values.get(Columns.CATEGORY, "")
        return title, sentence(values, language)

    def _value_words(self, language: Language) -> dict[str, dict[str, str]]:
        """Return by field how the catalogue's titles in a language say each value."""
        spoken = [source for source in self._sources if language in source.titles]
        at = [row for row, source in enumerate(self._sources) if language in source.titles]
        words = [list(source.titles[language].words) for source in spoken]
        return {
            field: coinciding_words(words, self._known[field].iloc[at].tolist())
            for field in self._model.taggers.fields
        }


def undescribed(products: pd.DataFrame, *, fewer_than: int, tokenize: Tokenize) -> pd.DataFrame:
    """Return the products whose title and description together have fewer words than that."""
    counts = [count_words({"": text}, tokenize).total() for text in written_texts(products)]
    return products[np.array(counts, dtype=np.int64) < fewer_than].reset_index(drop=True)


def _sources(products: pd.DataFrame, tokenize: Tokenize) -> Iterator[Source]:
    names = title_columns(products.columns)
    brands = products[Columns.BRAND].tolist()
    for row, texts in enumerate(zip(*(products[name] for name in names), strict=True)):
        found = {
            language_of(text): title_words(text, brands[row], tokenize)
            for text in reversed(texts)
            if text
        }
        if found:
            yield Source(row, found)


def _spoken(sources: Sequence[Source]) -> list[Language]:
    """Return the languages of the titles, most frequent first; rare ones are not spoken.

    English where there is no title at all: values of tags can still be told.
    """
    counts = {one: sum(one in source.titles for source in sources) for one in LANGUAGES}
    often = [one for one in LANGUAGES if counts[one] > SPOKEN * len(sources)]
    return sorted(often, key=lambda one: -counts[one]) or [LANGUAGES[0]]


def hidden(products: pd.DataFrame) -> pd.DataFrame:
    """Return products without anything that is written of them, brand included."""
    names = [*written_columns(products.columns), Columns.BRAND]
    return products.assign(**dict.fromkeys(names, ""))
