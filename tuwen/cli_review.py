"""Commands of the loop with humans: review, correct."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tuwen.cli_options import (
    ColumnOption,
    RejectsOption,
    ShopArgument,
    StrictOption,
    add_commands,
    session_of,
    table_options,
)
from tuwen.session import Session, grid

if TYPE_CHECKING:
    from tuwen.shop import Shop

SHOWN = ("product_id", "field", "suggested", "confidence", "priority", "title")
VERSIONS_SHOWN = ("version", "time", "answers", "products", "fields", "state")


def review(
    context: typer.Context,
    shop: ShopArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="CSV", help="The worklist; a page goes beside it.")
    ] = Path("review.csv"),
    fields: Annotated[
        str, typer.Option("--fields", metavar="A,B", help="Only these fields; all by default.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many questions.")] = 200,
    budget: Annotated[
        bool, typer.Option("--budget", help="Also say how much the first answers settle.")
    ] = False,
) -> None:
    r"""Write what a human should look at first, as CSV and as a page with pictures.

    First come the products that are uncertain, in demand and like many others. Fill in the column
    answer, then run tuwen correct.

    \b
    Example:
      tuwen review my-shop --out review.csv --fields category,color --limit 100
    """
    if out.suffix != ".csv":
        raise typer.BadParameter(f"a worklist is a .csv file; got --out {out}")
    from core_embeddings.tables import write_table
    from tuwen.review import review_shop
    from tuwen.review_page import write_page
    from tuwen.shop import Shop

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    wanted = [name.strip() for name in fields.split(",") if name.strip()]
    with session.working("looking for what to ask"):
        found = review_shop(opened, fields=wanted or None, limit=limit)
        page = out.with_suffix(".html")
        write_table(found.worklist, out)
        write_page(page, found.worklist, opened.catalogue(), title=opened.state.name)
    settled = found.settled() if budget else []
    payload = {
        "out": str(out),
        "page": str(page),
        "questions": len(found.worklist),
        "open": found.open,
        "certain": found.certain,
        **({"budget": settled} if budget else {}),
    }
    session.result(payload, _review_text(found.worklist.to_dict("records"), payload, settled))


def correct(
    context: typer.Context,
    shop: ShopArgument,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="Answers: product_id, field, answer.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last version back.")] = False,
    versions: Annotated[bool, typer.Option("--list", help="Show the versions.")] = False,
    column: ColumnOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
) -> None:
    r"""Take answers back: tags, filters, search and lists show them at once.

    FILE has product_id, field and answer (or value). What it says is final until it is undone.

    \b
    Example:
      tuwen correct my-shop review.csv
      tuwen correct my-shop --undo
    """
    if (file is not None) + undo + versions != 1:
        raise typer.BadParameter("correct needs one of FILE, --undo and --list")
    from tuwen.shop import Shop

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    if versions:
        _show_versions(session, opened)
        return
    import time
    from dataclasses import asdict

    from tuwen import correcting
    from tuwen.answers import read_answers

    start = time.perf_counter()
    rejected = 0
    with session.working("taking back" if undo else f"correcting with {file}"):
        if file is None:
            done = correcting.undo(opened)
        else:
            options = table_options(None, column, strict, rejects)
            answers = read_answers(file, opened.catalogue(), options, note=session.note)
            rejected = len(answers.rejects)
            done = correcting.correct(opened, answers.cells)
    seconds = round(time.perf_counter() - start, 2)
    payload = {"shop": str(shop), **asdict(done), "rejected": rejected, "seconds": seconds}
    what = f"version {done.undoes} taken back" if undo else f"{done.answers} answers"
    heads = ", ".join(done.refitted) or "of no field"
    text = (
        f"{shop}: version {done.version}: {what}, {done.changed} values changed, "
        f"{done.embedded} vectors renewed, heads {'put back' if undo else 'fitted again'}: "
        f"{heads}; {seconds} s"
    )
    session.result(payload, text)


def _show_versions(session: Session, shop: Shop) -> None:
    rows = [vars(row) for row in shop.corrections().history()]
    text = grid(rows, VERSIONS_SHOWN) if rows else "no corrections yet"
    session.result({"shop": str(shop.root), "versions": rows}, text)


def _review_text(
    rows: list[dict[str, object]], payload: dict[str, object], settled: list[dict[str, object]]
) -> str:
    if not rows:
        return (
            f"nothing to review: {payload['certain']} missing values are certain enough, "
            "the others are there"
        )
    lines = [grid(rows[:10], SHOWN), ""]
    if settled:
        lines += [grid(settled), ""]
    lines.append(
        f"{payload['out']}: the first {len(rows)} of {payload['open']} questions; to look at: "
        f"{payload['page']}. Fill in the column answer, then: tuwen correct"
    )
    return "\n".join(lines)


def register(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    add_commands(app, review, correct)
