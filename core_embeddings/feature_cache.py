"""Computed features on disk, found by the digest of their image: one SQLite file per extractor."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from core_embeddings.errors import ArtefactError, ConfigError

T = TypeVar("T")

_APPLICATION: Final = (
    0x7475776E  # "tuwn" in SQLite's application_id: a foreign database is told by it
)
_LAYOUT: Final = 1
_WAIT_SECONDS: Final = 60.0
_AT_ONCE: Final = 500  # digests per query; SQLite bounds the number of parameters
_NUMERIC: Final = re.compile(r"[<|](?:f[248]|[iu][1248])")
_CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS features "
    "(digest TEXT PRIMARY KEY, dtype TEXT, shape TEXT, data BLOB) WITHOUT ROWID"
)


def default_cache_folder() -> Path:
    """Return ``$TUWEN_CACHE``, else ``$XDG_CACHE_HOME/tuwen``, else ``~/.cache/tuwen``."""
    if own := os.environ.get("TUWEN_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared).expanduser() if shared else Path.home() / ".cache") / "tuwen"


def feature_cache_folder() -> Path:
    """Return where the features of a user's pictures are kept, whatever shop they are in."""
    return default_cache_folder() / "features"


class FeatureCache:
    """Arrays by digest, kept in ``folder/<key>.sqlite``.

    Every call opens its own connection, so threads, processes and forks may share one instance; the
    write-ahead log lets readers pass a writer. Nothing is here that cannot be computed again: a
    damaged or foreign file is moved aside with a warning and a new one begun, and a row that does
    not add up counts as absent.

    Parameters
    ----------
    folder
        Made when missing.
    key
        Names the extractor; letters, digits, ``-`` and ``_``. Another key is another file, so
        features of two extractors never meet.

    Raises
    ------
    ConfigError
        If the key cannot be a file name.
    ArtefactError
        If the file can be neither opened nor made (permissions, full disk, locked for a minute).
    """

    def __init__(self, folder: Path, key: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,120}", key):
            raise ConfigError(f"a cache key has letters, digits, '-' and '_'; got {key!r}")
        self.key = key
        self.path = folder / f"{key}.sqlite"
        self._mend = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(self.path, error) from None
        self._run(lambda connection: None)

    def __len__(self) -> int:
        return self._run(lambda c: int(c.execute("SELECT count(*) FROM features").fetchone()[0]))

    def get_many(self, digests: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return the arrays that are there, by digest; the others are left out."""
        wanted = list(dict.fromkeys(digests))

        def read(connection: sqlite3.Connection) -> dict[str, NDArray[Any]]:
            found = {}
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                query = f"SELECT digest, dtype, shape, data FROM features WHERE digest IN ({marks})"
                for digest, dtype, shape, data in connection.execute(query, part):
                    array = _unpack(dtype, shape, data)
                    if array is not None:
                        found[digest] = array
            return found

        return self._run(read)

    def put_many(self, features: Mapping[str, NDArray[Any]]) -> None:
        """Store arrays by digest in one transaction, in place of those already there.

        Raises
        ------
        ConfigError
            If an array is not of numbers (float or integer).
        """
        rows = [(digest, *_pack(array)) for digest, array in features.items()]

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?)", rows)

        self._run(write)

    def _run(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Act on an open database; after damage, once more on a new one."""
        try:
            try:
                with self._open() as connection:
                    return action(connection)
            except _Damaged as damage:
                self._move_aside(damage)
            with self._open() as connection:
                return action(connection)
        except (OSError, sqlite3.Error, _Damaged) as error:
            raise _unusable(self.path, error) from None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as connection:
                _prepare(connection)
                yield connection
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:
                raise  # locked, read-only, full (an OperationalError): the file itself is sound
            raise _Damaged(str(error)) from None

    def _is_sound(self) -> bool:
        try:
            with self._open() as connection:
                return connection.execute("PRAGMA quick_check").fetchone()[0] == "ok"
        except (_Damaged, sqlite3.Error):
            return False

    def _move_aside(self, damage: Exception) -> None:
        with self._mend:
            if self._is_sound():  # another thread was here first
                return
            aside = _free_name(self.path)
            warnings.warn(
                f"feature cache {self.path} is damaged or not ours ({damage}); it was moved to "
                f"{aside.name} and features are computed anew",
                RuntimeWarning,
                stacklevel=4,
            )
            for suffix in ("", "-wal", "-shm"):
                part = Path(f"{self.path}{suffix}")
                if part.exists():
                    os.replace(part, f"{aside}{suffix}")


class _Damaged(Exception):
    """The file is no database, a broken one, or one of another program."""


def _prepare(connection: sqlite3.Connection) -> None:
    """Check that the database is ours; fill it in when it is empty."""
    if not _is_ours(connection):
        with connection:  # asked again under the lock: another process may be making the same file
            connection.execute("BEGIN IMMEDIATE")
            if not _is_ours(connection):
                connection.execute(_CREATE)
                connection.execute(f"PRAGMA application_id={_APPLICATION}")
                connection.execute(f"PRAGMA user_version={_LAYOUT}")
        with suppress(sqlite3.OperationalError):  # in use already: it works without, only slower
            connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _is_ours(connection: sqlite3.Connection) -> bool:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    layout = connection.execute("PRAGMA user_version").fetchone()[0]
    if (application, layout) == (_APPLICATION, _LAYOUT):
        return True
    if connection.in_transaction and _tables(connection):
        raise _Damaged(f"application {application:#x}, layout {layout}")
    return False


def _tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _pack(array: NDArray[Any]) -> tuple[str, str, bytes]:
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if not _NUMERIC.fullmatch(little.dtype.str):
        raise ConfigError(f"the feature cache stores numbers; got an array of {array.dtype}")
    return little.dtype.str, ",".join(map(str, array.shape)), little.tobytes()


def _unpack(dtype: object, shape: object, data: object) -> NDArray[Any] | None:
    if not (isinstance(dtype, str) and isinstance(shape, str) and isinstance(data, bytes)):
        return None
    if not (_NUMERIC.fullmatch(dtype) and re.fullmatch(r"(\d{1,9}(,\d{1,9})*)?", shape)):
        return None
    sizes = tuple(int(size) for size in shape.split(",") if size)
    if int(np.prod(sizes, dtype=object)) * np.dtype(dtype).itemsize != len(data):
        return None
    return np.frombuffer(data, dtype=dtype).reshape(sizes).copy()


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return aside


def _unusable(path: Path, error: Exception) -> ArtefactError:
    return ArtefactError(
        f"feature cache {path} cannot be used ({error}); free it, or set TUWEN_CACHE to a folder "
        "that can be written"
    )
