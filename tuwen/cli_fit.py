"""Commands that fit and measure: fit, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from tuwen.loading import TableOptions
from tuwen.report import report_text
from tuwen.session import Session

if TYPE_CHECKING:
    from tuwen.held_out import HeldOut
    from tuwen.shop import Shop


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
    missing: Annotated[
        bool,
        typer.Option("--missing", help="Take texts, then pictures, away from the test products."),
    ] = False,
    images: ImagesOption = None,
    column: ColumnOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
    allow_url_images: UrlsOption = False,
) -> None:
    r"""Print the metrics beside their baselines: of the fit, or of the held-out tables given.

    With --missing: what is left of tags, search (with --queries) and lists when more and more test
    products lose their text or their picture, for each policy of what stands in for it; a picture
    of it goes to SHOP/missing.png and to MLflow.

    \b
    Example:
      tuwen evaluate my-shop
      tuwen evaluate my-shop --queries judged.parquet --interactions next-week.parquet
      tuwen evaluate my-shop --missing --queries judged.parquet
    """
    from tuwen.held_out import HeldOut, evaluate_held_out
    from tuwen.report import read_report
    from tuwen.shop import Shop

    if missing and (products or interactions):
        raise typer.BadParameter("--missing uses the shop's test products; it takes --queries only")
    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    tables = HeldOut(queries, products, interactions)
    options = table_options(images, column, strict, rejects, allow_url_images)
    if missing:
        _evaluate_missing(session, opened, tables, options)
        return
    if tables == HeldOut():
        rows = read_report(opened.root)
    else:
        with session.working("evaluating"):
            rows = evaluate_held_out(opened, tables, options, note=session.note)
    session.result({"shop": str(shop), "report": rows}, report_text(rows))


def _evaluate_missing(session: Session, shop: Shop, tables: HeldOut, options: TableOptions) -> None:
    from tuwen.missing_run import PICTURE, evaluate_missing, missing_text

    with session.working("taking parts away"):
        rows = evaluate_missing(shop, tables.queries, options, seed=session.seed, note=session.note)
    payload = {"shop": str(shop.root), "picture": str(shop.path(PICTURE)), "missing": rows}
    session.result(payload, f"{missing_text(rows)}\n\n{shop.path(PICTURE)}")


def register(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    add_commands(app, fit, evaluate)
