"""Why a tag won: its log-odds against the runner-up as an exact sum over heads, and over words.

Every head is linear and their answers are added up, so nothing here is an estimate:

    log P(value) / P(rival)  =  Σ_heads share  +  prior  (of the discount on frequent values)
    share of a TF-IDF head   =  Σ_words share  +  bias   (what it says of a text without words)

Heads on vectors are linear in the vector, but a vector is no sum over words: for those, remove the
word and look (tuwen/reasons.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from classify.availability import Availability
from classify.cross_fit import FLOOR
from classify.lexical_view import GRAM_MARK, MARKS, TITLE_MARK, LexicalView
from classify.modalities import LEXICAL, TITLE, WORDS, Part, Views, available_modality
from classify.views import MultiViewTagger
from core_embeddings.errors import ConfigError


class HeadShare(NamedTuple):
    """What one head adds to the log-odds."""

    view: str
    head: str
    log_odds: float


class AdditiveReason(NamedTuple):
    """The log-odds of one tag, taken apart.

    Attributes
    ----------
    value, rival
        The tag and what it is held against.
    log_odds
        Of the value against the rival: the sum of all head shares and ``prior``.
    heads
        One per head that speaks for this product, in the tagger's order.
    prior
        What the discount on frequent values adds.
    words
        What each word adds through the TF-IDF heads; the rest of those heads is ``bias``.
    bias
        Intercepts of the TF-IDF heads, and what is cut off at the least probability.
    """

    value: str
    rival: str
    log_odds: float
    heads: tuple[HeadShare, ...]
    prior: float
    words: dict[str, float]
    bias: float


def additive_reason(
    tagger: MultiViewTagger,
    views: Views,
    available: Availability,
    *,
    value: str,
    rival: str,
    terms: Mapping[str, Sequence[str]] | None = None,
    title_words: Sequence[str] = (),
) -> AdditiveReason:
    """Take the log-odds of one product's tag apart.

    Parameters
    ----------
    tagger
        Of the field.
    views
        As `TaggerSet.prepare` makes them, of one row each.
    available
        Of that row.
    value, rival
        Two values the tagger knows.
    terms
        Names of the columns of TF-IDF views, see `view_terms`; None names no words.
    title_words
        Lower-case words of the product's title: what its character n-grams belong to.

    Raises
    ------
    ConfigError
        If the tagger does not know a value, or more than one row comes.
    """
    codes = [_code(tagger, value), _code(tagger, rival)]
    if len(available.has_image) != 1:
        raise ConfigError(
            f"a reason is of one product; got {len(available.has_image)} rows; "
            "ask for each on its own"
        )
    modality = str(available_modality(*available)[0])
    combination = tagger.combinations_.get(modality)
    parts = tagger.usable_parts(modality) if combination is not None else []
    weights = combination.weights if combination is not None else ()
    heads, words, bias = [], dict[str, float](), 0.0
    names = terms or {}
    for part, weight in zip(parts, weights, strict=True):
        share = weight * _said(tagger, part, views, codes)
        heads.append(HeadShare(part.view, part.head, share))
        if part.view not in names or weight == 0:
            continue
        columns = _term_shares(tagger, part, views, codes)
        own = {names[part.view][at]: weight * found for at, found in columns.items()}
        bias += share - sum(own.values())
        for word, found in _by_word(own, title_words):
            words[word] = words.get(word, 0.0) + found
    prior = _prior(tagger, codes, 1.0 if combination is None else -combination.discount)
    total = prior + sum(head.log_odds for head in heads)
    return AdditiveReason(value, rival, total, tuple(heads), prior, words, bias)


def view_terms(lexical: LexicalView) -> dict[str, list[str]]:
    """Return the term behind each column of each view that ``lexical`` makes."""
    plain = [term for term in lexical.terms if not term.startswith(MARKS) and " " not in term]
    titled = [term for term in lexical.terms if term.startswith(TITLE_MARK)]
    return {LEXICAL: list(lexical.terms), WORDS: plain, TITLE: titled}


def _code(tagger: MultiViewTagger, value: str) -> int:
    found = np.flatnonzero(tagger.classes_ == value)
    if not len(found):
        raise ConfigError(
            f"value {value!r} was not learned; the tagger knows {len(tagger.classes_)} values"
        )
    return int(found[0])


def _prior(tagger: MultiViewTagger, codes: Sequence[int], weight: float) -> float:
    return weight * float(tagger.log_prior[codes[0]] - tagger.log_prior[codes[1]])


def _said(tagger: MultiViewTagger, part: Part, views: Views, codes: Sequence[int]) -> float:
    """Return the part's own log-odds; it gives a value it has never seen the least probability."""
    head = tagger.parts_[part]
    answer = dict(zip(head.classes_.tolist(), head.predict_proba(views[part.view])[0], strict=True))
    first, second = (max(answer.get(tagger.classes_[code], FLOOR), FLOOR) for code in codes)
    return float(np.log(first) - np.log(second))


def _term_shares(
    tagger: MultiViewTagger, part: Part, views: Views, codes: Sequence[int]
) -> dict[int, float]:
    """Return what each term present adds to the part's log-odds, by column."""
    head = tagger.parts_[part]
    at = [np.flatnonzero(head.classes_ == tagger.classes_[code]) for code in codes]
    if not all(map(len, at)):  # it has never seen one of them: no word of its can say so
        return {}
    row = sparse.csr_array(views[part.view])
    slope = (head.coef_[at[0][0]] - head.coef_[at[1][0]]) / head.temperature_
    return dict(zip(row.indices.tolist(), (row.data * slope[row.indices]).tolist(), strict=True))


def _by_word(terms: Mapping[str, float], title_words: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Share what a pair of words, or some letters, add evenly among the words they stand in."""
    for term, share in terms.items():
        if term.startswith(GRAM_MARK):
            gram = term.removeprefix(GRAM_MARK)
            owners = [word for word in title_words if gram in f"<{word}>"] or [gram]
        else:
            owners = term.removeprefix(TITLE_MARK).split(" ")
        yield from ((word, share / len(owners)) for word in owners)


def best_and_rival(log_probabilities: NDArray[Any], members: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the likeliest class among ``members`` and the likeliest of the others.

    Both arguments are of shape (n_classes,); there must be classes of either kind.
    """
    inside = np.where(members, log_probabilities, -np.inf)
    outside = np.where(members, -np.inf, log_probabilities)
    return int(inside.argmax()), int(outside.argmax())
