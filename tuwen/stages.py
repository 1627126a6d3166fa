"""Stages of a fit: done once for one set of inputs, skipped after that, never half done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core_embeddings.artefact import read_json, write_json
from core_embeddings.errors import ArtefactError

STAGES = "stages"


@dataclass(frozen=True)
class StageOutput:
    """What a stage's function hands back.

    Parameters
    ----------
    outputs
        What it wrote, relative to the shop; the stage counts as done only while all exist.
    counts
        Numbers worth telling, JSON-able.
    """

    outputs: Sequence[str]
    counts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StageResult:
    """How a stage ended: skipped or run, in how many seconds, with which counts."""

    name: str
    skipped: bool
    seconds: float
    counts: Mapping[str, Any]


class Stages:
    """Done markers of one shop, in ``stages/<name>.json``.

    Parameters
    ----------
    root
        The shop's folder.
    announce
        Called with the stage's name just before it runs.
    """

    def __init__(self, root: Path, *, announce: Callable[[str], None] | None = None) -> None:
        self._root = root
        self._announce = announce or (lambda name: None)

    def is_done(self, name: str, digest: str) -> bool:
        """Tell whether the stage was finished with these inputs and its outputs still exist."""
        marker = self._marker(name)
        return (
            marker is not None
            and marker.get("digest") == digest
            and all((self._root / output).exists() for output in marker["outputs"])
        )

    def run(self, name: str, digest: str, function: Callable[[], StageOutput]) -> StageResult:
        """Run a stage unless it is done.

        The marker goes before the work and comes back after it, so a killed stage runs again,
        even when the next fit returns to the inputs of an older marker.

        Parameters
        ----------
        name
            The stage, also the marker's file name.
        digest
            Digest of everything the stage depends on.
        function
            Does the work; its outputs must be complete when it returns.
        """
        if self.is_done(name, digest):
            marker = self._marker(name) or {}
            return StageResult(name, True, marker["seconds"], marker["counts"])
        self._announce(name)
        self.drop(name)
        start = time.perf_counter()
        output = function()
        seconds = round(time.perf_counter() - start, 3)
        marker = {
            "digest": digest,
            "seconds": seconds,
            "counts": dict(output.counts),
            "outputs": list(output.outputs),
        }
        write_json(self._path(name), marker)
        return StageResult(name, False, seconds, output.counts)

    def drop(self, name: str) -> None:
        """Forget that a stage was done."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._root / STAGES / f"{name}.json"

    def _marker(self, name: str) -> dict[str, Any] | None:
        try:
            marker = read_json(self._path(name))
        except ArtefactError:
            return None  # absent or damaged: the stage runs again, which repairs it
        required = {"digest", "seconds", "counts", "outputs"}
        return marker if isinstance(marker, dict) and required <= marker.keys() else None
