"""Are the reasons of `tuwen why` true? The deletion test.

    python benchmarks/why.py [hm] [fashion] [--split test] [--cases 500] [--shop DIR] [--write]

For each of 500 products, of one field in turn: the words that the reason names are removed, or the
region is filled with the picture's border colour, and the product goes the whole way through the
embedder and the taggers again. Beside it, four random removals of equal size: words until at least
as many stand there no more; a box of the same shape anywhere within the thing shown. A case is won
where the named removal lowers the tag's confidence more; ties are lost. Confidence is compared as
log-odds, which order tags alike and do not end at 1.

A tag whose reason names no words (or no region: the field's taggers do not look at pictures, say)
is no case, and is counted. Needs the fitted shops of real_sets.py, or --shop.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from sections import DATA, ROOT, write_section

if TYPE_CHECKING:
    from tuwen.reasons import TagReason
    from tuwen.tag_odds import TagModel

OUT = Path(os.environ.get("TUWEN_BENCH", "benchmarks/out"))
DRAWS = 4
TIE = 1e-9


class Case(NamedTuple):
    """What one tag lost by several removals, in log-odds.

    Attributes
    ----------
    kind
        ``words``, ``words by TF-IDF share alone`` or ``region``.
    field
        Of the tag.
    named
        By what the reason names.
    drawn
        By the random removals.
    """

    kind: str
    field: str
    named: float
    drawn: list[float]


def main() -> int:
    """Measure the named sets, or all."""
    options = _options()
    tables = []
    for name in options.sets or ["hm", "fashion"]:
        shop = Path(options.shop or ROOT / OUT) / f"{name}-shop"
        if not shop.is_dir() or not (DATA / name).is_dir():
            print(f"{name}: {shop} or {DATA / name} is absent; skipped (run real_sets.py first)")
            continue
        cases, silent = measure(shop, options.split, options.cases)
        tables.append(table(name, cases, silent, options.split))
        print(tables[-1], flush=True)
    if options.write and tables:
        write_section("why", "\n\n".join(["## Why: the deletion test", *tables]))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--split", default="test")
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--shop", default="")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def measure(folder: Path, split: str, count: int) -> tuple[list[Case], dict[str, int]]:
    """Return the cases of a shop, and how many tags named nothing, by kind."""
    from tuwen.reasons import explain
    from tuwen.shop import Shop
    from tuwen.tag_odds import TagModel

    shop = Shop.open(folder)
    model, products = TagModel.of(shop), shop.catalogue()
    rng = np.random.default_rng(0)
    held = np.flatnonzero(products["split"] == split)
    cases: list[Case] = []
    silent = {"words": 0, "region": 0}
    for number, row in enumerate(rng.permutation(held)[:count].tolist()):
        product = products.iloc[[row]].reset_index(drop=True)
        reasons = explain(model, product).tags
        told = [reason for reason in reasons if reason.named]
        seen = [reason for reason in reasons if reason.region and reason.region.box]
        silent["words"] += len(reasons) - len(told)
        silent["region"] += len(reasons) - len(seen)
        if told:
            cases += word_cases(model, product, told[number % len(told)], rng)
        if seen:
            cases.append(region_case(model, product, seen[number % len(seen)], rng))
    return cases, silent


def word_cases(
    model: TagModel, product: pd.DataFrame, reason: TagReason, rng: np.random.Generator
) -> Iterator[Case]:
    """Remove the named words, those of the largest TF-IDF shares, and random ones."""
    from tuwen.product_versions import product_text, reworded, tokenizer_of
    from tuwen.reason_words import count_words

    tokenize = tokenizer_of(model)
    counts = count_words(product_text(product), tokenize)
    named = [word.word for word in reason.named]
    shares = sorted(reason.words, key=lambda word: -word.share)[: len(named)]
    by_share = [word.word for word in shares]
    kinds = {"words": named, "words by TF-IDF share alone": by_share}
    sizes = [sum(counts[word] for word in chosen) for chosen in kinds.values()]
    drawn = [[_draw(counts, size, rng) for _ in range(DRAWS)] for size in sizes]
    sets = [
        one
        for chosen, random in zip(kinds.values(), drawn, strict=True)
        for one in (chosen, *random)
    ]
    lost = losses(model, product, reworded(product, sets, tokenize), reason)
    for at, kind in enumerate(kinds):
        own = lost[at * (1 + DRAWS) : (at + 1) * (1 + DRAWS)]
        yield Case(kind, reason.field, own[0], own[1:])


def _draw(counts: dict[str, int], size: int, rng: np.random.Generator) -> list[str]:
    """Draw words until they stand in at least ``size`` places."""
    drawn: list[str] = []
    for word in rng.permutation(list(counts)).tolist():
        if sum(counts[one] for one in drawn) >= size:
            break
        drawn.append(word)
    return drawn


def region_case(
    model: TagModel, product: pd.DataFrame, reason: TagReason, rng: np.random.Generator
) -> Case:
    """Cover the named region, and random boxes of its shape within the thing shown."""
    from tuwen.product_versions import repainted
    from tuwen.reason_regions import Box, random_box

    region = reason.region
    assert region is not None and region.box is not None
    shown = region.picture.shown
    boxes = [region.box, *(random_box(shown, region.box.shape, rng) for _ in range(DRAWS))]
    with tempfile.TemporaryDirectory() as folder:
        rows = repainted(product, region.picture, [Box(0, 0, 0, 0), *boxes], Path(folder))
        lost = losses(model, rows[:1], rows[1:], reason)
    return Case("region", reason.field, lost[0], lost[1:])


def losses(
    model: TagModel, product: pd.DataFrame, versions: pd.DataFrame, reason: TagReason
) -> list[float]:
    """Return by how much the tag's log-odds fall from the product to each version."""
    both = pd.concat([product, versions], ignore_index=True)
    said = model.ask(both, [reason.field]).by_field[reason.field]
    odds = model.odds(said, reason.field, reason.value)
    assert odds is not None  # a tag that could be nothing else has no named words
    return [float(odds[0] - other) for other in odds[1:]]


def table(name: str, cases: Sequence[Case], silent: dict[str, int], split: str) -> str:
    """Return the Markdown of a set."""
    head = (
        "| removed | cases | lowers the confidence | more than random | ties | median loss "
        "| of random |"
    )
    lines = [f"### {name}, {split} products", "", head, "|" + "---|" * 7]
    kinds = list(dict.fromkeys(case.kind for case in cases))
    lines += [_line(kind, [case for case in cases if case.kind == kind]) for kind in kinds]
    lines += ["", f"Tags that name no words: {silent['words']}, no region: {silent['region']}."]
    for kind in kinds:
        fields = sorted({case.field for case in cases if case.kind == kind})
        own = (
            f"{field} {_won([c for c in cases if (c.kind, c.field) == (kind, field)]):.3f}"
            for field in fields
        )
        lines += ["", f"By field, {kind}: {', '.join(own)}."]
    return "\n".join(lines)


def _won(cases: Sequence[Case]) -> float:
    return float(np.mean([case.named > other + TIE for case in cases for other in case.drawn]))


def _line(kind: str, cases: Sequence[Case]) -> str:
    lowers = np.mean([case.named > TIE for case in cases])
    ties = np.mean([abs(case.named - other) <= TIE for case in cases for other in case.drawn])
    loss = np.median([case.named for case in cases])
    other = np.median([one for case in cases for one in case.drawn])
    numbers = f"{lowers:.3f} | **{_won(cases):.3f}** | {ties:.3f} | {loss:.2f} | {other:.2f}"
    return f"| {kind} | {len(cases)} | {numbers} |"


if __name__ == "__main__":
    raise SystemExit(main())
