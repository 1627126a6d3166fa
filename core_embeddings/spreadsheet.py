"""Text that a spreadsheet would run as a formula: quoted on the way out, unquoted on the way in."""

from __future__ import annotations

import re

# A line break counts too: a spreadsheet may drop it, and what follows would lead.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\x00]")


def defuse(text: str) -> str:
    """Return text with a leading ``'`` where a spreadsheet would take it for a formula.

    Text that already starts with quotes before a formula gets one more, so that `restore` is exact.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def restore(text: str) -> str:
    """Return the text that `defuse` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
