"""A kill at any moment leaves a store that the next start can use, and no data is lost."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core_embeddings.tracking import open_run
from core_embeddings.tracking_store import prepare_store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tracking_db, tmp_path, monkeypatch):
    """The database of a migrated store, in its default place under the working directory."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tracking_db(tmp_path / "mlruns") / "mlflow.db"


@pytest.fixture
def quick(tracking_db, tmp_path_factory, monkeypatch):
    """Make a new database as a copy of a migrated one; MLflow's own steps cost seconds."""
    template = tracking_db(tmp_path_factory.mktemp("template")) / "mlflow.db"

    def copy(path, artifacts):
        shutil.copyfile(template, path)

    monkeypatch.setattr("core_embeddings.tracking_store._create", copy)


def change(database, *statements):
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def ask(database, question):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(question).fetchall()


def names_in(folder):
    return {path.name for path in folder.iterdir()} - {".mlflow.db.lock"}


def prepare(database):
    prepare_store(database, database.parent / "artifacts")


def step_back(database):
    """Say that the last step was not taken, as a kill between a step and its note leaves it."""
    import mlflow
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    before = script.get_revision(script.get_current_head()).down_revision
    change(database, f"UPDATE alembic_version SET version_num = '{before}'")
    return script.get_current_head()


def test_a_whole_store_is_left_as_it_is(store):
    before = store.read_bytes()
    prepare(store)
    assert store.read_bytes() == before
    assert names_in(store.parent) == {"mlflow.db"}


def test_a_missing_store_is_made_beside_what_a_kill_left_of_an_earlier_try(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    half = tmp_path / "mlruns" / ".mlflow.db.new"
    half.mkdir(parents=True)
    (half / "mlflow.db").write_bytes(b"half of a migration")
    (half / "mlflow.db-journal").write_bytes(b"its journal")
    with open_run("shop", "fit") as run:
        assert run.run_id
    assert names_in(tmp_path / "mlruns") == {"mlflow.db"}
    assert ask(tmp_path / "mlruns" / "mlflow.db", "PRAGMA quick_check") == [("ok",)]


def test_a_half_migrated_store_is_moved_aside_whole_and_the_warning_says_where(
    store, quick, caplog
):
    step_back(store)  # its columns are there already: taking the step again must fail
    change(store, "CREATE TABLE mine (word TEXT)", "INSERT INTO mine VALUES ('kept')")
    with open_run("new", "fit"):
        pass
    with open_run("new", "again"):
        pass
    aside = store.with_name("mlflow.db.unusable-1")
    assert names_in(store.parent) == {"mlflow.db", aside.name}
    assert ask(aside, "SELECT word FROM mine") == [("kept",)]
    assert ("new",) not in ask(aside, "SELECT name FROM experiments")
    assert ask(store, "SELECT count(*) FROM runs") == [(2,)]
    assert f"{store} is damaged or half migrated; it was moved to {aside}" in caplog.text


def test_a_kill_before_the_first_note_of_a_step_is_half_migrated_too(store, quick):
    change(store, "DROP TABLE alembic_version")
    prepare(store)
    assert store.with_name("mlflow.db.unusable-1").exists()
    assert ask(store, "SELECT count(*) FROM alembic_version") == [(1,)]


@pytest.mark.parametrize(
    "content", [b"no database at all" * 99, b"SQLite format 3\0" + b"\7" * 5000]
)
def test_a_damaged_store_is_moved_aside_and_never_over_an_earlier_one(
    store, quick, content, caplog
):
    for number in (1, 2):
        store.write_bytes(content)
        Path(f"{store}-journal").write_bytes(b"")
        prepare(store)
        aside = store.with_name(f"mlflow.db.unusable-{number}")
        assert aside.read_bytes() == content
        assert str(aside) in caplog.text
    assert ask(store, "PRAGMA quick_check") == [("ok",)]


def test_an_empty_file_is_no_data_and_is_replaced_without_a_word(store, quick, caplog):
    store.write_bytes(b"")
    prepare(store)
    assert names_in(store.parent) == {"mlflow.db"} and caplog.text == ""
    assert ask(store, "SELECT count(*) FROM alembic_version") == [(1,)]


def test_a_store_whose_next_step_can_be_taken_is_migrated_with_its_runs(store, monkeypatch):
    """A kill between two steps, or an older MLflow: the copy goes on, nothing is put away."""
    taken = []
    with open_run("old", "fit") as run:
        pass
    head = step_back(store)

    def upgrade(engine):
        taken.append(engine.url.database)
        change(engine.url.database, f"UPDATE alembic_version SET version_num = '{head}'")

    monkeypatch.setattr("mlflow.store.db.utils._upgrade_db", upgrade)
    prepare(store)
    assert [Path(name).parent.name for name in taken] == [".mlflow.db.new"]
    assert names_in(store.parent) == {"mlflow.db"}
    assert ask(store, f"SELECT status FROM runs WHERE run_uuid = '{run.run_id}'") == [("FINISHED",)]


def test_a_store_of_a_newer_mlflow_is_left_for_mlflow_to_refuse(store):
    change(store, "UPDATE alembic_version SET version_num = 'from the future'")
    before = store.read_bytes()
    prepare(store)
    assert store.read_bytes() == before and names_in(store.parent) == {"mlflow.db"}


def test_a_locked_store_is_not_taken_for_a_damaged_one(store, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr("sqlite3.connect", lambda path, timeout=0: connect(path, timeout=0))
    with closing(connect(store)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            prepare(store)
    assert names_in(store.parent) == {"mlflow.db"}


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
import core_embeddings.tracking_store as store

store._create = lambda path, artifacts: shutil.copyfile(sys.argv[3], path)

def stop(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

target, name = sys.argv[1].rsplit(".", 1)
owner = store
for part in filter(None, target.split(".")):
    owner = getattr(owner, part)
setattr(owner, name, stop)
path = Path(sys.argv[2])
store.prepare_store(path, path.parent / "artifacts")
"""


@pytest.mark.parametrize("moment", [".sync_folder", "os.replace", "os.fsync", "._create"])
def test_a_kill_at_any_moment_of_the_making_leaves_nothing_or_the_whole(
    tracking_db, quick, tmp_path, moment
):
    """SIGKILL before the making, before the sync, before the rename, and just after it."""
    path = tmp_path / "mlruns" / "mlflow.db"
    template = tracking_db(tmp_path / "template") / "mlflow.db"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, moment, str(path), str(template)],
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == -signal.SIGKILL
    whole = moment == ".sync_folder"
    assert path.exists() == whole
    if not whole:
        assert (path.parent / ".mlflow.db.new").is_dir()
        # The lock died with its holder, and the next start is not disturbed by what lies there.
        shutil.copyfile(tracking_db(tmp_path / "again") / "mlflow.db", path)
        change(path, "DROP TABLE alembic_version")
    prepare(path)
    assert ask(path, "SELECT count(*) FROM alembic_version") == [(1,)]
    assert not (path.parent / ".mlflow.db.new").exists()


STARTER = """
import shutil, sys
from pathlib import Path
import core_embeddings.tracking_store as store
def create(path, artifacts):
    with open(sys.argv[2], "a") as log:
        log.write("made\\n")
    shutil.copyfile(sys.argv[3], path)
store._create = create
path = Path(sys.argv[1])
store.prepare_store(path, path.parent / "artifacts")
"""


def test_starters_at_the_same_time_make_one_store(tracking_db, tmp_path):
    template = tracking_db(tmp_path / "template") / "mlflow.db"
    path = tmp_path / "mlruns" / "mlflow.db"
    command = [sys.executable, "-c", STARTER, str(path), str(tmp_path / "log"), str(template)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    several = [subprocess.Popen(command, cwd=tmp_path, env=environment) for _ in range(2)]
    assert [process.wait() for process in several] == [0, 0]
    assert (tmp_path / "log").read_text() == "made\n"
    assert names_in(path.parent) == {"mlflow.db"}
