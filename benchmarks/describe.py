"""What the words of `tuwen describe` are worth.

    python benchmarks/describe.py [hm] [fashion] [--split test] [--shop DIR] [--write]

Everything written of the products of one split is hidden, brand included; their words come from the
pictures, the tags and the products of the other splits alone (for --split val: of train). Then

- title F1: words in common with the true title (without regard to order and case), beside the most
  frequent title of the predicted category, the nearest product's title and all words of the tags;
- found by its true title: the true title is asked for among the products of the split, by vector
  and by BM25; recall@10 and mrr@10 of the products that have exactly this title. Beside it no text,
  the words that the network infers (missing_text = image), and their own words, the upper bound.

Needs the fitted shops of real_sets.py, or --shop.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sections import DATA, ROOT, write_section

if TYPE_CHECKING:
    from tuwen.shop import Shop

OUT = Path(os.environ.get("TUWEN_BENCH", "benchmarks/out"))
SOURCES = {"test": ("train", "val"), "val": ("train",)}
K = 10


class Held(NamedTuple):
    """Products of one split.

    Attributes
    ----------
    true, bare
        With their own words, and with nothing written.
    described
        What `Describer.describe` says of them.
    first, stripped
        Title of the nearest product, as it is and without brand and numbers.
    frequent
        Most frequent title of the predicted category.
    tags
        All words of the told tags.
    """

    true: pd.DataFrame
    bare: pd.DataFrame
    described: pd.DataFrame
    first: list[str]
    stripped: list[str]
    frequent: list[str]
    tags: list[str]


def main() -> int:
    """Measure the named sets, or both."""
    options = _options()
    tables = []
    for name in options.sets or ["hm", "fashion"]:
        folder = Path(options.shop or ROOT / OUT) / f"{name}-shop"
        if not folder.is_dir() or not (DATA / name).is_dir():
            print(f"{name}: {folder} or {DATA / name} is absent; skipped (run real_sets.py first)")
            continue
        tables.append(measure(name, folder, options.split))
        print(tables[-1], flush=True)
    if options.write and tables:
        write_section("describe", "\n\n".join(["## Words for products without text", *tables]))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--split", default="test", choices=sorted(SOURCES))
    parser.add_argument("--shop", default="")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def measure(name: str, folder: Path, split: str) -> str:
    """Return the Markdown of a set."""
    from tuwen.shop import Shop

    shop = Shop.open(folder)
    embedder = shop.embedder()
    held = describe_held(shop, embedder, split)
    count = len(held.true)
    lines = [f"### {name}, {count} {split} products without their text", "", *titles(held), ""]
    lines += found_by_title(embedder, held)
    samples = held.described.assign(true=held.true["title"]).iloc[:: max(1, count // 5)]
    lines += ["", "Examples (true title → described):", ""]
    lines += [f"- {row.true} → {row.title}. {row.description}" for row in samples.itertuples()]
    return "\n".join(lines)


def describe_held(shop: Shop, embedder: Any, split: str) -> Held:
    """Describe the products of a split by those of others."""
    from tuwen.describe import Describer, hidden
    from tuwen.neighbour_titles import joined, title_words
    from tuwen.product_versions import tokenizer_of
    from tuwen.tag_odds import TagModel

    products, table = shop.catalogue(), shop.vectors()
    source = products["split"].isin(SOURCES[split]).to_numpy()
    rows = np.flatnonzero(source)
    known = products.iloc[rows].reset_index(drop=True)
    own = table._replace(
        product_ids=known["product_id"].tolist(),
        vectors=table.vectors[rows],
        has_image=table.has_image[rows],
        has_text=table.has_text[rows],
    )
    held = (products["split"] == split) & (products["title"] != "")
    true = products[held].reset_index(drop=True)
    bare = hidden(true)
    model = TagModel(embedder, shop.taggers())
    described = Describer(model, known, own).describe(bare)
    nearest = (embedder.encode(bare) @ own.vectors.T).argmax(axis=1)
    answers = model.ask(bare, ["category"]).by_field["category"]
    said = model.taggers.tagger("category").classes_[answers.argmax(axis=1)]
    usual = known.groupby("category")["title"].agg(lambda own: own.value_counts().index[0])
    near = known.iloc[nearest]
    pairs = zip(near["title"], near["brand"], strict=True)
    stripped = [title_words(*pair, tokenizer_of(model)).words.values() for pair in pairs]
    return Held(
        true,
        bare,
        described,
        near["title"].tolist(),
        [joined(words) for words in stripped],
        [usual.get(value, "") for value in said],
        [_values(tags) for tags in described["tags"]],
    )


def _values(tags: Sequence[str]) -> str:
    return " ".join(tag.split("=", 1)[1].rsplit(" (", 1)[0] for tag in tags)


def titles(held: Held) -> list[str]:
    """Return the table of title F1."""
    rows = {
        "described": held.described["title"].tolist(),
        "nearest product's title": held.first,
        "the same without brand and numbers": held.stripped,
        "most frequent title of the category": held.frequent,
        "words of the tags": held.tags,
    }
    lines = ["| title | token F1 | no title |", "|---|---|---|"]
    for name, given in rows.items():
        scores = [f1(*pair) for pair in zip(given, held.true["title"], strict=True)]
        empty = np.mean([not title for title in given])
        lines.append(f"| {name} | {np.mean(scores):.3f} | {empty:.3f} |")
    return lines


def f1(given: str, true: str) -> float:
    """Return the F1 of two titles' words."""
    one, other = Counter(given.lower().split()), Counter(true.lower().split())
    return 2 * (one & other).total() / max(1, one.total() + other.total())


def found_by_title(embedder: Any, held: Held) -> list[str]:
    """Return the table of products found by their true title."""
    from core_embeddings.missing_parts import MissingParts

    words = held.described[["title", "description"]]
    described = held.bare.assign(**{name: words[name] for name in words.columns})
    inferred = held.bare.assign(
        title=embedder.stand_in_texts(held.bare, MissingParts(text="image"))
    )
    queries = held.true["title"].tolist()
    asked = embedder.encode_queries(queries)
    same = np.array(queries)[:, None] == np.array(queries)[None, :]
    lines = ["| text | vector recall@10 | mrr@10 | BM25 recall@10 | mrr@10 |", "|" + "---|" * 5]
    for name, products in {
        "none": held.bare,
        "inferred by the network": inferred,
        "described": described,
        "their own": held.true,
    }.items():
        scores = asked @ embedder.encode(products).T
        texts = (products["title"] + " " + products["description"]).tolist()
        numbers = [*ranked(scores, same), *ranked(lexical(texts, queries), same)]
        lines.append(f"| {name} | " + " | ".join(f"{value:.3f}" for value in numbers) + " |")
    return lines


def lexical(texts: list[str], queries: list[str]) -> NDArray[Any]:
    """Return BM25 scores of every query (row) and text (column)."""
    import bm25s

    if not any(map(str.split, texts)):  # it cannot index nothing
        return np.zeros((len(queries), len(texts)))
    index = bm25s.BM25()
    index.index(_cut(texts), show_progress=False)
    return np.array([index.get_scores(tokens) for tokens in _cut(queries)])


def _cut(texts: list[str]) -> list[list[str]]:
    return [text.lower().split() for text in texts]


def ranked(scores: NDArray[Any], same: NDArray[Any]) -> tuple[float, float]:
    """Return recall@10 and mrr@10; nothing that scores 0 or less is found."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    rows = np.arange(len(scores))[:, None]
    hits = same[rows, order] & (scores[rows, order] > 0)
    recall = (hits.sum(axis=1) / same.sum(axis=1)).mean()
    first = np.where(hits.any(axis=1), 1 / (1 + hits.argmax(axis=1)), 0)
    return float(recall), float(first.mean())


if __name__ == "__main__":
    raise SystemExit(main())
