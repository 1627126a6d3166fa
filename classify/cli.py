"""``python -m classify``: taggers on a table of vectors, without the rest of the suite."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core_embeddings.columns import Columns
from core_embeddings.errors import TuwenError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tag products from their vectors: softmax and SVM heads with calibrated confidence.",
)

VectorsArgument = Annotated[
    Path, typer.Argument(metavar="VECTORS", help="Table with product_id and vector.")
]
ProductsArgument = Annotated[
    Path, typer.Argument(metavar="TABLE", help="Table with product_id, and labels or texts.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command(
    epilog="Example: python -m classify fit vectors.parquet catalogue.parquet "
    "--fields category,color --out taggers"
)
def fit(
    vectors: VectorsArgument,
    table: ProductsArgument,
    out: Annotated[Path, typer.Option(help="Folder to write the taggers to.")],
    fields: Annotated[str, typer.Option(help="Columns to learn, joined by commas.")] = "category",
    lexical: Annotated[bool, typer.Option(help="Also learn from the words.")] = True,
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Learn fields; prints how well on the held-out split.

    A column ``split`` (train, val, test) is respected; otherwise products are split by duplicate
    group.
    """
    from classify.evaluate import evaluate_tagging
    from classify.tagger_config import TaggerConfig
    from classify.taggers import TaggerSet
    from classify.vector_input import read_vector_products
    from core_embeddings.splits import split_products

    data = read_vector_products(vectors, table)
    _say_rejects(table, data.rejects)
    _say(f"{len(data.products)} products with a vector; {data.without_vector} without left out")
    split = split_products(data.products, seed=seed)
    views = {"fused": data.vectors}
    taggers = TaggerSet.fit(
        views,
        data.products,
        fields=[name.strip() for name in fields.split(",") if name.strip()],
        split=split,
        has_image=data.has_image,
        has_text=data.has_text,
        config=TaggerConfig(lexical=lexical),
        seed=seed,
        progress=lambda name: _say(f"fitting {name}"),
    )
    taggers.save(out, data.fingerprint)
    report = evaluate_tagging(
        taggers,
        views,
        data.products,
        split=split,
        has_image=data.has_image,
        has_text=data.has_text,
    )
    _say(f"taggers for {', '.join(taggers.fields) or 'no field'} -> {out}")
    if as_json:
        metrics = json.loads(report.to_json(orient="records"))
        print(json.dumps({"out": str(out), "fields": taggers.fields, "metrics": metrics}))
        return
    print(report.pivot(index=["field", "model"], columns="metric", values="value").to_string())


@app.command(
    epilog="Example: python -m classify predict taggers vectors.parquet new.parquet "
    "--out tags.parquet"
)
def predict(
    taggers: Annotated[Path, typer.Argument(metavar="TAGGERS", help="Folder made by fit.")],
    vectors: VectorsArgument,
    table: ProductsArgument,
    out: Annotated[Path, typer.Option(help="Where the tags go: .parquet, .csv or .jsonl.")],
    fields: Annotated[str | None, typer.Option(help="Only these, joined by commas.")] = None,
    target_precision: Annotated[
        str, typer.Option(metavar="P", help="Of auto tags: 0.98, or category=0.98,color=0.95.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Tag products, known or new."""
    from classify.promise import parse_target
    from classify.taggers import TaggerSet
    from classify.vector_input import read_vector_products
    from core_embeddings.tables import write_table

    data = read_vector_products(vectors, table)
    _say_rejects(table, data.rejects)
    tags = TaggerSet.load(taggers, data.fingerprint).tag(
        {"fused": data.vectors},
        data.products,
        fields=None if fields is None else [name.strip() for name in fields.split(",")],
        has_image=data.has_image,
        has_text=data.has_text,
        target_precision=parse_target(target_precision) if target_precision else None,
    )
    write_table(tags, out)
    decided = tags["decision"].value_counts()
    summary = {
        "out": str(out),
        "rows": len(tags),
        "auto": int(decided.get("auto", 0)),
        "review": int(decided.get("review", 0)),
        "without_vector": data.without_vector,
        "rejected": len(data.rejects),
    }
    text = "{rows} tags -> {out}: {auto} auto, {review} for review".format_map(summary)
    print(json.dumps(summary) if as_json else text)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: exit 0 done, 1 failed with the reason on stderr, 2 usage."""
    try:
        app(arguments, prog_name="python -m classify")
    except (TuwenError, OSError) as error:
        _say(f"error: {error}")
        raise SystemExit(1) from None


def _say_rejects(table: Path, rejects: pd.DataFrame) -> None:
    kinds = rejects[Columns.REASON].value_counts().items()
    told = "; ".join(f"{count} x {reason}" for reason, count in kinds)
    if told:
        _say(f"{table}: rejected or repaired: {told}")


def _say(message: str) -> None:
    print(message, file=sys.stderr)
