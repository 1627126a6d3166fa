"""Sizes, units and model names in one form, however they were typed."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {
    "inch": r"inch(?:es)?|\"|''|英寸|英吋|吋|寸",
    "cm": r"cms?|centimet(?:er|re)s?|厘米|公分",
    "mm": r"mms?|millimet(?:er|re)s?|毫米",
    "ft": r"ft|foot|feet|英尺",
    "ml": r"mls?|millilit(?:er|re)s?|毫升",
    "l": r"l|lit(?:er|re)s?|公升|升(?![级降学])",
    "kg": r"kgs?|kilos?|kilograms?|公斤|千克",
    "g": r"g|grams?|克(?![拉力罗洛])",
    "oz": r"oz|ounces?|盎司",
    "lb": r"lbs?|pounds?|磅",
    "mb": "mb",
    "gb": "gb",
    "tb": "tb",
    "mah": r"mah|毫安时?",
    "w": r"w|watts?|瓦特?",
    "v": r"v|volts?|伏特?",
    "hz": r"hz|赫兹?",
    "xl": "xl",
    "xs": "xs",
}
"""Canonical unit -> how it is written behind a number, in lower case and simplified Chinese."""

_GROUPS: Final = "|".join(f"(?P<u{i}>{words})" for i, words in enumerate(_UNITS.values()))
_NAMES: Final = tuple(_UNITS)
# Latin units end where the word ends, and "2 g-strings" has none.
_UNIT: Final = re.compile(rf"(?<=\d)[ -]?(?:{_GROUPS})(?<![a-z](?=[a-z0-9]))(?<![^a-z][a-z](?=-))")
_QUOTED: Final = re.compile(r'(?<![^\s(\[])"([^"]*)"')
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_TIMES: Final = re.compile(r"(?<=\d) ?[×x*] ?(?=\d)")
_IN: Final = re.compile(r"(?<=\d) in (?=\d)")
_MIXED: Final = re.compile(r"(?<![\d/.])(\d+)[ -](\d{1,2})/(2|4|8|16)(?![\d/])")
_LONE: Final = re.compile(r"\b([tuv]) (?=(?:shirt|neck)(?:s|ed|line)?\b)")
_TEE: Final = re.compile(r"(?<![a-z\d])t ?恤衫?")
_WORD_AND_NUMBER: Final = re.compile(
    r"(?<=[^\W\d_]{3})(?=\d)|(?<=\d)(?=[^\W\d_]{3})(?!(?:inch|mah)(?!\w))"
)
_EXTRA: Final = re.compile(r"(x{2,})([ls])")
_DIGIT: Final = re.compile(r"\d")


def unify_measures(text: str) -> str:
    """Return lower-case text with numbers, units and lone letters in one form.

    A unit stands right behind its number and by one name, whatever the language (``5.5 英寸``,
    ``5 1/2"`` and ``5.5 inches`` are ``5.5inch``; ``256 GB`` is ``256gb``); no thousands comma; an
    ``x`` for times; a letter that is half a word joined to it (``t shirt`` is ``tshirt``, and so is
    ``t恤``, which is how Chinese spells that word).

    >>> unify_measures('5 1/2" case, 256 gb, 30 × 40 cm')
    '5.5inch case, 256gb, 30x40cm'
    """
    text = _TEE.sub("tshirt", _LONE.sub(r"\1", text))
    if not _DIGIT.search(text):
        return text
    if '"' in text:
        text = _QUOTED.sub(r" \1 ", text)
    text = _IN.sub("in", _TIMES.sub("x", _THOUSANDS.sub("", text)))
    return _UNIT.sub(_unit_name, _MIXED.sub(_decimal, text))


def split_model(token: str) -> list[str]:
    """Return the parts of a model name as they are written apart, sizes with their ``x`` counted.

    Three letters or more and a number are two words, because people write them both ways; shorter
    ones are one.

    >>> split_model("iphone15pro"), split_model("wh1000xm4"), split_model("xxl")
    (['iphone', '15', 'pro'], ['wh1000xm4'], ['2xl'])
    """
    parts = _WORD_AND_NUMBER.split(token) if _DIGIT.search(token) else [token]
    return [_EXTRA.sub(_counted, part) if _EXTRA.fullmatch(part) else part for part in parts]


def _unit_name(match: re.Match[str]) -> str:
    return _NAMES[int((match.lastgroup or "u0")[1:])]


def _decimal(match: re.Match[str]) -> str:
    whole, part, parts = map(int, match.groups())
    return f"{whole + part / parts:g}" if 0 < part < parts else match.group()


def _counted(match: re.Match[str]) -> str:
    return f"{len(match.group(1))}x{match.group(2)}"
