"""Saved folders: written aside, synced, renamed; described by a manifest; never pickled."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from core_embeddings.errors import ArtefactError, FingerprintError

MANIFEST = "manifest.json"


def digest_bytes(*parts: bytes) -> str:
    """Return the hex BLAKE2b-128 digest of the parts, length-prefixed so that borders count."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


def digest_json(value: Any) -> str:
    """Return the digest of a JSON-able value, independent of the order of its keys."""
    return digest_bytes(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).encode())


def digest_file(path: Path) -> str:
    """Return the digest of a file's bytes, read in blocks."""
    state = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def sync_folder(folder: Path) -> None:
    """Flush a folder's own entries, so that a rename in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, payload: bytes) -> None:
    """Write a file so that a reader, or a kill, sees the old content or the new, never a part."""
    with new_file(path) as stream:
        stream.write(payload)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file aside that takes its place only when all was written: the old one or the new.

    An exception inside leaves the old file, or none, and nothing beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically, readable and with a stable order of keys."""
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
    write_bytes(path, text.encode() + b"\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    ArtefactError
        If the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtefactError(f"{path} does not exist; was this folder written by tuwen?") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtefactError(
            f"{path} is not valid JSON ({error}); restore it or run the fit again"
        ) from None


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write into that takes the place of ``path`` only when the block succeeds.

    The files are synced before the rename. An existing folder is replaced; between its removal
    and the rename lies one instant, so what must never be missing belongs in a numbered folder
    named by a JSON file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield aside
        _sync_tree(aside)
        os.chmod(aside, 0o755)
        _take_place(aside, path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    sync_folder(path.parent)


def _sync_tree(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        else:
            sync_folder(file)
    sync_folder(folder)


def _take_place(aside: Path, path: Path) -> None:
    if not path.exists():
        os.replace(aside, path)
        return
    old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
    os.replace(path, old / "was")
    os.replace(aside, path)
    shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class Manifest:
    """What a saved folder says of itself.

    Parameters
    ----------
    kind
        What the folder holds: ``embedder``, ``taggers``, ``recommender``, ``vectors``.
    version
        Layout version of that kind; raised when the files change meaning.
    fingerprint
        The embedder this was made with (for an embedder: itself).
    """

    kind: str
    version: int
    fingerprint: str

    def write(self, folder: Path) -> None:
        """Write the manifest into a folder."""
        write_json(folder / MANIFEST, asdict(self))

    @classmethod
    def read(
        cls, folder: Path, *, kind: str, version: int, fingerprint: str | None = None
    ) -> Manifest:
        """Read and check a folder's manifest.

        Raises
        ------
        ArtefactError
            If it is missing, or of another kind or version.
        FingerprintError
            If ``fingerprint`` is given and the folder was made with another embedder.
        """
        values = read_json(folder / MANIFEST)
        try:
            found = cls(str(values["kind"]), int(values["version"]), str(values["fingerprint"]))
        except (KeyError, TypeError, ValueError):
            raise ArtefactError(
                f"{folder / MANIFEST} lacks kind, version or fingerprint; run the fit again"
            ) from None
        if (found.kind, found.version) != (kind, version):
            raise ArtefactError(
                f"{folder} holds {found.kind!r} version {found.version}; "
                f"expected {kind!r} version {version}; "
                "run the fit again with this version of tuwen"
            )
        check_fingerprint(found.fingerprint, fingerprint, what=str(folder))
        return found


def check_fingerprint(found: str, expected: str | None, *, what: str) -> None:
    """Refuse an artefact made with another embedder; ``expected=None`` accepts any.

    Raises
    ------
    FingerprintError
        If the two differ.
    """
    if expected is not None and found != expected:
        raise FingerprintError(
            f"{what} was made with embedder {found[:12]}, but the embedder in use is "
            f"{expected[:12]}; their vectors cannot be compared. Run the fit again, or use the "
            "embedder it was made with"
        )
