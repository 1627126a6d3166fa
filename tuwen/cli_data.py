"""Commands about data: demo, sample, check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tuwen.cli_options import (
    ColumnOption,
    ImagesOption,
    InteractionsOption,
    RejectsOption,
    StrictOption,
    UrlsOption,
    add_commands,
    session_of,
    table_options,
)
from tuwen.session import grid


def demo(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder to make or go on in.")
    ] = Path("demo-out"),
) -> None:
    r"""Do the whole job on a generated sample: fit, search, tag, recommend, evaluate.

    \b
    Example:
      tuwen demo --out demo-out
    """
    from tuwen.demo import run_demo

    session = session_of(context)
    run_demo(out, session)


def sample(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write.")],
    products: Annotated[int, typer.Option("--products", min=20, help="How many.")] = 600,
    users: Annotated[int, typer.Option("--users", min=1, help="How many.")] = 300,
) -> None:
    r"""Write a bilingual sample: catalogue, pictures, interactions and queries.

    \b
    Example:
      tuwen sample --out sample --products 500 --users 200 --seed 1
    """
    from tuwen.sample import write_sample

    session = session_of(context)
    with session.working(f"drawing {products} products"):
        write_sample(out, products=products, users=users, seed=session.seed)
    files = sorted(path.name + ("/" if path.is_dir() else "") for path in out.iterdir())
    payload = {"out": str(out), "products": products, "users": users, "files": files}
    session.result(payload, f"{out}: {', '.join(files)}")


def check(
    context: typer.Context,
    catalogue: Annotated[str, typer.Argument(metavar="CATALOGUE", help="Table of products.")],
    interactions: InteractionsOption = None,
    rejects: RejectsOption = None,
    images: ImagesOption = None,
    column: ColumnOption = None,
    strict: StrictOption = False,
    allow_url_images: UrlsOption = False,
) -> None:
    r"""Validate tables and say what is in them, what is wrong, and what can be tagged.

    \b
    Example:
      tuwen check catalogue.csv --images photos --column title=name_zh --rejects bad.csv
    """
    from tuwen.checking import check_tables
    from tuwen.loading import strict_error

    session = session_of(context)
    options = table_options(images, column, strict, rejects, allow_url_images)
    with session.working(f"reading {catalogue}"):
        found = check_tables(catalogue, interactions, options)
    session.result(found, _report(found))
    if strict and found["rejected"]:
        what = " and ".join(filter(None, (catalogue, interactions)))
        raise strict_error(found["problems"], options, what=what)


def _report(found: dict[str, Any]) -> str:
    lines = [f"{found['products']} usable products, {found['rejected']} rejected or repaired cells"]
    if found["problems"]:
        rows = [
            {"problem": f"  {reason}", "rows": count} for reason, count in found["problems"].items()
        ]
        lines += ["", grid(rows)]
    fields = [{"field": f"  {n}", "values": c} for n, c in found["taggable_fields"].items()]
    lines += ["", "fields that can be tagged:", grid(fields) if fields else "  none"]
    lines += ["", "numbers that can be filtered on: " + (", ".join(found["numeric_fields"]) or "-")]
    languages = ", ".join(f"{n} {share:.1%}" for n, share in found["languages"].items())
    lines += [f"languages of the text: {languages or '-'}", "", "missing share per column:"]
    missing = [{"column": f"  {n}", "missing": f"{s:.1%}"} for n, s in found["missing"].items()]
    lines.append(grid(missing))
    if "interactions" in found:
        counts = ", ".join(f"{count} {name}" for name, count in found["interactions"].items())
        lines += ["", f"interactions: {counts}"]
    return "\n".join(lines)


def register(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    add_commands(app, demo, sample, check)
