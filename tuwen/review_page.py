"""The worklist as one page to look at: pictures inside, nothing fetched, nothing run."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core_embeddings.artefact import write_bytes
from core_embeddings.columns import Columns
from core_embeddings.errors import ImageError
from core_embeddings.images import decode_image

if TYPE_CHECKING:
    import pandas as pd

THUMBNAIL: Final = 160
"""Longer side of a picture in pixels."""
STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.4 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .25rem; }
ol { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr));
     list-style: none; margin: 1rem 0; padding: 0; }
li { border: 1px solid #8886; border-radius: .5rem; display: grid; gap: .75rem;
     grid-template-columns: 6rem 1fr; min-width: 0; padding: .75rem; }
img, .none { align-self: start; background: #fff; border-radius: .25rem; height: 6rem;
     object-fit: contain; width: 6rem; }
.none { align-items: center; background: #8882; display: flex; font-size: .8rem;
     justify-content: center; }
div { min-width: 0; overflow-wrap: anywhere; }
p { margin: 0 0 .25rem; }
.field { font-weight: 600; }
.quiet { font-size: .85rem; opacity: .75; }
@media (max-width: 24rem) { ol { grid-template-columns: 1fr; } }
"""
POLICY: Final = "default-src 'none'; img-src data:; style-src 'sha256-{digest}'"


def write_page(path: Path, worklist: pd.DataFrame, products: pd.DataFrame, *, title: str) -> None:
    """Write the page, whole or not at all.

    Parameters
    ----------
    path
        An HTML file.
    worklist
        As `tuwen.review.review_shop` gives it.
    products
        The catalogue, for the pictures; one that cannot be read is left out.
    title
        Name of the shop.
    """
    images = dict(zip(products[Columns.PRODUCT], products[Columns.IMAGE], strict=True))
    seen: dict[str, str] = {}
    for name in dict.fromkeys(worklist[Columns.PRODUCT]):
        seen[name] = thumbnail(images.get(name, ()))
    cards = [_card(row, seen[row[Columns.PRODUCT]]) for row in worklist.to_dict("records")]
    write_bytes(path, _page(cards, title).encode("utf-8", "replace"))


def thumbnail(paths: Iterable[str], *, size: int = THUMBNAIL) -> str:
    """Return the first picture that can be read as a data URI; "" where there is none."""
    for path in paths:
        try:
            picture = decode_image(Path(path), at_least=size)
        except ImageError:
            continue
        picture.thumbnail((size, size))
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=80)
        return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
    return ""


def _page(cards: list[str], title: str) -> str:
    digest = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
    policy = escape(POLICY.format(digest=digest), quote=True)
    name = escape(title)
    listed = "\n".join(cards) or "<li>Nothing to review.</li>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Review: {name}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{name}: {len(cards)} questions</h1>
<p class="quiet">First things first. Write what is right into the column <b>answer</b> of the CSV
beside this page, then run <code>tuwen correct</code>.</p>
<ol>
{listed}
</ol>
</body>
</html>
"""


def _card(row: dict[str, Any], picture: str) -> str:
    title = escape(str(row[Columns.TITLE])) or "(no title)"
    image = (
        f'<img src="{picture}" alt="{title}">'
        if picture
        else '<span class="none">no picture</span>'
    )
    others = "; ".join(escape(str(other)) for other in row[Columns.ALTERNATIVES])
    return (
        f"<li>{image}<div>"
        f'<p class="field">{escape(str(row[Columns.FIELD]))}: {escape(str(row["suggested"]))}? '
        f"{row[Columns.CONFIDENCE]:.0%}</p>"
        f"<p>{title}</p>"
        f'<p class="quiet">or: {others or "nothing else"}</p>'
        f'<p class="quiet">{escape(str(row[Columns.PRODUCT]))} · priority {row["priority"]:.2f}</p>'
        "</div></li>"
    )
