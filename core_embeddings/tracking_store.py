"""The SQLite file MLflow keeps runs in: made whole or not at all, repaired without losing data.

MLflow migrates a new file step by step, in place. A kill among the steps leaves a file that no
later start can open ("duplicate column name"), so the steps are taken beside it.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from core_embeddings.artefact import sync_folder

logger = logging.getLogger(__name__)

SQLITE = "sqlite:///"
DEFAULT_URI = f"{SQLITE}mlruns/mlflow.db"
COMPANIONS = ("-journal", "-wal", "-shm")
"""Files SQLite keeps beside its own; they belong to it wherever it goes."""
UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def sqlite_file(uri: str) -> Path | None:
    """Return the absolute path of a tracking URI's database; None where it is not SQLite."""
    return Path(uri.removeprefix(SQLITE)).resolve() if uri.startswith(SQLITE) else None


def prepare_store(path: Path, artifacts: Path) -> None:
    """Make sure that there is a whole, migrated database.

    A missing one is made; one that an older MLflow left, or a kill between two steps, is migrated
    as a copy that then takes its place; one that is damaged or cannot be migrated is moved aside,
    with a warning that names where. Starters at the same time wait for each other; a kill at any
    moment leaves the old state or the new one.

    Parameters
    ----------
    path
        The database file.
    artifacts
        Where MLflow's default experiment keeps its files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        aside = path.with_name(f".{path.name}.new")
        shutil.rmtree(aside, ignore_errors=True)  # of a starter that was killed
        if _is_usable(path):
            return
        aside.mkdir()
        fresh = aside / path.name
        try:
            if not _migrate_copy(path, fresh):
                move_aside(path)
                _create(fresh, artifacts)
            _take_place(fresh, path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def move_aside(path: Path) -> Path | None:
    """Rename a database that cannot be used, with a warning; return where it is now.

    Nothing is overwritten and nothing deleted. None where there is no such file, or an empty one.
    """
    if not path.exists() or not path.stat().st_size:
        return None
    number = 1
    while (place := path.with_name(f"{path.name}.unusable-{number}")).exists():
        number += 1
    for companion in COMPANIONS:
        beside = Path(f"{path}{companion}")
        if beside.exists():
            os.replace(beside, f"{place}{companion}")
    os.replace(path, place)
    sync_folder(path.parent)
    logger.warning(
        "%s is damaged or half migrated; it was moved to %s and a new one is begun. "
        "Delete the old one when nothing in it is missed",
        path,
        place,
    )
    return place


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock file; the kernel lets go of it when its holder ends, however it ends."""
    import fcntl

    with path.with_name(f".{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_usable(path: Path) -> bool:
    """Tell whether MLflow can open the file, or must say itself that it is too new."""
    if not path.exists():
        return False
    revision, script = _revision(path), _migrations()
    known = {step.revision for step in script.walk_revisions()}
    return revision == script.get_current_head() or (revision is not None and revision not in known)


def _revision(path: Path) -> str | None:
    """Return the last migration step taken; None where none was, or the file is damaged."""
    try:
        with closing(sqlite3.connect(path, timeout=60)) as database:
            if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return None
            names = "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
            if database.execute(names).fetchone() is None:
                return None
            found = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in UNREADABLE:
            return None
        raise  # locked, no rights: not a reason to put anything away
    return str(found[0]) if found else None


def _migrations() -> Any:
    import mlflow
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))


def _migrate_copy(path: Path, copy: Path) -> bool:
    """Copy the database and take the missing steps; tell whether that was possible."""
    from alembic.util import CommandError
    from mlflow.store.db.utils import _upgrade_db, create_sqlalchemy_engine
    from sqlalchemy.exc import SQLAlchemyError

    if not path.exists() or _revision(path) is None:
        return False
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    engine = create_sqlalchemy_engine(f"{SQLITE}{copy}")
    try:
        _upgrade_db(engine)
    except (SQLAlchemyError, CommandError) as error:
        logger.debug("%s cannot be migrated: %s", path, error)
        _remove(copy)
        return False
    finally:
        engine.dispose()
    return True


def _create(path: Path, artifacts: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(f"{SQLITE}{path}", artifacts.as_uri()).engine.dispose()


def _take_place(fresh: Path, path: Path) -> None:
    with fresh.open("rb") as stream:
        os.fsync(stream.fileno())
    for companion in COMPANIONS:
        Path(f"{path}{companion}").unlink(missing_ok=True)  # of the file that is replaced
    os.replace(fresh, path)
    sync_folder(path.parent)


def _remove(path: Path) -> None:
    for name in ("", *COMPANIONS):
        Path(f"{path}{name}").unlink(missing_ok=True)
