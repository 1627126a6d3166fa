"""``python -m core_embeddings``: train an embedder and encode products, nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from core_embeddings.column_option import column_mapping
from core_embeddings.errors import TableError, TuwenError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One vector per product from its pictures and its words.",
)

TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="Products, path or URL.")]
ImagesOption = Annotated[Path | None, typer.Option(help="Folder the image paths start from.")]
ColumnOption = Annotated[list[str] | None, typer.Option("--column", help="NAME=THEIRS.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
What = Literal["fused", "image", "text"]


@app.command(
    epilog="Example: python -m core_embeddings train catalogue.parquet --out embedder "
    "--set epochs=10"
)
def train(
    table: TableArgument,
    out: Annotated[Path, typer.Option(help="Folder to write the embedder to.")],
    override: Annotated[list[str] | None, typer.Option("--set", help="key=value.")] = None,
    images: ImagesOption = None,
    column: ColumnOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Makes a run repeatable.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train an embedder on the train part of a catalogue.

    A column ``split`` (train, val, test) is respected; otherwise products are split by duplicate
    group.
    """
    from core_embeddings.config import apply_overrides, to_mapping
    from core_embeddings.embedder import FusionEmbedder
    from core_embeddings.embedder_config import EmbedderConfig
    from core_embeddings.splits import split_products
    from core_embeddings.tables import taggable_fields

    known = to_mapping(EmbedderConfig())
    config = EmbedderConfig.from_settings(apply_overrides({}, override or (), known=known))
    products = _read(table, images, column)
    embedder = FusionEmbedder.train(
        products,
        split=split_products(products, seed=seed),
        fields=sorted(taggable_fields(products)),
        config=config,
        seed=seed,
        progress=lambda what, done, total: _say(f"{what}: {done} of {total}"),
    )
    embedder.save_pretrained(out)
    _show({"out": str(out), "products": len(products)}, embedder, as_json)


@app.command(
    epilog="Example: python -m core_embeddings encode embedder catalogue.parquet "
    "--out vectors.parquet"
)
def encode(
    embedder: Annotated[Path, typer.Argument(metavar="EMBEDDER", help="Folder made by train.")],
    table: TableArgument,
    out: Annotated[Path, typer.Option(help="Parquet file to write the vectors to.")],
    what: Annotated[What, typer.Option(help="Which vector.")] = "fused",
    images: ImagesOption = None,
    column: ColumnOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the vector of each product: product_id, vector, has_image, has_text.

    Nothing stands in for what a product lacks, whatever the embedder's settings say: whoever
    learns labels from these vectors must not find them in there.
    """
    if out.suffix != ".parquet":
        raise typer.BadParameter(f"vectors need a .parquet file; got --out {out}")
    from core_embeddings.embedder import FusionEmbedder
    from core_embeddings.embedding import embed_products
    from core_embeddings.missing_parts import MASKED
    from core_embeddings.vector_table import write_vectors

    model = FusionEmbedder.from_pretrained(embedder)
    products = _read(table, images, column)
    write_vectors(out, embed_products(model, products, what, missing=MASKED))
    _show({"out": str(out), "products": len(products)}, model, as_json)


def _read(table: str, images: Path | None, column: list[str] | None) -> pd.DataFrame:
    from core_embeddings.tables import read_catalogue

    loaded = read_catalogue(table, images=images, columns=column_mapping(column))
    if loaded.rows.empty:
        raise TableError(f"{table} holds no usable product; {len(loaded.rejects)} were rejected")
    if len(loaded.rejects):
        _say(f"{table}: {len(loaded.rejects)} rejected or repaired")
    return loaded.rows.sort_values("product_id", ignore_index=True)


def _show(summary: dict[str, Any], embedder: Any, as_json: bool) -> None:
    size = embedder.embedding_size
    summary |= {"embedding_size": size, "fingerprint": embedder.fingerprint}
    text = "{products} products -> {out}: embedder {fingerprint}, vectors of size {embedding_size}"
    print(json.dumps(summary, ensure_ascii=False) if as_json else text.format_map(summary))


def _say(message: str) -> None:
    print(message, file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: exit 0 done, 1 failed with the reason on stderr, 2 usage."""
    try:
        app(arguments, prog_name="python -m core_embeddings")
    except (TuwenError, OSError) as error:
        _say(f"error: {error}")
        raise SystemExit(1) from None
