"""The walls of docs/architecture.md hold for every import, lazy ones inside functions included."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core_embeddings", "retrieve", "classify", "recommend", "tuwen")
ALLOWED = {
    "core_embeddings": set(),
    "retrieve": {"core_embeddings"},
    "classify": {"core_embeddings"},
    "recommend": {"core_embeddings"},
    "tuwen": {"core_embeddings", "retrieve", "classify", "recommend"},
}
MLFLOW_FILES = (
    *("core_embeddings/tracking.py", "core_embeddings/tracking_store.py"),
    "tuwen/pyfuncs/",
)


def imported_modules(tree):
    """Every module a file imports absolutely, by statement or import_module("...")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module
        elif isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0]
            if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield first.value


def broken_walls(root):
    """Each import that crosses a wall, as "file imports module"."""
    broken = []
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            path = file.relative_to(root).as_posix()
            for module in imported_modules(ast.parse(file.read_text(encoding="utf-8"))):
                top = module.split(".")[0]
                crosses = top in PACKAGES and top != package and top not in ALLOWED[package]
                tracks = top == "mlflow" and not path.startswith(MLFLOW_FILES)
                if crosses or tracks:
                    broken.append(f"{path} imports {module}")
    return broken


def test_every_import_of_the_suite_stays_inside_the_walls():
    assert all(list((ROOT / package).glob("*.py")) for package in PACKAGES)
    assert broken_walls(ROOT) == []


@pytest.mark.parametrize(
    ("path", "source", "module"),
    [
        ("core_embeddings/a.py", "import retrieve", "retrieve"),
        ("core_embeddings/a.py", "from tuwen.shop import Shop", "tuwen.shop"),
        ("retrieve/a.py", "def f():\n    from classify import x", "classify"),
        ("classify/deep/a.py", "import recommend.hybrid as h", "recommend.hybrid"),
        ("recommend/a.py", "if True:\n    import tuwen", "tuwen"),
        (
            "recommend/a.py",
            "import importlib\nimportlib.import_module('retrieve.index')",
            "retrieve.index",
        ),
        ("tuwen/cli.py", "def f():\n    import mlflow", "mlflow"),
        ("core_embeddings/a.py", "from mlflow.pyfunc import load_model", "mlflow.pyfunc"),
    ],
)
def test_a_planted_import_across_a_wall_is_found(tmp_path, path, source, module):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source)
    assert broken_walls(tmp_path) == [f"{path} imports {module}"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("retrieve/a.py", "from core_embeddings.errors import TuwenError"),
        ("tuwen/a.py", "import retrieve, classify, recommend, core_embeddings"),
        ("core_embeddings/tracking.py", "def f():\n    import mlflow"),
        ("tuwen/pyfuncs/search.py", "import mlflow"),
        ("classify/a.py", "from . import tuwen"),
    ],
)
def test_a_planted_import_along_an_allowed_edge_passes(tmp_path, path, source):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source)
    assert broken_walls(tmp_path) == []
