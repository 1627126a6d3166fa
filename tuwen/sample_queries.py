"""Searches with judgements that follow from the designs.

A text query asks for a leaf and up to two more things, or for a model number. A product that has
all of them is judged 2; one with the leaf and all but one of *several* further things is judged 1.
A picture query is a new photograph of a product's design: the design's own rows are judged 2, other
products that look the same 1. What is not listed is not relevant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from core_embeddings.columns import Columns
from tuwen.sample_products import Language, Product, choose_word
from tuwen.sample_render import Look
from tuwen.sample_taxonomy import TERMS

_KINDS: Final[tuple[tuple[tuple[str, ...], float], ...]] = (
    (("leaf",), 0.08),
    (("color", "leaf"), 0.32),
    (("pattern", "leaf"), 0.14),
    (("color", "pattern", "leaf"), 0.2),
    (("material", "leaf"), 0.1),
    (("season", "color", "leaf"), 0.06),
    (("brand", "leaf"), 0.06),
    (("model",), 0.04),
)
"""What is asked for, in the order it is said, and how often."""

_LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en", "mixed")
_RARE: Final = 0.2  # chance of a word that no title uses, where there is one


@dataclass(frozen=True)
class PictureQuery:
    """A picture to render for a query: its path relative to the table, and what it shows."""

    path: str
    look: Look


@dataclass(frozen=True)
class Searches:
    """The queries table, one row per judged pair, and the pictures it needs."""

    rows: pd.DataFrame
    pictures: list[PictureQuery]


def plan_queries(products: list[Product], generator: np.random.Generator) -> Searches:
    """Invent searches over the products that a careful reader keeps.

    There is one text query for four products (at least 20, at most 150), and two picture queries
    for fifteen text queries.
    """
    texts = min(150, max(20, len(products) // 4))
    rows: list[dict[str, object]] = []
    asked: set[str] = set()
    for _ in range(20 * texts):
        if len(asked) == texts:
            break
        rows += _text_query(products, asked, generator)
    pictured = [product for product in products if product.pictures]
    targets = generator.permutation(len(pictured))[: max(3, texts * 2 // 15)]
    pictures = []
    for number, row in enumerate(targets, start=1):
        name, target = f"I{number:04d}", pictured[int(row)]
        picture = PictureQuery(f"images/queries/{name}.jpg", target.design.look)
        pictures.append(picture)
        rows += _judge_picture(name, picture, target, products)
    return Searches(pd.DataFrame(rows), pictures)


def _text_query(
    products: list[Product], asked: set[str], generator: np.random.Generator
) -> list[dict[str, object]]:
    """Return the judged rows of one new text query, or none when its words were asked before."""
    target = products[int(generator.integers(len(products)))]
    choice = generator.choice(len(_KINDS), p=[share for _, share in _KINDS])
    wanted = _KINDS[int(choice)][0]
    language = _LANGUAGES[int(generator.choice(3, p=(0.4, 0.4, 0.2)))]
    if "season" in wanted and not target.design.season:
        return []
    words, rare = [], False
    for attribute in wanted:
        word, unseen = _say(target, attribute, language, generator)
        words.append(word)
        rare |= unseen
    text = " ".join(words)
    if text in asked:
        return []
    asked.add(text)
    head: dict[str, object] = {
        Columns.QUERY_ID: f"Q{len(asked):04d}",
        Columns.QUERY: text,
        Columns.IMAGE: "",
        "lang": language,
        "kind": "+".join(wanted),
        "unseen_word": rare,
    }
    judged = ((product, _grade(target, product, wanted)) for product in products)
    return [_pair(head, product, grade) for product, grade in judged if grade]


def _say(
    target: Product, attribute: str, language: Language, generator: np.random.Generator
) -> tuple[str, bool]:
    """Return the word for what is asked, and whether no title ever uses it."""
    design = target.design
    if attribute == "model":
        return design.model, False
    if attribute == "brand":
        return (design.brand.zh if language == "zh" else design.brand.en), False
    term = TERMS[attribute][design.value(attribute)]
    rare = [w for w in term.query_only if language == "mixed" or w.isascii() == (language == "en")]
    if rare and generator.random() < _RARE:
        return rare[0], True
    return choose_word(term, language, generator), False


def _grade(target: Product, product: Product, wanted: tuple[str, ...]) -> int:
    """Return 2 for all that is wanted, 1 for the leaf and all but one of several others, else 0."""
    same = {name: _value(target, name) == _value(product, name) for name in wanted}
    if all(same.values()):
        return 2
    others = [agrees for name, agrees in same.items() if name != "leaf"]
    return int(same.get("leaf", False) and len(others) > 1 and sum(others) == len(others) - 1)


def _value(product: Product, name: str) -> str:
    return product.design.brand.en if name == "brand" else product.design.value(name)


def _judge_picture(
    name: str, picture: PictureQuery, target: Product, products: list[Product]
) -> list[dict[str, object]]:
    head: dict[str, object] = {
        Columns.QUERY_ID: name,
        Columns.QUERY: "",
        Columns.IMAGE: picture.path,
        "lang": "",
        "kind": "picture",
        "unseen_word": False,
    }
    rows = []
    for product in products:
        if product.design == target.design:
            rows.append(_pair(head, product, 2))
        elif product.design.look == picture.look:
            rows.append(_pair(head, product, 1))
    return rows


def _pair(head: dict[str, object], product: Product, grade: int) -> dict[str, object]:
    return {**head, Columns.PRODUCT: product.product_id, Columns.RELEVANCE: grade}
