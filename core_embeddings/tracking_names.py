"""What a tracking store may be told, and in which words: names, settings, versions."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

from core_embeddings.config import flatten

NAME_LENGTH, VALUE_LENGTH = 250, 6_000
"""MLflow's limits for a key and for a parameter's value."""
PACKAGES = ("tuwen", "torch", "torchvision", "numpy", "pandas", "scikit-learn", "implicit")
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Tag that opens MLflow's pages for training, not those for chat."""

_FORBIDDEN = re.compile(r"[^/\w.\- ]")
_SECRET = re.compile(r"(?:^|[._])(?:password|secret|token|api_?key|credentials?)(?:$|[._])", re.I)
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


def entity_name(name: str) -> str:
    """Return a name MLflow accepts for a parameter, a metric, a tag or a file.

    Examples
    --------
    >>> entity_name("search/recall@10")
    'search/recall_at_10'
    >>> entity_name("../a//b%")
    '_/a/b_'
    """
    words = _FORBIDDEN.sub("_", name.strip().replace("@", "_at_"))
    parts = ("_" if set(part) == {"."} else part for part in words.split("/") if part)
    return "/".join(parts)[:NAME_LENGTH].rstrip("/") or "_"


def clean_params(params: Mapping[str, object]) -> dict[str, str]:
    """Return flat settings as text: cut to length, secrets and logins in URLs masked."""
    cleaned = {}
    for key, value in flatten(params).items():
        text = "***" if _SECRET.search(key) else _LOGIN.sub("***@", str(value))
        cleaned[entity_name(key)] = text[:VALUE_LENGTH]
    return cleaned


def run_tags() -> dict[str, str]:
    """Return what every run is tagged with: versions, and the git commit where there is one."""
    found = {"python": python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    commit = git_commit(Path(__file__).parent)
    source = {"mlflow.source.git.commit": commit} if commit else {}
    return {"versions": json.dumps(found), **source}


def git_commit(folder: Path) -> str:
    """Return the commit checked out in a folder; "" outside git, or without git."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
