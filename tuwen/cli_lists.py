"""Commands that write a table for many products or users: embed, tag, recommend."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tuwen.cli_options import (
    ColumnOption,
    ImagesOption,
    KOption,
    OutOption,
    RejectsOption,
    ShopArgument,
    StrictOption,
    UrlsOption,
    add_commands,
    session_of,
    table_options,
)

TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="Products, known or new.")]
What = Literal["fused", "image", "text"]


def embed(
    context: typer.Context,
    shop: ShopArgument,
    table: TableArgument,
    out: OutOption,
    what: Annotated[What, typer.Option("--what", help="Which vector.")] = "fused",
    images: ImagesOption = None,
    column: ColumnOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
    allow_url_images: UrlsOption = False,
) -> None:
    r"""Write the vector of each product: product_id, vector, has_image, has_text.

    \b
    Example:
      tuwen embed my-shop catalogue.parquet --out vectors.parquet --what fused
    """
    if out.suffix != ".parquet":
        raise typer.BadParameter(f"vectors need a .parquet file; got --out {out}")
    from core_embeddings.embedding import embed_to_file
    from tuwen.loading import load_products
    from tuwen.shop import Shop

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    options = table_options(images, column, strict, rejects, allow_url_images)
    with session.working(f"embedding {table}"):
        products = load_products(table, options, note=session.note)
        embedder = opened.embedder()
        embed_to_file(embedder, products, out, what)
    size = embedder.embedding_size
    payload = {
        "out": str(out),
        "products": len(products),
        "embedding_size": size,
        "fingerprint": embedder.fingerprint,
    }
    session.result(payload, f"{out}: {len(products)} vectors of size {size}")


def tag(
    context: typer.Context,
    shop: ShopArgument,
    table: TableArgument,
    out: OutOption,
    fields: Annotated[
        str, typer.Option("--fields", metavar="A,B", help="Only these fields; all by default.")
    ] = "",
    target_precision: Annotated[
        str,
        typer.Option(
            "--target-precision",
            metavar="P",
            help="Promised of auto tags: 0.98, or category=0.98,color=0.95. By default the fit's.",
        ),
    ] = "",
    images: ImagesOption = None,
    column: ColumnOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
    allow_url_images: UrlsOption = False,
) -> None:
    r"""Tag products with a value, a confidence and a decision (auto or review) per field.

    \b
    Example:
      tuwen tag my-shop new-products.parquet --out tags.parquet --fields category,color
      tuwen tag my-shop new-products.parquet --out tags.parquet --target-precision 0.98
    """
    from classify.promise import parse_target
    from core_embeddings.tables import write_table
    from tuwen.loading import load_products
    from tuwen.parts_at_hand import parts_at_hand
    from tuwen.shop import Shop
    from tuwen.tagging import tag_products

    session = session_of(context)
    target = parse_target(target_precision) if target_precision else None
    opened = Shop.open(shop)
    opened.validate()
    options = table_options(images, column, strict, rejects, allow_url_images)
    wanted = [name.strip() for name in fields.split(",") if name.strip()]
    with session.working(f"tagging {table}"):
        products = load_products(table, options, note=session.note)
        tags = tag_products(opened, products, fields=wanted or None, target_precision=target)
        write_table(tags, out)
    parts = parts_at_hand(products)
    if parts.note:
        session.note(parts.note)
    decided = tags["decision"] == "auto"
    auto = float(decided.mean()) if len(tags) else 0.0
    by_field = decided.groupby(tags["field"]).mean()
    for field in by_field.index[by_field == 0]:
        session.note(f"{field}: all for review: none is as sure as the promise takes")
    payload = {
        "out": str(out),
        "products": len(products),
        "image_only": parts.image_only,
        "text_only": parts.text_only,
        "tags": len(tags),
        "fields": sorted(tags["field"].unique()),
        "auto": auto,
        "auto_by_field": by_field.to_dict(),
    }
    session.result(payload, f"{out}: {len(tags)} tags of {len(products)} products, {auto:.0%} auto")


def recommend(
    context: typer.Context,
    shop: ShopArgument,
    out: OutOption,
    users: Annotated[
        str | None, typer.Option("--users", metavar="F", help="Table with a user_id column.")
    ] = None,
    k: KOption = 10,
    keep_seen: Annotated[
        bool, typer.Option("--keep-seen", help="Also list what a user already bought.")
    ] = False,
    column: ColumnOption = None,
) -> None:
    r"""Write a list for every user, or for those in a table; unknown users are welcome.

    \b
    Example:
      tuwen recommend my-shop --out lists.parquet --users users.csv -k 20
    """
    from core_embeddings.tables import write_table
    from tuwen.recommending import recommend_lists
    from tuwen.shop import Shop

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    columns = table_options(None, column, False, None).columns
    with session.working("recommending"):
        lists = recommend_lists(opened, users, k=k, keep_seen=keep_seen, columns=columns)
        write_table(lists, out)
    count = int(lists["user_id"].nunique())
    payload = {"out": str(out), "users": count, "rows": len(lists), "k": k}
    session.result(payload, f"{out}: lists of {count} users, {len(lists)} rows")


def register(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    add_commands(app, embed, tag, recommend)
