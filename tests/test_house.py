"""House rules no tool checks: light start, sorted public names, nothing pickled, small files."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core_embeddings", "retrieve", "classify", "recommend", "tuwen")
HEAVY = {
    "torch",
    "torchvision",
    "mlflow",
    "pandas",
    "numpy",
    "sklearn",
    "implicit",
    "matplotlib",
    "pyarrow",
}
PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


def loaded_by(code):
    """Top-level modules in memory after running ``code`` in a fresh interpreter."""
    modules = "sorted({m.split('.')[0] for m in sys.modules})"
    report = f"import json, sys\n{code}\nprint(json.dumps({modules}))"
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


HELP = """
from tuwen.cli import main
sys.argv = ["tuwen", {args} "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
"""


@pytest.mark.parametrize("args", ["", "'fit',", "'search',"])
def test_help_loads_nothing_heavy(args):
    assert loaded_by(HELP.format(args=args)) & HEAVY == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_neither_torch_nor_mlflow(package):
    assert loaded_by(f"import {package}") & {"torch", "mlflow", "implicit", "matplotlib"} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_listed_and_sorted(package):
    tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    names = [
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]
    assert len(names) == 1 and names[0], f"{package}/__init__.py must list its public names"
    assert list(names[0]) in (sorted(names[0]), sorted(names[0], key=str.lower))


def unsafe_loads(tree):
    """Imports of a pickling module, torch.load without weights_only=True, and allow_pickle=True."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in PICKLERS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLERS:
            yield node.module
        elif isinstance(node, ast.Call):
            keywords = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            if ast.unparse(node.func) == "torch.load" and keywords.get("weights_only") is not True:
                yield "torch.load without weights_only=True"
            if keywords.get("allow_pickle") is True:
                yield "allow_pickle=True"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_nothing_is_pickled(file):
    assert list(unsafe_loads(ast.parse(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import dump",
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "np.load(p, allow_pickle=True)",
    ],
)
def test_the_pickle_check_can_fail(source):
    assert list(unsafe_loads(ast.parse(source)))


def test_files_stay_below_300_lines():
    long = {
        f.relative_to(ROOT).as_posix(): n
        for f in FILES
        if (n := len(f.read_text("utf-8").splitlines())) > 300
    }
    assert long == {}
