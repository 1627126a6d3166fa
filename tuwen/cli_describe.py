"""The command that finds words for products nobody described: describe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuwen.cli_options import (
    ColumnOption,
    ImagesOption,
    OutOption,
    ShopArgument,
    add_commands,
    session_of,
    table_options,
)
from tuwen.session import Session, grid, records

if TYPE_CHECKING:
    import pandas as pd

TABLES = (".csv", ".parquet", ".jsonl", ".tsv", ".xlsx", ".gz")
PREVIEW = 5


def describe(
    context: typer.Context,
    shop: ShopArgument,
    out: OutOption,
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE | ID...]", help="A table, or products the shop holds."),
    ] = None,
    confidence: Annotated[
        float, typer.Option("--confidence", help="Tell values of tags from this confidence on.")
    ] = 0.8,
    support: Annotated[
        float, typer.Option("--support", help="Take words with this share of similar titles.")
    ] = 0.25,
    fewer_than: Annotated[
        int, typer.Option("--fewer-than", min=1, help="Only products with fewer words than this.")
    ] = 3,
    images: ImagesOption = None,
    column: ColumnOption = None,
) -> None:
    r"""Write title and description for products that have none, from pictures and tags.

    Words come from the shop's own products, never a brand or a number. They are for people and for
    search by words: a product whose vector is made from them is found less well than by its picture
    alone. Products named by id are described whatever they have; without TABLE or ID, all of the
    shop that lack words.

    \b
    Example:
      tuwen describe my-shop --out words.csv
      tuwen describe my-shop new-products.csv --images photos --out words.parquet
    """
    from core_embeddings.tables import write_table
    from tuwen.describe import DescribeConfig, Describer, undescribed
    from tuwen.product_versions import tokenizer_of
    from tuwen.shop import Shop
    from tuwen.tag_odds import TagModel

    session = session_of(context)
    config = DescribeConfig(confidence=confidence, support=support)
    opened = Shop.open(shop)
    opened.validate()
    catalogue = opened.catalogue()
    options = table_options(images, column, False, None)
    with session.working("describing"):
        products, by_name = _asked(session, catalogue, what or [], options)
        model = TagModel.of(opened)
        tokenize = tokenizer_of(model)
        few = (
            products if by_name else undescribed(products, fewer_than=fewer_than, tokenize=tokenize)
        )
        words = Describer(model, catalogue, opened.vectors(), config).describe(few)
        write_table(words, out)
    payload = {
        "out": str(out),
        "products": len(products),
        "described": len(words),
        "without_title": int((words["title"] == "").sum()),
        "confidence": confidence,
        "support": support,
        "preview": records(words.head(PREVIEW)),
    }
    shown = grid(records(words.head(PREVIEW)), ("product_id", "title", "description"))
    count = f"{out}: words for {len(words)} of {len(products)} products"
    session.result(payload, f"{shown}\n\n{count}" if len(words) else count)


def _asked(
    session: Session, catalogue: pd.DataFrame, what: list[str], options: Any
) -> tuple[pd.DataFrame, bool]:
    """Return the products that were asked for, and whether each was named."""
    from core_embeddings.errors import TableError
    from tuwen.loading import load_products

    if not what:
        return catalogue, False
    if len(what) == 1 and (Path(what[0]).suffix in TABLES or Path(what[0]).is_file()):
        return load_products(what[0], options, note=session.note), False
    unknown = sorted(set(what) - set(catalogue["product_id"]))
    if unknown:
        raise TableError(
            f"the shop has no product {', '.join(map(repr, unknown[:3]))}; "
            "name products it has, or a table of new ones"
        )
    return catalogue[catalogue["product_id"].isin(what)].reset_index(drop=True), True


def register(app: typer.Typer) -> None:
    """Add this command to the console script."""
    add_commands(app, describe)
