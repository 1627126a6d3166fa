"""Names, params and commits as the tracking store takes them."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.tracking_names import clean_params, entity_name, git_commit


@given(st.text(min_size=1))
def test_every_name_becomes_one_that_mlflow_accepts(name):
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    clean = entity_name(name)
    _validate_metric_name(clean)
    _validate_param_name(clean)
    assert 0 < len(clean) <= 250 and entity_name(clean) == clean


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("store.password", "hunter2", "***"),
        ("api_key", "k", "***"),
        ("max_tokens", 48, "48"),
        ("url", "https://me:secret@shop.example/t", "https://***@shop.example/t"),
        ("long", "x" * 7000, "x" * 6000),
    ],
)
def test_params_hide_secrets_and_are_cut(key, value, shown):
    assert clean_params({key: value}) == {key: shown}


def test_outside_git_there_is_no_commit(tmp_path, monkeypatch):
    assert git_commit(tmp_path) == ""
    monkeypatch.setenv("PATH", "")
    assert git_commit(tmp_path) == ""


def test_inside_git_the_commit_is_the_one_checked_out(tmp_path):
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", "-C", tmp_path, *identity, *command], check=True)
    head = (tmp_path / ".git" / "HEAD").read_text().split()[-1]
    assert git_commit(tmp_path) == (tmp_path / ".git" / head).read_text().strip()
