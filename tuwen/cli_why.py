"""The command that gives reasons: why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuwen.cli_options import (
    ColumnOption,
    ImagesOption,
    ShopArgument,
    add_commands,
    session_of,
    table_options,
)
from tuwen.session import Session, grid

if TYPE_CHECKING:
    from tuwen.reasons import ProductReasons, TagReason

SHOWN = ("field", "value", "confidence", "decision", "deciding words", "region", "nearest")


def why(
    context: typer.Context,
    shop: ShopArgument,
    product_id: Annotated[str, typer.Argument(metavar="PRODUCT_ID", help="Whose tags.")],
    fields: Annotated[
        str, typer.Option("--fields", metavar="A,B", help="Only these fields; all by default.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Write why.html and marked pictures here."),
    ] = None,
    products: Annotated[
        str | None,
        typer.Option("--products", metavar="TABLE", help="Find the product here, not in the shop."),
    ] = None,
    images: ImagesOption = None,
    column: ColumnOption = None,
) -> None:
    r"""Say why a product gets its tags: deciding words, region of the picture, nearest products.

    A number beside a word is what the log-odds of the tag lose without it.

    \b
    Example:
      tuwen why my-shop p00042 --fields category,color --out reasons
    """
    from tuwen.reasons import explain
    from tuwen.shop import Shop
    from tuwen.tag_odds import TagModel

    session = session_of(context)
    opened = Shop.open(shop)
    opened.validate()
    wanted = [name.strip() for name in fields.split(",") if name.strip()]
    catalogue = opened.catalogue()
    options = table_options(images, column, False, None)
    product = _product(session, catalogue, product_id, products, options)
    model = TagModel.of(opened)
    with session.working(f"asking why of {product_id}"):
        reasons = explain(
            model, product, fields=wanted or None, labelled=catalogue, vectors=opened.vectors()
        )
    written = [] if out is None else _write(model, reasons, out, catalogue)
    final = {} if products else opened.corrections().final()
    answers = {tag.field: final.get((product_id, tag.field)) for tag in reasons.tags}
    payload = {
        "product_id": product_id,
        "tags": [{**_payload(tag), "answer": answers[tag.field]} for tag in reasons.tags],
        "files": [str(path) for path in written],
    }
    text = grid([_row(tag, answers[tag.field]) for tag in reasons.tags], SHOWN)
    session.result(payload, f"{text}\n\n{written[0]}" if written else text)


def _product(
    session: Session, catalogue: Any, product_id: str, table: str | None, options: Any
) -> Any:
    """Return the one-row table of a product."""
    from core_embeddings.errors import TableError
    from tuwen.loading import load_products

    rows = catalogue if table is None else load_products(table, options, note=session.note)
    found = rows[rows["product_id"] == product_id].reset_index(drop=True)
    if found.empty:
        raise TableError(
            f"{table or 'the shop'} has no product {product_id!r}; "
            "name one it has, or give --products TABLE for a new one"
        )
    return found


def _write(model: Any, reasons: ProductReasons, out: Path, catalogue: Any) -> list[Path]:
    from tuwen.product_versions import tokenizer_of
    from tuwen.reason_page import write_reasons

    shown = {near.product_id for tag in reasons.tags for near in tag.neighbours}
    near = catalogue[catalogue["product_id"].isin(shown)]
    cells = zip(near["product_id"], near["image"], strict=True)
    pictures = {name: Path(cell[0]) for name, cell in cells if len(cell)}
    return write_reasons(reasons, out, tokenize=tokenizer_of(model), pictures=pictures)


def _row(tag: TagReason, answer: object) -> dict[str, Any]:
    """Return a line of the table; where a human has answered, that is the decision."""
    return {
        "field": tag.field,
        "value": tag.value,
        "confidence": tag.confidence,
        "decision": tag.decision if answer is None else f"a human said {answer}",
        "deciding words": ", ".join(f"{word.word} {word.effect:+.1f}" for word in tag.named) or "-",
        "region": _region(tag) or "-",
        "nearest": ", ".join(f"{near.value}" for near in tag.neighbours[:3]) or "-",
    }


def _region(tag: TagReason) -> str:
    """Say in words where the region lies."""
    if tag.region is None or tag.region.box is None:
        return ""
    height, width = tag.region.picture.pixels.shape[:2]
    box = tag.region.box
    down = _third((box.top + box.bottom) / 2 / height, ("top", "middle", "bottom"))
    across = _third((box.left + box.right) / 2 / width, ("left", "centre", "right"))
    return f"{down} {across} {tag.region.effect:+.1f}"


def _third(place: float, names: tuple[str, str, str]) -> str:
    return names[min(2, int(3 * place))]


def _payload(tag: TagReason) -> dict[str, Any]:
    """Return a reason as JSON has it; the region's box in shares of the picture."""
    words = [
        {"word": word.word, "effect": word.effect, "tfidf_share": word.share} for word in tag.words
    ]
    return {
        "field": tag.field,
        "value": tag.value,
        "confidence": tag.confidence,
        "decision": tag.decision,
        "log_odds": tag.log_odds,
        "deciding_words": [word.word for word in tag.named],
        "words": words,
        "region": _region_payload(tag),
        "against_runner_up": None if tag.additive is None else _additive_payload(tag.additive),
        "neighbours": [near._asdict() for near in tag.neighbours],
    }


def _region_payload(tag: TagReason) -> dict[str, Any] | None:
    if tag.region is None or tag.region.box is None:
        return None
    height, width = tag.region.picture.pixels.shape[:2]
    box = tag.region.box
    return {
        "image": str(tag.region.picture.path),
        "top": box.top / height,
        "left": box.left / width,
        "bottom": box.bottom / height,
        "right": box.right / width,
        "effect": tag.region.effect,
    }


def _additive_payload(additive: Any) -> dict[str, Any]:
    """Return the exact sum: heads and prior are ``log_odds``; words and bias the TF-IDF heads."""
    return {
        "value": additive.value,
        "runner_up": additive.rival,
        "log_odds": additive.log_odds,
        "heads": [head._asdict() for head in additive.heads],
        "prior": additive.prior,
        "tfidf_words": additive.words,
        "tfidf_bias": additive.bias,
    }


def register(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    add_commands(app, why)
