"""The composition: command line, shop folder, fit pipeline, sample and demo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuwen.settings import FitConfig
    from tuwen.shop import Shop

__all__ = ["FitConfig", "Shop"]

_HOME = {"FitConfig": "tuwen.settings", "Shop": "tuwen.shop"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that the command line starts at once."""
    if name not in _HOME:
        raise AttributeError(
            f"module 'tuwen' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
