import os

import pytest

from core_embeddings.artefact import (
    Manifest,
    digest_bytes,
    digest_file,
    digest_json,
    new_folder,
    read_json,
    write_bytes,
    write_json,
)
from core_embeddings.errors import ArtefactError, FingerprintError


def test_digests_see_borders_and_not_key_order(tmp_path):
    assert digest_bytes(b"ab", b"c") != digest_bytes(b"a", b"bc")
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "y").write_bytes(b"abc")
    assert digest_file(tmp_path / "x") == digest_file(tmp_path / "y")


def test_a_failed_block_leaves_the_old_folder_and_no_trace(tmp_path):
    with new_folder(tmp_path / "model") as aside:
        write_json(aside / "a.json", {"old": True})
    with pytest.raises(RuntimeError, match="half way"), new_folder(tmp_path / "model") as aside:
        write_json(aside / "a.json", {"old": False})
        raise RuntimeError("half way")
    assert read_json(tmp_path / "model" / "a.json") == {"old": True}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_new_folder_takes_the_place_of_the_old_one_whole(tmp_path):
    for name in ("first", "second"):
        with new_folder(tmp_path / "model") as aside:
            (aside / name).write_text(name)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_writing_replaces_and_leaves_nothing_aside(tmp_path):
    write_bytes(tmp_path / "f", b"1")
    write_bytes(tmp_path / "f", b"2")
    assert (tmp_path / "f").read_bytes() == b"2"
    assert len(list(tmp_path.iterdir())) == 1


def test_missing_and_broken_json_are_named(tmp_path):
    with pytest.raises(ArtefactError, match="does not exist"):
        read_json(tmp_path / "no.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ArtefactError, match="is not valid JSON"):
        read_json(tmp_path / "bad.json")


def test_a_manifest_of_another_kind_version_or_embedder_is_refused(tmp_path):
    Manifest("taggers", 1, "f" * 32).write(tmp_path)
    assert Manifest.read(tmp_path, kind="taggers", version=1).fingerprint == "f" * 32
    with pytest.raises(ArtefactError, match="expected 'recommender' version 1"):
        Manifest.read(tmp_path, kind="recommender", version=1)
    with pytest.raises(ArtefactError, match="holds 'taggers' version 1; expected 'taggers' vers"):
        Manifest.read(tmp_path, kind="taggers", version=2)
    with pytest.raises(FingerprintError, match="was made with embedder ffffffffffff, but"):
        Manifest.read(tmp_path, kind="taggers", version=1, fingerprint="0" * 32)


def test_an_incomplete_manifest_is_refused(tmp_path):
    write_json(tmp_path / "manifest.json", {"kind": "taggers"})
    with pytest.raises(ArtefactError, match="lacks kind, version or fingerprint"):
        Manifest.read(tmp_path, kind="taggers", version=1)


def test_a_file_is_synced_before_the_rename_and_its_folder_after(tmp_path, monkeypatch):
    """Only in this order does a power cut leave the old content or the new."""
    done = []
    sync, replace = os.fsync, os.replace

    def synced(handle):
        inode = os.fstat(handle).st_ino
        done.append("folder" if inode == tmp_path.stat().st_ino else "file")
        sync(handle)

    def replaced(source, target):
        done.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_bytes(tmp_path / "x", b"new")
    assert done == ["file", "rename", "folder"]
