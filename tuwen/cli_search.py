"""Commands that look things up: search, similar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tuwen.cli_options import (
    ColumnOption,
    ImagesOption,
    KOption,
    QueriesOption,
    RejectsOption,
    ShopArgument,
    StrictOption,
    UrlsOption,
    add_commands,
    session_of,
    table_options,
)
from tuwen.session import Session, grid, records

SHOWN = ("rank", "product_id", "score", "cosine", "title")


def search(
    context: typer.Context,
    shop: ShopArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for.")] = "",
    image: Annotated[
        Path | None, typer.Option("--image", metavar="F", help="A picture to look for.")
    ] = None,
    k: KOption = 10,
    where: Annotated[
        str, typer.Option("--where", metavar="EXPR", help="Only products that fit a filter.")
    ] = "",
    user: Annotated[str, typer.Option("--user", metavar="U", help="Mix in a user's taste.")] = "",
    queries: QueriesOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="HITS", help="Where the hits go.")
    ] = None,
    images: ImagesOption = None,
    column: ColumnOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
    allow_url_images: UrlsOption = False,
) -> None:
    r"""Find products by words, a picture, or both.

    \b
    Example:
      tuwen search my-shop "红色 dress" --image photo.jpg --where "price < 300" -k 5
      tuwen search my-shop --queries queries.parquet --out hits.parquet
    """
    session = session_of(context)
    if queries is not None:
        if text or image or user or out is None:
            raise typer.BadParameter("--queries takes --out HITS, and no TEXT, --image or --user")
        options = table_options(images, column, strict, rejects, allow_url_images)
        _search_batch(session, shop, queries, out, options, k=k, where=where)
        return
    if not (text.strip() or image or user):
        raise typer.BadParameter("search needs TEXT, --image, --user or --queries")
    from tuwen.search import search_shop
    from tuwen.shop import Shop

    opened = Shop.open(shop)
    opened.validate()
    with session.working("searching"):
        hits = search_shop(
            opened,
            texts=[text],
            images=[str(image or "")],
            k=k,
            where=where,
            user=user,
            note=session.note,
        )
    if out is not None:
        _write_hits(hits, out)
    asked = {"text": text, "image": str(image or ""), "where": where, "user": user}
    _show_hits(session, hits, asked)


def similar(
    context: typer.Context,
    shop: ShopArgument,
    product_id: Annotated[str, typer.Argument(metavar="PRODUCT_ID", help="A product it holds.")],
    k: KOption = 10,
) -> None:
    r"""List the products nearest to one.

    \b
    Example:
      tuwen similar my-shop p00042 -k 5
    """
    from tuwen.search import similar_products
    from tuwen.shop import Shop

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    hits = similar_products(opened, product_id, k=k)
    _show_hits(session, hits, {"product_id": product_id})


def _search_batch(
    session: Session, folder: Path, queries: str, out: Path, options: Any, *, k: int, where: str
) -> None:
    from tuwen.search import read_searches, search_shop
    from tuwen.shop import Shop

    shop = Shop.open(folder)
    shop.validate()
    rows = read_searches(queries, options, note=session.note)
    with session.working(f"searching {len(rows)} queries"):
        hits = search_shop(
            shop,
            texts=rows["query"].tolist(),
            images=rows["image"].tolist(),
            k=k,
            where=where,
            query_ids=rows["query_id"].tolist(),
            note=session.note,
        )
    _write_hits(hits, out)
    payload = {"out": str(out), "queries": len(rows), "hits": len(hits)}
    session.result(payload, f"{len(hits)} hits for {len(rows)} queries in {out}")


def _write_hits(hits: Any, out: Path) -> None:
    from core_embeddings.tables import write_table

    write_table(hits[["query_id", "product_id", "rank", "score"]], out)


def _show_hits(session: Session, hits: Any, asked: dict[str, str]) -> None:
    rows = records(hits)
    text = grid(rows, SHOWN) if rows else "no product fits"
    session.result({"query": asked, "hits": rows}, text)


def register(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    add_commands(app, search, similar)
