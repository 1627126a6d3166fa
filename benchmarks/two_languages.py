"""Chinese and English as equals: what is found when asked for in either language, or misspelt.

    python benchmarks/two_languages.py [emoji] [crossing] [slips] [--test] [--write]

emoji: keyword to picture on emoji_zh_en, with the texts in both languages, in English alone, and
with no text at all. crossing: colours and types asked of hm, whose texts are English, in both
languages. slips: one random edit in a word of a third of fashion's queries. Each set is searched in
its validation products, with --test in its test products. An absent set is skipped with a message.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sections import DATA, write_section
from typing_slips import slipped

from core_embeddings.embedder import FusionEmbedder
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.feature_cache import default_cache_folder
from core_embeddings.missing_parts import MASKED, without_text
from core_embeddings.missing_text import written_texts
from core_embeddings.tables import read_catalogue, taggable_fields
from core_embeddings.text import Tokenizer
from core_embeddings.word_vectors import load_word_vectors
from retrieve.evaluate import evaluate_retrieval
from retrieve.lexical import LexicalIndex
from retrieve.matcher import Matcher

K = 10
Find = Callable[[list[str]], pd.DataFrame]
"""Texts to HITS; queries are named by their place."""


@dataclass(frozen=True)
class Asked:
    """Queries of one kind and the products that answer them."""

    kind: str
    texts: list[str]
    answers: list[list[str]]

    def score(self, find: Find, metrics: Sequence[str]) -> list[float]:
        """Return the mean of each metric."""
        judged = pd.DataFrame(
            [(str(q), p, 1.0) for q, several in enumerate(self.answers) for p in several],
            columns=["query_id", "product_id", "relevance"],
        )
        found = evaluate_retrieval({"it": find(self.texts)}, judged, K).summary
        return [float(found.set_index("metric").loc[f"{m}@{K}", "value"]) for m in metrics]


def main(arguments: list[str]) -> int:
    """Measure the named parts, or all."""
    part = "test" if "--test" in arguments else "val"
    parts = {"emoji": emoji, "crossing": crossing, "slips": slips}
    text = []
    for name in [a for a in arguments if a in parts] or list(parts):
        text.append(parts[name](part))
        print(text[-1], flush=True)
    if "--write" in arguments:
        write_section("two_languages", "\n\n".join(["## Two languages", *text]))
    return 0


def emoji(part: str) -> str:
    """Keyword to picture, by what the catalogue says in which language."""
    if (products := catalogue("emoji_zh_en")) is None:
        return absent("emoji_zh_en")
    queries = pd.read_parquet(DATA / "emoji_zh_en" / "queries.parquet")
    english = products.drop(columns=["title_zh", "description_zh"])
    names = products.assign(description="", description_zh="")
    rows = []
    for label, table, unsaid in (
        ("both languages", products, False),
        ("names in both languages, keyword not among them", names, True),
        ("English alone", english, False),
    ):
        embedder = trained(table)
        rows += emoji_rows(label, embedder, table[table["split"] == part], queries, unsaid)
        if table is products:
            shown = without_text(table[table["split"] == part])
            rows += emoji_rows("pictures alone", embedder, shown, queries, False)
    ours = {row[1]: float(row[3]) for row in rows if row[0] == rows[0][0] and row[2] == "tuwen"}
    title = f"emoji_zh_en, {part} products, {EPOCHS} epochs"
    table = markdown(title, ["catalogue", "query", "model", f"recall@{K}", "n"], rows)
    return f"{table}\n\nIn both languages, zh / en: {ours['zh'] / max(ours['en'], 1e-9):.2f}."


def emoji_rows(
    label: str, embedder: FusionEmbedder, items: pd.DataFrame, queries: pd.DataFrame, unsaid: bool
) -> list[list[str]]:
    """Measure one catalogue with queries of each language, beside two baselines."""
    texts = dict(zip(items["product_id"], map(str.lower, written_texts(items)), strict=True))
    pairs = queries[queries["product_id"].isin(texts)]
    if unsaid:
        both = zip(pairs["query"], pairs["product_id"], strict=True)
        pairs = pairs[[query.lower() not in texts[product] for query, product in both]]
    models: dict[str, Find] = {"tuwen": by_vectors(embedder, items)}
    if any(texts.values()):
        models |= {"bm25": by_words(items), "mean word vector": by_mean_vectors(items)}
    rows = []
    for language, group in pairs.groupby("lang"):
        answers = group.groupby("query")["product_id"].apply(list)
        asked = Asked(str(language), answers.index.tolist(), answers.tolist())
        for model, find in models.items():
            value = asked.score(find, ["recall"])[0]
            rows.append([label, asked.kind, model, f"{value:.3f}", str(len(asked.texts))])
    return rows


def crossing(part: str) -> str:
    """Ask a catalogue in English for colours and types, in English and in Chinese."""
    if (products := catalogue("hm")) is None:
        return absent("hm")
    embedder = trained(products)
    items = products[products["split"] == part]
    leaf = items["category"].str.split(" > ").str[-1]
    english, chinese, answers = [], [], []
    for color, en, zh in glossary(COLORS):
        for kind, one, another in glossary(TYPES):
            right = items["product_id"][(items["color_master"] == color) & (leaf == kind)]
            if len(right):
                english.append(f"{en} {one}")
                chinese.append(zh + another)
                answers.append(right.tolist())
    metrics, rows = ["capped_recall", "ndcg"], []
    models = {"tuwen": by_vectors(embedder, items), "bm25": by_words(items)}
    for kind, texts in (("en", english), ("zh", chinese)):
        for model, find in models.items():
            values = Asked(kind, texts, answers).score(find, metrics)
            rows.append([kind, model, *(f"{v:.3f}" for v in values)])
    with patch("core_embeddings.foreign_words.translations", lambda word: ()):
        values = Asked("zh", chinese, answers).score(models["tuwen"], metrics)
    rows.append(["zh", "tuwen, without the list of shop words", *(f"{v:.3f}" for v in values)])
    embedder.text_input.foreign_words = None
    values = Asked("zh", chinese, answers).score(models["tuwen"], metrics)
    rows.append(["zh", "tuwen, foreign words by their own vectors", *(f"{v:.3f}" for v in values)])
    head = ["query", "model", *(f"{m}@{K}" for m in metrics)]
    return markdown(f"hm (English texts), {len(answers)} queries on {part} products", head, rows)


def slips(part: str) -> str:
    """Search fashion with queries as they are, and with an edit in one word of a third of them."""
    if (products := catalogue("fashion")) is None:
        return absent("fashion")
    embedder = trained(products)
    items = products[products["split"] == part]
    queries = pd.read_parquet(DATA / "fashion" / "queries.parquet")
    judged = queries[queries["product_id"].isin(items["product_id"]) & (queries["query"] != "")]
    answers = judged.groupby("query")["product_id"].apply(lambda ids: list(dict.fromkeys(ids)))
    clean = answers.index.tolist()
    typed = slipped(clean)
    changed = sum(one != other for one, other in zip(clean, typed, strict=True))
    models = {
        "vectors": by_vectors(embedder, items),
        "vectors, as typed": by_vectors(embedder, items, correct=False),
        "bm25": by_words(items, correct=True),
        "bm25, as typed": by_words(items),
    }
    for ending in ("", ", as typed"):
        models[f"hybrid{ending}"] = fused(models[f"vectors{ending}"], models[f"bm25{ending}"])
    rows = []
    for model, find in models.items():
        values = [Asked("", t, answers.tolist()).score(find, ["ndcg"])[0] for t in (clean, typed)]
        rows.append([model, *(f"{value:.3f}" for value in values)])
    what = f"fashion, {len(clean)} queries on {part} products, {changed} with a slip: ndcg@{K}"
    return markdown(what, ["model", "as written", "with slips"], rows)


def trained(products: pd.DataFrame) -> FusionEmbedder:
    """Train an embedder on the train rows, with the defaults and nothing chosen here."""
    learn = products[products["split"] == "train"]
    return FusionEmbedder.train(
        products,
        split=products["split"],
        fields=taggable_fields(learn),
        config=EmbedderConfig(epochs=EPOCHS),
        cache_folder=default_cache_folder(),
    )


def by_vectors(embedder: FusionEmbedder, items: pd.DataFrame, *, correct: bool = True) -> Find:
    """Search by the shared vector."""
    matcher = Matcher(
        items["product_id"].tolist(),
        embedder.encode(items, missing=MASKED),  # a picture alone is alone: no category for it
        fingerprint=embedder.fingerprint,
    )

    def find(texts: list[str]) -> pd.DataFrame:
        if correct:
            vectors = embedder.encode_queries(texts)
        else:
            with patch.object(embedder.text_input, "spelled", list):
                vectors = embedder.encode_queries(texts)
        return matcher.search_vectors(vectors, K, query_ids=names(texts))

    return find


def by_words(items: pd.DataFrame, *, correct: bool = False) -> Find:
    """Search by BM25."""
    index = LexicalIndex(items["product_id"].tolist(), written_texts(items), correct=correct)
    return lambda texts: index.search(texts, K, query_ids=names(texts))


def by_mean_vectors(items: pd.DataFrame) -> Find:
    """Search by the mean of the multilingual encoder's word vectors, untrained."""
    encoder, tokenize = load_word_vectors("auto"), Tokenizer()
    if encoder is None:
        return lambda texts: pd.DataFrame(columns=["query_id", "product_id", "rank", "score"])

    def means(texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [encoder.vectors(tokenize(text) or [""]).mean(axis=0) for text in texts]
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(lengths, 1e-9), dtype=np.float32)

    matcher = Matcher(items["product_id"].tolist(), means(written_texts(items)), fingerprint="")
    return lambda texts: matcher.search_vectors(means(texts), K, query_ids=names(texts))


def fused(*finders: Find) -> Find:
    """Search by reciprocal rank fusion (Cormack et al., 2009; constant 60)."""

    def find(texts: list[str]) -> pd.DataFrame:
        hits = pd.concat([find(texts) for find in finders])
        hits["score"] = 1 / (60 + hits["rank"])
        hits = hits.groupby(["query_id", "product_id"], as_index=False)["score"].sum()
        hits = hits.sort_values(["query_id", "score", "product_id"], ascending=[True, False, True])
        hits["rank"] = hits.groupby("query_id").cumcount() + 1
        return hits[hits["rank"] <= K]

    return find


def names(texts: Sequence[str]) -> list[str]:
    """Name queries by their place."""
    return [str(place) for place in range(len(texts))]


def catalogue(name: str) -> pd.DataFrame | None:
    """Read a set's products, or None where it is absent."""
    path: Path = DATA / name / "catalogue.parquet"
    return read_catalogue(path, cache_folder=default_cache_folder()).rows if path.exists() else None


def glossary(text: str) -> list[list[str]]:
    """Return the triples of a glossary."""
    return [entry.strip().split("=") for entry in text.split(";")]


def absent(name: str) -> str:
    """Say that a set is not there."""
    return f"{name}: {DATA / name} is absent; skipped (set TUWEN_DATA)"


def markdown(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a title."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return "\n".join([f"**{title}**", "", lines[0], "|" + "---|" * len(head), *lines[1:]])


EPOCHS = 12
COLORS = """
    Black=black=黑色; White=white=白色; Blue=blue=蓝色; Beige=beige=米色; Grey=grey=灰色;
    Pink=pink=粉色; Orange=orange=橙色; Green=green=绿色; Brown=brown=棕色; Red=red=红色;
    Yellow=yellow=黄色; Lilac Purple=purple=紫色; Khaki green=khaki green=军绿色;
    Turquoise=turquoise=青绿色
"""
"""hm's name of a colour, and what people say in English and in Chinese; types likewise."""
TYPES = """
    Trousers=trousers=裤子; Sweater=sweater=毛衣; Dress=dress=连衣裙; Top=top=上衣;
    T-shirt=t-shirt=T恤; Bra=bra=文胸; Blouse=blouse=女衬衫; Vest top=vest top=背心;
    Shirt=shirt=衬衫; Skirt=skirt=半身裙; Socks=socks=袜子; Jacket=jacket=夹克;
    Leggings/Tights=leggings=打底裤; Hoodie=hoodie=连帽衫; Cardigan=cardigan=开衫;
    Bikini top=bikini top=比基尼上衣; Blazer=blazer=西装外套; Shorts=shorts=短裤;
    Boots=boots=靴子; Belt=belt=腰带; Earring=earring=耳环; Bag=bag=包; Necklace=necklace=项链;
    Scarf=scarf=围巾; Swimsuit=swimsuit=泳衣; Coat=coat=大衣; Sneakers=sneakers=运动鞋;
    Gloves=gloves=手套; Pyjama set=pyjamas=睡衣
"""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
