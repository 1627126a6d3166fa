"""The README's commands are real: make targets exist, tuwen lines run on a tiny sample."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(?:sh|bash|shell)\n(.*?)^```", README, flags=re.M | re.S)
LINES = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines()]
QUICK = ("embedder.epochs=1", "article=false", "backbone=pixels", "image_size=16")
COMMANDS = [line for line in LINES if line]


def test_the_readme_has_blocks_with_both_kinds_of_command():
    assert [c for c in COMMANDS if c.startswith("make ")]
    assert [c for c in COMMANDS if "tuwen fit" in c]


@pytest.mark.parametrize("command", sorted({c for c in COMMANDS if c.startswith("make ")}))
def test_each_make_command_is_a_target_of_the_makefile(command):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    assert command.split()[1] in targets


def test_ci_runs_the_readmes_test_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "make test" in COMMANDS and script[-1] == "make test"
    assert "set -euo pipefail" in script


def test_the_readmes_tuwen_commands_run_in_order(tmp_path, tracking_db):
    """Each line as written, with a small sample and one epoch so that it takes seconds."""
    tracking_db(tmp_path)
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
    }
    lines = [c for c in COMMANDS if c.startswith((".venv/bin/tuwen ", "tuwen "))]
    for line in (c for c in lines if "demo" not in c.split()[1]):
        words = shlex.split(line)[1:]
        if words[0] == "sample":
            words += ["--products", "60", "--users", "30"]
        if words[0] == "fit":
            words += [word for setting in QUICK for word in ("--set", setting)]
        code = "from tuwen.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
