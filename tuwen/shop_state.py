"""What a shop's ``shop.json`` says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FORMAT_VERSION = 1
TAGGERS = "taggers"
"""Folder of the taggers that a fit makes."""


@dataclass(frozen=True)
class ShopState:
    """What ``shop.json`` says.

    Parameters
    ----------
    name
        Also the MLflow experiment.
    settings
        Of the last fit, nested.
    seed
        Of the last fit.
    fingerprint
        Of the embedder; "" before there is one.
    products
        Name of the current products folder; "" before there is one.
    taggers
        Name of the current taggers folder; a fit's own is ``taggers``.
    version
        Newest of the corrections that count; 0 before there is one.
    fitted
        The version of corrections that the last fit took in: it and those before stay.
    complete
        False from the start of a fit to its end.
    runs
        MLflow run id by purpose, so that an interrupted fit goes on in its own run.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    fingerprint: str = ""
    products: str = ""
    taggers: str = TAGGERS
    version: int = 0
    fitted: int = 0
    complete: bool = False
    runs: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION
