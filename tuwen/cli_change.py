"""Commands that keep a shop current: add, remove, forget."""

from __future__ import annotations

from typing import Annotated

import typer

from tuwen.cli_options import (
    ColumnOption,
    ImagesOption,
    RejectsOption,
    ShopArgument,
    StrictOption,
    UrlsOption,
    add_commands,
    session_of,
    table_options,
)


def add(
    context: typer.Context,
    shop: ShopArgument,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Products to add.")],
    images: ImagesOption = None,
    column: ColumnOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
    allow_url_images: UrlsOption = False,
) -> None:
    r"""Add products: found by search and listed as new products at once.

    \b
    Example:
      tuwen add my-shop new-products.csv --images photos
    """
    from tuwen.changes import add_products
    from tuwen.loading import load_products
    from tuwen.shop import Shop

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    options = table_options(images, column, strict, rejects, allow_url_images)
    with session.working(f"adding {table}"):
        products = load_products(table, options, note=session.note)
        added, replaced = add_products(opened, products, note=session.note)
    payload = {"shop": str(shop), "added": added, "replaced": replaced}
    session.result(payload, f"{shop}: {added} added, {replaced} replaced")


def remove(
    context: typer.Context,
    shop: ShopArgument,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Products to remove.")],
) -> None:
    r"""Remove products from everything the shop holds, files included.

    \b
    Example:
      tuwen remove my-shop p00042 p00043
    """
    from tuwen.changes import remove_products
    from tuwen.shop import Shop

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    with session.working("removing"):
        removed = remove_products(opened, ids)
    session.result({"shop": str(shop), "removed": removed}, f"{shop}: {removed} removed")


def forget(
    context: typer.Context,
    shop: ShopArgument,
    users: Annotated[list[str], typer.Argument(metavar="USER...", help="Users to forget.")],
) -> None:
    r"""Remove users and all they did from the recommender, files included.

    \b
    Example:
      tuwen forget my-shop u0007
    """
    from tuwen.changes import forget_users
    from tuwen.shop import Shop

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    with session.working("forgetting"):
        known = forget_users(opened, users)
    payload = {"shop": str(shop), "forgotten": known, "unknown": len(set(users)) - known}
    text = f"{shop}: {known} forgotten"
    session.result(payload, text if known == len(set(users)) else f"{text}, the others unknown")


def register(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    add_commands(app, add, remove, forget)
