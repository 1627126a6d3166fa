"""Commands that tell how far labels and taggers can be trusted: suspects, drift, teach."""

from __future__ import annotations

from pathlib import Path
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
from tuwen.session import grid, records

SHOWN = 20


def suspects(
    context: typer.Context,
    shop: ShopArgument,
    fields: Annotated[
        str, typer.Option("--fields", metavar="A,B", help="Only these fields; all by default.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="OUT", help="Write them all to this table.")
    ] = None,
    least: Annotated[
        float, typer.Option("--least", min=0, max=1, help="Probability of being wrong, at least.")
    ] = 0.5,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most so many, the likeliest.")
    ] = None,
    accept: Annotated[
        float, typer.Option("--accept", min=0, help="Answer with the suggestion from here on.")
    ] = 2.0,
) -> None:
    r"""List labels of the catalogue that are probably wrong, with what they should be.

    Fill in the column answer of the table (--accept does it where the probability is high), then
    run tuwen correct.

    \b
    Example:
      tuwen suspects my-shop --fields category,color --out suspects.csv
      tuwen correct my-shop suspects.csv
    """
    from classify.suspects import SuspectConfig
    from core_embeddings.tables import write_table
    from tuwen.shop import Shop
    from tuwen.suspecting import shop_suspects

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    names = [name.strip() for name in fields.split(",") if name.strip()]
    with session.working("hearing what speaks against each label"):
        config = SuspectConfig(seed=session.seed)
        found = shop_suspects(opened, fields=names or None, config=config)
    table = found.table[found.table["score"] >= least].head(limit or len(found.table))
    table = table.assign(answer=table["suggested"].where(table["score"] >= accept, ""))
    if out is not None:
        write_table(table, out)
    summary = [field._asdict() for field in found.fields]
    payload = {
        "shop": str(shop),
        "out": None if out is None else str(out),
        "fields": summary,
        "listed": len(table),
        "suspects": records(table.head(SHOWN) if limit is None else table),
    }
    first = table["reasons"].map(lambda text: text.partition("; ")[0])
    shown = records(table.assign(reasons=first).head(SHOWN).drop(columns="answer"))
    ending = f"{len(table)} labels are at least {least:.0%} likely to be wrong"
    ending += "" if out is None else f": {out}; fill in answer, then: tuwen correct {shop} {out}"
    session.result(payload, "\n\n".join([grid(shown), grid(summary), ending]))


def drift(
    context: typer.Context,
    shop: ShopArgument,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Incoming products.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="OUT", help="Write products that fit nothing known here."),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option("--alpha", min=0.0001, max=0.5, help="Chance of a false alarm, at most."),
    ] = 0.05,
    images: ImagesOption = None,
    column: ColumnOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
    allow_url_images: UrlsOption = False,
) -> None:
    r"""Tell whether incoming products still look like those the shop was fitted on.

    Vectors, words, pictures and the values each field would get are compared with the held-out
    products. Where nothing changed, the chance that any line says alarm is --alpha.

    \b
    Example:
      tuwen drift my-shop new-products.csv --images photos --out strangers.csv
    """
    from core_embeddings.tables import write_table
    from tuwen.drift import DriftConfig, shop_drift
    from tuwen.loading import load_products
    from tuwen.shop import Shop

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    options = table_options(images, column, strict, rejects, allow_url_images)
    config = DriftConfig(alpha=alpha, seed=session.seed)
    with session.working(f"comparing {table}"):
        incoming = load_products(table, options, note=session.note)
        found = shop_drift(opened, incoming, config)
    if found.incoming == config.rows < len(incoming):
        session.note(f"{len(incoming)} products came; {found.incoming} drawn from them are judged")
    if out is not None:
        write_table(found.strangers, out)
    lines = records(found.lines)
    payload = {
        "shop": str(shop),
        "alpha": alpha,
        "incoming": found.incoming,
        "held_out": found.held_out,
        "alarms": found.alarms,
        "lines": lines,
        "strangers": int(found.strangers["product_id"].nunique()),
        "out": None if out is None else str(out),
    }
    ending = (
        f"{found.incoming} incoming products against {found.held_out} held-out ones: "
        f"{found.alarms or 'no'} alarm{'' if found.alarms == 1 else 's'}"
    )
    ending += "" if out is None else f"; products that fit nothing known: {out}"
    session.result(payload, f"{grid(lines)}\n\n{ending}")


def teach(
    context: typer.Context,
    shop: ShopArgument,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="A column of the catalogue.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="New or known.")],
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Products that have it.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="OUT", help="Write products that probably have it too."),
    ] = None,
) -> None:
    r"""Teach a field a value from a few products; a new one is learned from 5 on.

    It is a correction like any other: tuwen correct SHOP --undo takes it back. Five are few for the
    heads: fill in the column answer of --out, then run tuwen correct.

    \b
    Example:
      tuwen teach my-shop color Teal p00042 p00043 p00051 p00077 p00090 --out likely.csv
    """
    from dataclasses import asdict

    from core_embeddings.tables import write_table
    from tuwen.shop import Shop
    from tuwen.teaching import likely_members, teach_value

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    with session.working(f"teaching {field} {value}"):
        done = teach_value(opened, field, value, ids)
        likely = None if out is None else likely_members(opened, field, done.value)
    if out is not None and likely is not None:
        write_table(likely, out)
    payload = {"shop": str(shop), "field": field, **asdict(done)}
    payload |= {"out": None, "likely": None} if likely is None else {}
    payload |= {} if likely is None else {"out": str(out), "likely": len(likely)}
    ending = "" if likely is None else f"; {len(likely)} more probably have it: {out}"
    session.result(payload, f"{shop}: {done.told(field)}{ending}")


def register(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    add_commands(app, suspects, drift, teach)
