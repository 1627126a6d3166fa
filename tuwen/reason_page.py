"""Why a product got its tags, as one HTML page that loads nothing from anywhere."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import chain, count
from pathlib import Path
from typing import Final

from core_embeddings.artefact import write_bytes
from core_embeddings.columns import Columns
from core_embeddings.errors import TableError
from tuwen.product_versions import product_text
from tuwen.reason_neighbours import Neighbour
from tuwen.reason_overlay import overlay, thumbnail
from tuwen.reason_words import Tokenize, pieces
from tuwen.reasons import ProductReasons, TagReason

PAGE: Final = "why.html"
_CSP: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light; font: 15px/1.45 system-ui, sans-serif; color: #1c1c1c; }
body { max-width: 62rem; margin: 1.5rem auto; padding: 0 1rem; background: #fff; }
h1 { font-size: 1.35rem; margin: 0; } h2 { font-size: 1.1rem; margin: 0 0 .4rem; }
section { display: flex; gap: 1.25rem; border-top: 1px solid #ddd; padding: 1rem 0; }
section > div { flex: 1; min-width: 0; } figure { margin: 0; width: 13rem; flex: none; }
figure img { width: 100%; display: block; } figcaption, small, .quiet { color: #666; }
mark { color: inherit; padding: 0 .1em; border-radius: .2em; }
table { border-collapse: collapse; } td, th { padding: .1rem .8rem .1rem 0; text-align: left; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.auto { color: #17692b; } .review { color: #9a5b00; }
.row { display: flex; flex-wrap: wrap; gap: .75rem; } .row figure { width: 6.5rem; }
p { margin: .35rem 0; overflow-wrap: anywhere; }
summary { cursor: pointer; color: #666; }
@media (max-width: 40rem) { section { flex-direction: column; } }
"""


def write_reasons(
    reasons: ProductReasons,
    folder: Path,
    *,
    tokenize: Tokenize,
    pictures: Mapping[str, Path] | None = None,
) -> list[Path]:
    """Write ``why.html`` and one overlay per tag into a folder; return their paths.

    Parameters
    ----------
    reasons
        What is shown.
    folder
        Made where it is missing.
    tokenize
        What the words were cut with.
    pictures
        Paths of neighbours' pictures, by product.

    Raises
    ------
    TableError
        If the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TableError(
            f"cannot write into {folder}: {error.strerror or error}; name a folder"
        ) from error
    seen = [reason for reason in reasons.tags if reason.region is not None]
    written = []
    for reason, name in zip(seen, _file_names([tag.field for tag in seen]), strict=True):
        assert reason.region is not None
        path = folder / name
        write_bytes(path, overlay(reason.region))
        written.append(path)
    write_bytes(folder / PAGE, page(reasons, tokenize=tokenize, pictures=pictures).encode())
    return [folder / PAGE, *written]


def page(
    reasons: ProductReasons, *, tokenize: Tokenize, pictures: Mapping[str, Path] | None = None
) -> str:
    """Return the page; everything that is not ours is escaped."""
    texts = product_text(reasons.product)
    product_id = str(reasons.product[Columns.PRODUCT].iloc[0])
    name = escape(texts[Columns.TITLE] or product_id)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Why: {name}</title><style>{_STYLE}</style></head><body>",
        f'<h1>{name}</h1><p class="quiet">{escape(product_id)}. Green words and glowing parts '
        "speak for a tag, red words against it: without them it would be less, or more, certain. "
        "Worths are log-odds of the tag against all other values; those of single words do not "
        "add up.</p>",
        *(_section(tag, texts, tokenize, pictures or {}) for tag in reasons.tags),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _section(
    tag: TagReason,
    texts: Mapping[str, str],
    tokenize: Tokenize,
    pictures: Mapping[str, Path],
) -> str:
    picture = ""
    if tag.region is not None:
        worth = f"outlined: {tag.region.effect:+.2f}" if tag.region.box else "no part decides"
        picture = _figure(overlay(tag.region), worth)
    decision = f'<span class="{escape(tag.decision)}">{escape(tag.decision)}</span>'
    rival = f" · against {escape(tag.additive.rival)}" if tag.additive else ""
    named = ", ".join(f"{escape(word.word)} ({word.effect:+.2f})" for word in tag.named)
    return "\n".join(
        [
            f"<section>{picture}<div>",
            f"<h2>{escape(tag.field)}: {escape(tag.value)}</h2>",
            f"<p>{tag.confidence:.1%} · {decision}{rival}</p>",
            f"<p><b>Deciding words:</b> {named or 'none'}</p>",
            *_marked(tag, texts, tokenize),
            _heads(tag),
            _nearest(tag.neighbours, pictures),
            "</div></section>",
        ]
    )


def _marked(tag: TagReason, texts: Mapping[str, str], tokenize: Tokenize) -> Iterator[str]:
    """Yield each text of the product, its words coloured by what they are worth."""
    worth = {word.word: word.effect for word in tag.words}
    strongest = max((abs(effect) for effect in worth.values()), default=0.0)
    for name, text in texts.items():
        if text:
            shown = (_word(piece, worth, strongest) for piece in pieces(text, tokenize))
            yield f"<p><small>{escape(name)}</small> {''.join(shown)}</p>"


def _word(piece: tuple[str, str], worth: Mapping[str, float], strongest: float) -> str:
    text, word = piece
    effect = worth.get(word, 0.0) if word else 0.0
    strength = abs(effect) / strongest if strongest > 0 else 0.0
    if strength < 0.05:
        return escape(text)
    colour = "46, 160, 67" if effect > 0 else "215, 58, 73"
    style = f"background: rgba({colour}, {0.75 * strength:.2f})"
    return f'<mark style="{style}" title="{effect:+.2f}">{escape(text)}</mark>'


def _heads(tag: TagReason) -> str:
    if tag.additive is None:
        return ""
    spoke = [head for head in tag.additive.heads if abs(head.log_odds) >= 0.005]
    rows = [(f"{head.view}, {head.head}", head.log_odds) for head in spoke]
    rows += [("frequency of the values", tag.additive.prior)] if tag.additive.prior else []
    total = tag.additive.log_odds
    rows.append(("sum", total))
    cells = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{share:+.2f}</td></tr>'
        for name, share in rows
    )
    title = f"What each head adds: {total:+.2f} for {tag.additive.value} over {tag.additive.rival}"
    return f"<details><summary>{escape(title)}</summary><table>{cells}</table></details>"


def _nearest(neighbours: tuple[Neighbour, ...], pictures: Mapping[str, Path]) -> str:
    if not neighbours:
        return ""
    shown = "".join(
        _figure(
            thumbnail(pictures.get(near.product_id)),
            f"{near.value} · {near.product_id} · {near.cosine:.2f}",
        )
        for near in neighbours
    )
    return f'<p><b>Nearest labelled products</b></p><div class="row">{shown}</div>'


def _file_names(fields: Sequence[str]) -> list[str]:
    """Return a file name per tag, different ones, whatever signs its field has.

    A field of sets comes once per value.
    """
    names: list[str] = []
    for field in fields:
        name = re.sub(r"[^\w-]", "_", field)[:60]
        more = (f"{name}-{number}.png" for number in count(1))
        names.append(next(file for file in chain([f"{name}.png"], more) if file not in names))
    return names


def _figure(content: bytes, caption: str) -> str:
    source = b64encode(content).decode()
    image = f'<img alt="" src="data:image;base64,{source}">' if content else ""
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"
