"""Commands that tell how far the catalogue and the taggers can be trusted: suspects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuwen.cli_options import ShopArgument, add_commands, session_of
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
    from core_embeddings.tables import write_table
    from tuwen.shop import Shop
    from tuwen.suspecting import SuspectConfig, shop_suspects

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
    shown = records(table.head(SHOWN).drop(columns="answer"))
    ending = f"{len(table)} labels are at least {least:.0%} likely to be wrong"
    ending += "" if out is None else f": {out}; fill in answer, then: tuwen correct {shop} {out}"
    session.result(payload, "\n\n".join([grid(shown), grid(summary), ending]))


def register(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    add_commands(app, suspects)
