"""What a fit is asked to do, and the digest that tells whether it was done already.

Nothing heavy is imported: an unchanged fit must answer in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core_embeddings.artefact import digest_file, digest_json
from core_embeddings.config import read_toml
from core_embeddings.errors import TableError
from core_embeddings.installed import missing_weights
from tuwen.loading import TableOptions

CODE_VERSION = 3
"""Raised whenever the same inputs would give another shop."""


@dataclass(frozen=True)
class FitRequest:
    """The inputs and settings of one fit, as the user gave them.

    Parameters
    ----------
    catalogue, interactions, queries
        Tables: local paths or fsspec URLs.
    options
        How they are read.
    config_file, overrides
        Settings: a TOML file, and ``key=value`` which win.
    seed
        Makes the fit repeatable.
    """

    catalogue: str
    interactions: str | None = None
    queries: str | None = None
    options: TableOptions = field(default_factory=TableOptions)
    config_file: Path | None = None
    overrides: tuple[str, ...] = ()
    seed: int = 0

    def catalogue_digest(self) -> str:
        """Return the digest of the catalogue, its pictures' files and the reading options."""
        options = {k: str(v) for k, v in asdict(self.options).items() if k not in _NO_MATTER}
        pictures = self._picture_stats()
        return digest_json([CODE_VERSION, table_digest(self.catalogue), options, pictures])

    def digest(self) -> str:
        """Return the digest of everything the fitted shop depends on.

        Weights installed since count as a change: they are what ``auto`` would choose now.
        """
        settings = read_toml(self.config_file) if self.config_file else {}
        tables = [table_digest(path) for path in (self.interactions, self.queries)]
        given = [self.catalogue_digest(), tables, settings, list(self.overrides), self.seed]
        values = [*settings.get("embedder", {}).values(), *map(_right_side, self.overrides)]
        return digest_json([*given, *missing_weights(), *named_files(values)])

    def _picture_stats(self) -> list[tuple[str, int, int]]:
        from core_embeddings.catalogue import own_mapping
        from core_embeddings.image_cells import image_names, images_folder
        from core_embeddings.tables import read_frame

        frame = read_frame(self.catalogue)
        column = own_mapping(self.options.columns, frame).get("image", "image")
        root = images_folder(self.catalogue, self.options.images)
        if column not in frame or root is None:
            return []
        cells = frame[column].astype(object)
        names = sorted({name for cell in cells for name in image_names(cell)})
        return [(name, *_stat(root / name)) for name in names]


_NO_MATTER = {"strict", "rejects"}
_ABSENT = (-1, -1)


def table_digest(path: str | Path | None) -> str:
    """Return the digest of a table's bytes; for a URL, what its file system says of the version.

    Raises
    ------
    TableError
        If it does not exist.
    """
    if path is None:
        return ""
    if "://" in str(path):
        import fsspec

        files, name = fsspec.core.url_to_fs(str(path))
        return digest_json([str(path), files.ukey(name)])
    if not Path(path).is_file():
        raise TableError(f"{path} does not exist or is not a file; check the path")
    return digest_file(Path(path))


def named_files(values: Iterable[object]) -> list[tuple[str, int, int]]:
    """Return name, size and time of the files that settings name: weights, word vectors.

    A file that is replaced under its old name must not pass for the one that was fitted with.
    """
    paths = [Path(value).expanduser() for value in values if isinstance(value, str) and value]
    files = [
        file
        for path in paths
        if _stat(path) != _ABSENT
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
    ]
    return [(str(file), *_stat(file)) for file in files]


def _right_side(override: str) -> str:
    return override.partition("=")[2].strip().strip("\"'")


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except (OSError, ValueError):  # absent, unreadable, or no name a file can have
        return _ABSENT
    return (found.st_size, found.st_mtime_ns)
