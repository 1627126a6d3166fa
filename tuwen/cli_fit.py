"""Commands that fit and measure: fit, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuwen.cli_options import (
    ColumnOption,
    ImagesOption,
    InteractionsOption,
    QueriesOption,
    RejectsOption,
    ShopArgument,
    StrictOption,
    UrlsOption,
    add_commands,
    session_of,
    table_options,
)
from tuwen.report import report_text


def fit(
    context: typer.Context,
    catalogue: Annotated[str, typer.Argument(metavar="CATALOGUE", help="Table of products.")],
    out: Annotated[Path, typer.Option("--out", metavar="SHOP", help="Folder to make or go on in.")],
    interactions: InteractionsOption = None,
    queries: QueriesOption = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="C.toml", help="Settings.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting; repeatable."),
    ] = None,
    images: ImagesOption = None,
    column: ColumnOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
    allow_url_images: UrlsOption = False,
) -> None:
    r"""Train, embed, index, fit taggers and recommender, evaluate; skip what is done.

    \b
    Example:
      tuwen fit catalogue.parquet --out my-shop --interactions interactions.parquet
      tuwen fit catalogue.csv --out my-shop --images photos --set epochs=10 --set preset=article
    """
    from tuwen.inputs import FitRequest
    from tuwen.pipeline import fit as fit_shop
    from tuwen.pipeline import summary_payload
    from tuwen.report import read_report

    session = session_of(context)
    request = FitRequest(
        catalogue,
        interactions or None,
        queries or None,
        table_options(images, column, strict, rejects, allow_url_images),
        config,
        tuple(overrides or ()),
        session.seed,
    )
    summary = fit_shop(request, out, note=session.note)
    rows = read_report(out)
    head = "nothing has changed since the last fit" if summary.skipped else "done"
    session.result(summary_payload(summary, rows), f"{out}: {head}\n\n{report_text(rows)}")


def evaluate(
    context: typer.Context,
    shop: ShopArgument,
    queries: QueriesOption = None,
    products: Annotated[
        str | None,
        typer.Option("--products", metavar="P", help="Held-out products with known tags."),
    ] = None,
    interactions: InteractionsOption = None,
    images: ImagesOption = None,
    column: ColumnOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
    allow_url_images: UrlsOption = False,
) -> None:
    r"""Print the metrics beside their baselines: of the fit, or of the held-out tables given.

    \b
    Example:
      tuwen evaluate my-shop
      tuwen evaluate my-shop --queries judged.parquet --interactions next-week.parquet
    """
    from tuwen.held_out import HeldOut, evaluate_held_out
    from tuwen.report import read_report
    from tuwen.shop import Shop

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    tables = HeldOut(queries, products, interactions)
    if tables == HeldOut():
        rows = read_report(opened.root)
    else:
        options = table_options(images, column, strict, rejects, allow_url_images)
        with session.working("evaluating"):
            rows = evaluate_held_out(opened, tables, options, note=session.note)
    session.result({"shop": str(shop), "report": rows}, report_text(rows))


def register(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    add_commands(app, fit, evaluate)
