"""``tuwen demo``: the whole job on a generated sample; a second run skips what is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_embeddings.artefact import digest_json
from core_embeddings.columns import Columns
from tuwen.inputs import FitRequest
from tuwen.pipeline import FitSummary, fit, summary_payload
from tuwen.report import read_report, report_text
from tuwen.session import Session, grid, records
from tuwen.shop import Shop
from tuwen.stages import StageOutput, Stages

if TYPE_CHECKING:
    import pandas as pd

K = 5


@dataclass(frozen=True)
class DemoSize:
    """How large the sample is, and settings of the fit."""

    products: int = 600
    users: int = 300
    overrides: tuple[str, ...] = ()


def run_demo(out: Path, session: Session, size: DemoSize | None = None) -> None:
    """Make a sample, fit a shop on it, search, tag, recommend, and print the report.

    Parameters
    ----------
    out
        Folder for everything; steps found done there are skipped.
    session
        Seed and output.
    size
        Smaller for tests.
    """
    size = size or DemoSize()
    stages = Stages(out, announce=lambda name: session.note(f"== {name}"))
    sample, shop = out / "sample", out / "shop"
    made = digest_json([size.products, size.users, session.seed])
    stages.run("sample", made, lambda: _make_sample(sample, size, session.seed))
    session.note("== fit")
    request = FitRequest(
        str(sample / "catalogue.parquet"),
        str(sample / "interactions.parquet"),
        str(sample / "queries.parquet"),
        overrides=size.overrides,
        seed=session.seed,
    )
    summary = fit(request, shop, note=session.note)
    key = digest_json([made, summary.shop.state.fingerprint, request.digest()])
    for name, step in (("search", _search), ("tag", _tag), ("recommend", _recommend)):
        stages.run(name, key, lambda step=step: step(summary.shop, out))  # type: ignore[misc]
    session.result(_payload(out, summary), _story(out, summary))


def _make_sample(folder: Path, size: DemoSize, seed: int) -> StageOutput:
    from tuwen.sample import write_sample

    write_sample(folder, products=size.products, users=size.users, seed=seed)
    return StageOutput(("sample",))


def _questions(products: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return what the demo asks: name, words, picture."""
    pictured = products[[len(paths) > 0 for paths in products[Columns.IMAGE]]]
    picture = str(pictured[Columns.IMAGE].iloc[0][0])
    return [
        ("红色 连衣裙", "红色 连衣裙", ""),
        ("blue running shoes", "blue running shoes", ""),
        (Path(picture).name, "", picture),
        (f"black + {Path(picture).name}", "black", picture),
    ]


def _search(shop: Shop, out: Path) -> StageOutput:
    from core_embeddings.tables import write_table
    from tuwen.search import search_shop

    asked = _questions(shop.catalogue())
    hits = search_shop(
        shop,
        texts=[text for _, text, _ in asked],
        images=[image for _, _, image in asked],
        k=K,
        query_ids=[name for name, _, _ in asked],
    )
    write_table(hits, out / "hits.parquet")
    return StageOutput(("hits.parquet",))


def _tag(shop: Shop, out: Path) -> StageOutput:
    from core_embeddings.tables import write_table
    from tuwen.tagging import tag_products

    write_table(tag_products(shop, shop.catalogue()), out / "tags.parquet")
    return StageOutput(("tags.parquet",))


def _recommend(shop: Shop, out: Path) -> StageOutput:
    from core_embeddings.tables import write_table
    from tuwen.recommending import recommend_lists

    write_table(recommend_lists(shop, k=10), out / "lists.parquet")
    return StageOutput(("lists.parquet",))


def _tables(out: Path) -> dict[str, pd.DataFrame]:
    import pandas as pd

    return {name: pd.read_parquet(out / f"{name}.parquet") for name in ("hits", "tags", "lists")}


def _payload(out: Path, summary: FitSummary) -> dict[str, Any]:
    tables = _tables(out)
    return {
        "out": str(out),
        "fit": summary_payload(summary, read_report(summary.shop.root)),
        "hits": records(tables["hits"]),
        "tags": len(tables["tags"]),
        "lists": len(tables["lists"]),
    }


def _story(out: Path, summary: FitSummary) -> str:
    tables = _tables(out)
    hits, tags, lists = tables["hits"], tables["tags"], tables["lists"]
    parts = [
        f"search: {name}\n{grid(records(found), ('rank', 'product_id', 'cosine', 'title'))}"
        for name, found in hits.groupby("query_id", sort=False)
    ]
    auto = float((tags["decision"] == "auto").mean())
    shown = ("product_id", "field", "value", "confidence", "decision")
    parts.append(f"tags ({len(tags)}, {auto:.0%} auto)\n{grid(records(tags.head(5)), shown)}")
    first = lists[lists["user_id"] == lists["user_id"].iloc[0]].head(5)
    parts.append(f"a list of {lists['user_id'].nunique()} users'\n{grid(records(first))}")
    parts.append(report_text(read_report(summary.shop.root)))
    parts.append(_ending(out, summary))
    return "\n\n".join(parts)


def _ending(out: Path, summary: FitSummary) -> str:
    shop = summary.shop.root
    made = {
        f"{out / 'sample'}": "catalogue, interactions, queries and pictures",
        f"{shop}": "the shop: embedder, vectors, taggers, recommender, report",
        f"{out / 'hits.parquet'}": "what the four searches found",
        f"{out / 'tags.parquet'}": "a tag per product and field",
        f"{out / 'lists.parquet'}": "a list per user",
    }
    width = max(map(len, made))
    lines = ["made:", *(f"  {path:<{width}}  {what}" for path, what in made.items()), "next:"]
    return "\n".join(
        [
            *lines,
            f'  tuwen search {shop} "white shirt" --where "price < 300" -k 5',
            f"  tuwen check {out / 'sample' / 'catalogue.parquet'}",
            "  tuwen fit YOUR-CATALOGUE.csv --out my-shop",
        ]
    )
