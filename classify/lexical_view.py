"""A sparse TF-IDF view of product texts, made from the suite's own tokens; saved without pickle."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from classify.tagger_config import Engine, TaggerConfig
from core_embeddings.artefact import read_json, write_json
from core_embeddings.columns import Columns, title_columns, written_columns
from core_embeddings.errors import ArtefactError, ConfigError

Tokenize = Callable[[str], list[str]]
GRAM_SIZES = (3, 4, 5)
HAN_RUN = re.compile(r"[\u3400-\u9fff]+")
HAN_SIZES = (1, 2, 3)
TITLE_MARK = "t:"
GRAM_MARK = "c:"
MARKS = (TITLE_MARK, GRAM_MARK)


def default_tokenizer(engine: Engine = "jieba") -> Tokenize:
    """Return the suite's tokenizer; imported late, since its dictionary is heavy."""
    from core_embeddings.text import Tokenizer

    return Tokenizer(engine=engine)


def product_terms(
    title: str, description: str, brand: str, *, tokenize: Tokenize, char_ngrams: bool
) -> Iterator[str]:
    """Yield the terms of one product.

    Words and word pairs of title, brand and description; those of the title once more under their
    own mark, because a word means more there; character n-grams of the title's words, for spelling
    variants, and of every run of Chinese, where the borders of words are a guess.
    """
    in_title = [word.lower() for word in tokenize(title)]
    in_rest = [word.lower() for word in tokenize(f"{brand} {description}".strip())]
    yield from in_title
    yield from in_rest
    yield from (f"{left} {right}" for left, right in pairwise(in_rest))
    yield from (f"{TITLE_MARK}{word}" for word in in_title)
    yield from (f"{TITLE_MARK}{left} {right}" for left, right in pairwise(in_title))
    if char_ngrams:
        yield from (gram for word in in_title for gram in _grams(f"<{word}>", GRAM_SIZES))
        for run in HAN_RUN.findall(f"{title} {brand} {description}"):
            yield from _grams(run, HAN_SIZES)


def _grams(word: str, sizes: Sequence[int]) -> Iterator[str]:
    for size in sizes:
        for start in range(len(word) - size + 1):
            yield GRAM_MARK + word[start : start + size]


@dataclass(frozen=True)
class LexicalView:
    """A fitted TF-IDF transform.

    Parameters
    ----------
    terms
        Vocabulary; its order gives the columns.
    idf
        Weight of each term, of shape (n_terms,).
    tokenize
        Splits a text into words; must be the one the view was fitted with.
    char_ngrams
        Whether character n-grams are among the terms.
    """

    terms: tuple[str, ...]
    idf: NDArray[np.float32]
    tokenize: Tokenize
    char_ngrams: bool

    @classmethod
    def fit(
        cls,
        products: pd.DataFrame,
        *,
        tokenize: Tokenize,
        char_ngrams: bool = True,
        min_count: int = 2,
        max_terms: int = 30_000,
    ) -> LexicalView:
        """Learn vocabulary and idf from training products.

        Terms of at least ``min_count`` products are kept, the most frequent ``max_terms`` of them,
        ties by term. ``idf = 1 + ln((1 + n) / (1 + df))``.
        """
        if min_count < 1 or max_terms < 1:
            raise ConfigError(
                f"min_count and max_terms must be >= 1; got {min_count} and {max_terms}"
            )
        seen: Counter[str] = Counter()
        for terms in _terms_of(products, tokenize, char_ngrams):
            seen.update(set(terms))
        frequent = [item for item in seen.items() if item[1] >= min_count]
        kept = sorted(sorted(frequent, key=lambda item: (-item[1], item[0]))[:max_terms])
        counts = np.array([count for _, count in kept], dtype=np.float64)
        idf = 1 + np.log((1 + len(products)) / (1 + counts))
        names = tuple(term for term, _ in kept)
        return cls(names, idf.astype(np.float32), tokenize, char_ngrams)

    def transform(self, products: pd.DataFrame) -> sparse.csr_array:
        """Return float32 rows of unit length, of shape (n_products, n_terms); (1 + ln tf) · idf.

        A product without a known term gets a row of zeros.
        """
        column = {term: position for position, term in enumerate(self.terms)}
        columns: list[int] = []
        weights: list[float] = []
        borders = [0]
        for terms in _terms_of(products, self.tokenize, self.char_ngrams):
            counts = Counter(column[term] for term in terms if term in column)
            columns.extend(sorted(counts))
            weights.extend(counts[position] for position in sorted(counts))
            borders.append(len(columns))
        values = 1 + np.log(np.asarray(weights, dtype=np.float32))
        values *= self.idf[columns] if columns else 1
        shape = (len(products), len(self.terms))
        matrix = sparse.csr_array(
            (values, np.asarray(columns, np.int32), np.asarray(borders, np.int32)), shape=shape
        )
        return _unit_rows(matrix)

    def views(self, products: pd.DataFrame) -> dict[str, sparse.csr_array]:
        """Return ``lexical``, all terms, and two cut out of it with rows of unit length again.

        ``words`` keeps the plain words of title, brand and description, as an ordinary TF-IDF does;
        ``title`` the words and word pairs of the title: where a value is named there, all the rest
        is noise. A view without a term is left out.
        """
        matrix = self.transform(products)
        plain = [not term.startswith(MARKS) and " " not in term for term in self.terms]
        titled = [term.startswith(TITLE_MARK) for term in self.terms]
        cut = {
            name: _unit_rows(matrix[:, np.flatnonzero(columns)])
            for name, columns in (("words", plain), ("title", titled))
            if any(columns)
        }
        return {"lexical": matrix, **cut}

    def save(self, folder: Path) -> None:
        """Write ``lexical.json``; the tokenizer itself is not saved."""
        content = {
            "terms": list(self.terms),
            "idf": [float(weight) for weight in self.idf],
            "char_ngrams": self.char_ngrams,
        }
        write_json(folder / "lexical.json", content)

    @classmethod
    def load(cls, folder: Path, *, tokenize: Tokenize) -> LexicalView:
        """Read what ``save`` wrote.

        Raises
        ------
        ArtefactError
            If the file is missing or does not fit together.
        """
        content = read_json(folder / "lexical.json")
        terms, idf = tuple(content["terms"]), np.asarray(content["idf"], dtype=np.float32)
        if len(terms) != len(idf):
            raise ArtefactError(
                f"{folder / 'lexical.json'} holds {len(terms)} terms but {len(idf)} weights; "
                "run the fit again"
            )
        return cls(terms, idf, tokenize, bool(content["char_ngrams"]))


def fit_lexical(
    products: pd.DataFrame, config: TaggerConfig, tokenize: Tokenize
) -> LexicalView | None:
    """Fit the view as the settings say; ``None`` where they say no, or there are no words."""
    if not config.lexical or products.empty:
        return None
    view = LexicalView.fit(
        products,
        tokenize=tokenize,
        char_ngrams=config.char_ngrams,
        min_count=config.min_count,
        max_terms=config.max_terms,
    )
    return view if view.terms else None


def _terms_of(
    products: pd.DataFrame, tokenize: Tokenize, char_ngrams: bool
) -> Iterator[Iterator[str]]:
    make = partial(product_terms, tokenize=tokenize, char_ngrams=char_ngrams)
    titles = title_columns(products.columns)
    others = written_columns(products.columns)[len(titles) :]
    for said, described, brand in zip(
        zip(*(products[name] for name in titles), strict=True),
        zip(*(products[name] for name in others), strict=True),
        products[Columns.BRAND],
        strict=True,
    ):
        yield make(" ".join(said), " ".join(described), brand)


def _unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).ravel()
    matrix.data /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(matrix.indptr))
    return matrix
