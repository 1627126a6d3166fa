"""Text in pictures: fonts that can draw it, and labels short enough to read.

Figures are plain ``Figure`` objects; no state of ``pyplot`` is touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text

from core_embeddings.columns import LEVEL_SEPARATOR

BASE = "DejaVu Sans"
CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "SimHei",
    "Droid Sans Fallback",
)
"""Fonts with Chinese characters, the best looking first."""
UNDRAWABLE = "▯"
"""Stands for characters that no installed font has."""

INK, MUTED, GRID, PAPER = "#1f2933", "#6b7785", "#e3e8ee", "#ffffff"
PALETTE = (
    "#3b6fb6",
    "#e07b39",
    "#3f9b6d",
    "#b8475b",
    "#8064b0",
    "#c9a227",
    "#2f9fb3",
    "#8a6d56",
    "#d685b5",
    "#7d8794",
    "#5b8c2a",
    "#24456f",
)


@lru_cache(maxsize=1)
def font_families() -> tuple[str, ...]:
    """Return the families text is drawn with, tried in turn for every character."""
    installed = {font.name for font in fontManager.ttflist}
    return (BASE, *[name for name in CHINESE if name in installed][:1])


@lru_cache(maxsize=1)
def _drawable() -> frozenset[int]:
    paths = (findfont(FontProperties(family=name)) for name in font_families())
    return frozenset(code for path in paths for code in get_font(path).get_charmap())


def drawable(text: str) -> str:
    """Return a text on one line, without what no font here can draw.

    A run of characters without a glyph becomes one ``▯``; matplotlib would warn for each of them.
    """
    kept: list[str] = []
    for character in " ".join(text.split()):
        if ord(character) in _drawable():
            kept.append(character)
        elif not kept or kept[-1] != UNDRAWABLE:
            kept.append(UNDRAWABLE)
    return "".join(kept)


def cut(text: str, length: int) -> str:
    """Return a drawable text of at most ``length`` characters; a Chinese one counts as two."""
    clean = drawable(text)
    width = 0
    for position, character in enumerate(clean):
        width += 2 if ord(character) > 0x2E80 else 1
        if width > length:
            return clean[: max(1, position - 1)].rstrip() + "…"
    return clean


def short_labels(values: Sequence[str], length: int = 26) -> list[str]:
    """Return a short, distinct label per value: the last level, and what tells it from namesakes.

    Examples
    --------
    >>> short_labels(["Shoes > Boots", "Shoes > Heels", ""])
    ['Boots', 'Heels', '(none)']
    >>> short_labels(["Women > Shoes > Boots", "Men > Shoes > Boots"])
    ['Boots (Women)', 'Boots (Men)']
    """
    last = [value.rsplit(LEVEL_SEPARATOR, 1)[-1] for value in values]
    namesakes: dict[str, list[str]] = {}
    for name, value in zip(last, values, strict=True):
        namesakes.setdefault(name, []).append(value)
    labels = [
        cut(_told_apart(value, namesakes[name]) or "(none)", length)
        for name, value in zip(last, values, strict=True)
    ]
    repeated = Counter(labels)
    return [
        label if repeated[label] == 1 else f"{label} #{number}"
        for number, label in enumerate(labels, start=1)
    ]


def _told_apart(path: str, namesakes: Sequence[str]) -> str:
    """Return a path's last level and, among namesakes, the first level in which they differ."""
    *parents, last = path.split(LEVEL_SEPARATOR)
    others = [name.split(LEVEL_SEPARATOR) for name in namesakes if name != path]
    if not others:
        return last
    places = (n for n, p in enumerate(parents) if any(o[n : n + 1] != [p] for o in others))
    return f"{last} ({parents[place]})" if (place := next(places, None)) is not None else last


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, size in inches, laid out so that nothing overlaps."""
    return Figure(figsize=(width, height), dpi=110, facecolor=PAPER, layout="constrained")


def finish(figure: Figure) -> Figure:
    """Give every text the fonts that can draw it, and every axis the same quiet look."""
    for axes in figure.axes:
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(MUTED)
        axes.tick_params(colors=MUTED, labelcolor=INK, length=3)
        axes.title.set_color(INK)
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_fontfamily(list(font_families()))
            text.set_parse_math(False)  # a title with two $ is a price, no formula
    return figure
