"""``python -m retrieve``: search a vector table without the rest of the suite."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core_embeddings.columns import RESERVED, Columns
from core_embeddings.errors import FingerprintError, TableError, TuwenError

if TYPE_CHECKING:
    import pandas as pd

    from retrieve.index import Mask
    from retrieve.matcher import Matcher

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Search products by vector: exact, filtered, with the article's softmax score.",
)

_UNKNOWN = "unknown"  # a table that does not name its embedder

VectorsArgument = Annotated[
    Path, typer.Argument(metavar="VECTORS", help="Parquet with product_id and vector.")
]
KOption = Annotated[int, typer.Option("-k", min=1, help="Length of the list.")]
TemperatureOption = Annotated[float, typer.Option(help="Divides the distance in the softmax.")]
ProductsOption = Annotated[
    Path | None, typer.Option(help="Table with product_id and the columns --where reads.")
]
WhereOption = Annotated[
    str | None, typer.Option(help="Filter, e.g. \"price < 500 and color in ('Black', 'White')\".")
]
OutOption = Annotated[Path | None, typer.Option(help="Write HITS here: .parquet, .csv or .jsonl.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command(
    epilog='Example: python -m retrieve search vectors.parquet "red dress" --embedder shop/embedder'
)
def search(
    vectors: VectorsArgument,
    text: Annotated[str | None, typer.Argument(help="Words to look for.")] = None,
    image: Annotated[Path | None, typer.Option(help="Picture to look for.")] = None,
    embedder: Annotated[Path | None, typer.Option(help="Saved embedder folder.")] = None,
    queries: Annotated[
        Path | None, typer.Option(help="Parquet with query_id and vector, instead of words.")
    ] = None,
    k: KOption = 10,
    temperature: TemperatureOption = 1.0,
    products: ProductsOption = None,
    where: WhereOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the best products for words, a picture, or a table of query vectors."""
    asked = text is not None or image is not None
    if asked == (queries is not None) or (asked and embedder is None):
        raise typer.BadParameter("give words or --image with --embedder, or --queries alone")
    matcher = _open(vectors, embedder, temperature)
    allow = _allow(matcher, products, where)
    if queries is not None:
        _show(_search_table(matcher, queries, k, allow), out, as_json)
        return
    images = None if image is None else [image]
    _show(matcher.search([text] if text else None, images, k, allow=allow), out, as_json)


@app.command(epilog="Example: python -m retrieve similar vectors.parquet 0108775015 -k 5")
def similar(
    vectors: VectorsArgument,
    product_id: Annotated[str, typer.Argument(help="A product of the table.")],
    k: KOption = 10,
    temperature: TemperatureOption = 1.0,
    products: ProductsOption = None,
    where: WhereOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the products nearest to one of the table."""
    matcher = _open(vectors, None, temperature)
    hits = matcher.similar(product_id, k, allow=_allow(matcher, products, where))
    _show(hits, out, as_json)


def _open(path: Path, embedder: Path | None, temperature: float) -> Matcher:
    from core_embeddings.vector_table import read_vectors
    from retrieve.matcher import Matcher

    table = read_vectors(path)
    model: Any = None
    if embedder is not None:
        from core_embeddings.embedder import FusionEmbedder

        model = FusionEmbedder.from_pretrained(embedder)
    return Matcher(
        table.product_ids,
        table.vectors,
        fingerprint=table.fingerprint or _UNKNOWN,
        embedder=model,
        temperature=temperature,
    )


def _search_table(matcher: Matcher, path: Path, k: int, allow: Mask | None) -> pd.DataFrame:
    from core_embeddings.vector_table import read_vectors

    table = read_vectors(path, id_column=Columns.QUERY_ID)
    made_by = table.fingerprint or _UNKNOWN
    if _UNKNOWN not in (made_by, matcher.fingerprint) and made_by != matcher.fingerprint:
        raise FingerprintError(
            f"{path} was made with embedder {made_by[:12]}, the products with "
            f"{matcher.fingerprint[:12]}; embed both with the same one"
        )
    return matcher.search_vectors(table.vectors, k, allow=allow, query_ids=table.product_ids)


def _allow(matcher: Matcher, products: Path | None, where: str | None) -> Mask | None:
    if where is None:
        return None
    if products is None:
        raise typer.BadParameter("--where needs --products, the table whose columns it reads")
    import pandas as pd

    from core_embeddings.attributes import convert_attribute
    from core_embeddings.frames import read_frame
    from retrieve.filters import parse_filter

    parsed, frame = parse_filter(where), read_frame(products)
    if Columns.PRODUCT not in frame:
        raise TableError(f"{products} must have the column {Columns.PRODUCT}")
    for name in set(parsed.columns) & set(frame.columns) - RESERVED:  # numbers in a CSV are text
        frame[name] = convert_attribute(frame[name]).values
    chosen = frame[Columns.PRODUCT].astype(str)[parsed.mask(frame)]
    return pd.Index(matcher.product_ids).isin(list(chosen))


def _show(hits: pd.DataFrame, out: Path | None, as_json: bool) -> None:
    if out is not None:
        from core_embeddings.writing import write_table

        write_table(hits, out)
        print(f"{len(hits)} rows -> {out}", file=sys.stderr)
    if as_json:
        print(json.dumps({"hits": hits.to_dict(orient="records")}, ensure_ascii=False))
    elif out is None:
        print(hits.to_string(index=False) if len(hits) else "nothing found")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: exit 0 done, 1 failed with the reason on stderr, 2 usage."""
    try:
        app(arguments, prog_name="python -m retrieve")
    except (TuwenError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
