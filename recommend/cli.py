"""``python -m recommend``: lists from an interactions table and a vector table, nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core_embeddings.column_option import column_mapping
from core_embeddings.columns import Columns
from core_embeddings.errors import TableError, TuwenError

if TYPE_CHECKING:
    import pandas as pd

    from core_embeddings.vector_table import VectorTable
    from recommend.hybrid import HybridRecommender

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Lists for shoppers: content, matrix factorisation, neighbours, popularity.",
)

InteractionsArgument = Annotated[
    Path, typer.Argument(metavar="INTERACTIONS", help="Table with user_id, product_id, …")
]
VectorsArgument = Annotated[
    Path, typer.Argument(metavar="VECTORS", help="Parquet with product_id and vector.")
]
KOption = Annotated[int, typer.Option("-k", min=1, help="Length of the lists.")]
ConfigOption = Annotated[Path | None, typer.Option(help="TOML with a [recommend] section.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="key=value, repeatable.")]
ColumnOption = Annotated[list[str] | None, typer.Option("--column", help="NAME=THEIRS.")]
SeedOption = Annotated[int, typer.Option(help="Makes a run repeatable.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command(
    epilog="Example: python -m recommend lists interactions.parquet vectors.parquet --out l.parquet"
)
def lists(
    interactions: InteractionsArgument,
    vectors: VectorsArgument,
    out: Annotated[Path | None, typer.Option(help="Write LISTS here (parquet, csv).")] = None,
    users: Annotated[Path | None, typer.Option(help="Table with user_id; else everyone.")] = None,
    k: KOption = 10,
    keep_seen: Annotated[bool, typer.Option(help="List what was bought before, too.")] = False,
    save: Annotated[Path | None, typer.Option(help="Keep the fitted recommender here.")] = None,
    config: ConfigOption = None,
    override: SetOption = None,
    column: ColumnOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Fit a recommender and write the best products of each user."""
    table = _read_vectors(vectors)
    met = _read_interactions(interactions, table, column)
    model = _model(config, override, seed)
    model.fit(met, product_ids=table.product_ids, vectors=table.vectors, progress=_progress)
    if save is not None:
        model.save_pretrained(save, table.fingerprint)
    found = model.recommend(None if users is None else _read_users(users), k, keep_seen=keep_seen)
    if out is not None:
        from core_embeddings.tables import write_table

        write_table(found, out)
        print(f"{len(found)} rows -> {out}", file=sys.stderr)
    _show(found, "lists", as_json, quiet=out is not None)


@app.command(
    epilog="Example: python -m recommend evaluate i.parquet v.parquet --test-from 2020-09-20"
)
def evaluate(
    interactions: InteractionsArgument,
    vectors: VectorsArgument,
    test_from: Annotated[str, typer.Option(help="First moment of the test period, ISO 8601, UTC.")],
    k: KOption = 12,
    config: ConfigOption = None,
    override: SetOption = None,
    column: ColumnOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Fit on what lies before a moment and measure the lists on what follows."""
    from recommend.evaluate import evaluate_lists

    table = _read_vectors(vectors)
    met = _read_interactions(interactions, table, column)
    cut = _moment(test_from)
    later = met[Columns.TIMESTAMP] >= cut
    train, test = met[~later], met[later]
    model = _model(config, override, seed)
    model.fit(train, product_ids=table.product_ids, vectors=table.vectors, progress=_progress)
    found = evaluate_lists(
        train, test, product_ids=table.product_ids, vectors=table.vectors, recommender=model, k=k
    )
    _show(found.table, "metrics", as_json)


def _read_vectors(path: Path) -> VectorTable:
    from core_embeddings.vector_table import read_vectors

    return read_vectors(path)


def _read_interactions(path: Path, table: VectorTable, columns: list[str] | None) -> pd.DataFrame:
    from core_embeddings.tables import read_interactions

    renamed = column_mapping(columns)
    loaded = read_interactions(path, known_products=table.product_ids, columns=renamed)
    if len(loaded.rejects):
        print(f"{len(loaded.rejects)} rows of {path} rejected", file=sys.stderr)
    return loaded.rows


def _read_users(path: Path) -> list[str]:
    from core_embeddings.tables import read_frame

    frame = read_frame(path)
    if Columns.USER not in frame:
        raise TableError(
            f"{path} must have the column {Columns.USER}; got {', '.join(map(str, frame))}"
        )
    return frame[Columns.USER].astype(str).tolist()


def _model(path: Path | None, overrides: list[str] | None, seed: int) -> HybridRecommender:
    from core_embeddings.config import apply_overrides, from_mapping, read_toml, to_mapping
    from recommend.config import RecommenderConfig
    from recommend.hybrid import HybridRecommender

    values: dict[str, Any] = read_toml(path).get("recommend", {}) if path else {}
    values = apply_overrides(values, overrides or [], known=to_mapping(RecommenderConfig()))
    return HybridRecommender(from_mapping(RecommenderConfig, values), seed=seed)


def _moment(text: str) -> pd.Timestamp:
    import pandas as pd

    try:
        return pd.Timestamp(pd.to_datetime(text, utc=True))
    except ValueError:
        raise typer.BadParameter(f"--test-from takes a day like 2020-09-20; got {text!r}") from None


def _progress(done: int, total: int) -> None:
    print(f"\rlearning factors {done}/{total}", end="\n" if done == total else "", file=sys.stderr)


def _show(table: pd.DataFrame, name: str, as_json: bool, *, quiet: bool = False) -> None:
    if as_json:
        records = json.loads(table.to_json(orient="records", force_ascii=False))
        print(json.dumps({name: records}, ensure_ascii=False))
    elif not quiet:
        print(table.to_string(index=False))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: exit 0 done, 1 failed with the reason on stderr, 2 usage."""
    try:
        app(arguments, prog_name="python -m recommend")
    except (TuwenError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
