import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import retrieve
from retrieve.cli import main


def write(path, id_column, ids, vectors, fingerprint="f" * 32):
    """A vector table as the suite writes it: fixed-size lists, the fingerprint in the schema."""
    flat = pa.array(np.asarray(vectors, np.float32).ravel())
    table = pa.table(
        {id_column: ids, "vector": pa.FixedSizeListArray.from_arrays(flat, len(vectors[0]))}
    )
    named = table.replace_schema_metadata({b"fingerprint": fingerprint.encode()})
    pq.write_table(named if fingerprint else table, path)
    return str(path)


@pytest.fixture
def shop(tmp_path):
    write(tmp_path / "v.parquet", "product_id", ["a", "b", "c"], [[1, 0], [0.8, 0.6], [0, 1]])
    (tmp_path / "p.csv").write_text("product_id,price,color\na,10,Red\nb,20,Blue\nc,,Blue\n")
    return tmp_path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return stop.value.code or 0, captured.out, captured.err


def test_similar_prints_one_json_object_with_distance_and_cosine(shop, capsys):
    code, out, _ = run(capsys, "similar", shop / "v.parquet", "a", "--json")
    hits = json.loads(out)["hits"]
    assert code == 0
    assert [hit["product_id"] for hit in hits] == ["b", "c"]
    assert [hit["cosine"] for hit in hits] == pytest.approx([0.8, 0], abs=1e-6)
    assert [hit["distance"] for hit in hits] == pytest.approx([0.4**0.5, 2**0.5])


def test_search_with_query_vectors_writes_hits(shop, capsys):
    queries = write(shop / "q.parquet", "query_id", ["up", "right"], [[0, 1], [1, 0]])
    out = shop / "hits.parquet"
    code, printed, _ = run(
        capsys, "search", shop / "v.parquet", "--queries", queries, "-k", 1, "--out", out
    )
    hits = pd.read_parquet(out)
    assert (code, printed) == (0, "")
    assert list(zip(hits["query_id"], hits["product_id"], strict=True)) == [
        ("up", "c"),
        ("right", "a"),
    ]


@pytest.mark.parametrize(
    ("where", "expected"), [("price < 15", ["a"]), ("color = 'blue'", ["b", "c"])]
)
def test_search_where_reads_the_products_table(shop, capsys, where, expected):
    queries = write(shop / "q.parquet", "query_id", ["q"], [[1, 0]])
    code, out, _ = run(
        capsys,
        *("search", shop / "v.parquet", "--queries", queries, "--json"),
        *("--products", shop / "p.csv", "--where", where),
    )
    assert (code, [hit["product_id"] for hit in json.loads(out)["hits"]]) == (0, expected)


def test_plain_lists_without_fingerprint_are_read(tmp_path, capsys):
    path = tmp_path / "plain.parquet"
    pd.DataFrame({"product_id": ["a", "b"], "vector": [[1.0, 0.0], [0.0, 1.0]]}).to_parquet(path)
    code, out, _ = run(capsys, "similar", path, "a")
    assert code == 0
    assert "b" in out.splitlines()[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["similar", "v.parquet", "aa"], "there is no product 'aa' among 3"),
        (["similar", "none.parquet", "a"], "does not exist"),
        (["similar", "p.csv", "a"], "must be Parquet with the columns product_id and vector"),
        (["search", "v.parquet", "--queries", "other.parquet"], "embed both with the same one"),
        (["search", "v.parquet", "--queries", "wide.parquet"], r"queries \(1, 3\) and items"),
        (
            ["similar", "v.parquet", "a", "--products", "p.csv", "--where", "prise < 5"],
            "did you mean 'price'",
        ),
    ],
)
def test_failure_exits_1_with_the_reason_on_stderr(shop, capsys, monkeypatch, arguments, message):
    write(shop / "other.parquet", "query_id", ["q"], [[1, 0]], "e" * 32)
    write(shop / "wide.parquet", "query_id", ["q"], [[1, 0, 0]])
    monkeypatch.chdir(shop)
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert pd.Series([err]).str.contains(message).all()


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "v.parquet"],
        ["search", "v.parquet", "words"],
        ["search", "v.parquet", "words", "--queries", "q.parquet"],
        ["similar", "v.parquet", "a", "--where", "price < 5"],
        ["similar", "v.parquet", "a", "-k", "0"],
        ["nonsense"],
    ],
)
def test_wrong_usage_exits_2(shop, capsys, monkeypatch, arguments):
    monkeypatch.chdir(shop)
    assert run(capsys, *arguments)[0] == 2


def test_help_shows_an_example(capsys):
    code, out, _ = run(capsys, "search", "--help")
    assert code == 0
    assert "python -m retrieve search" in out


def test_public_names_resolve_and_unknown_ones_are_refused():
    assert all(getattr(retrieve, name).__name__ == name for name in retrieve.__all__)
    assert dir(retrieve) == sorted(retrieve.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Matchr'"):
        retrieve.Matchr  # noqa: B018


def test_import_of_package_and_command_line_loads_nothing_heavy():
    code = (
        "import sys, retrieve, retrieve.cli; "
        "print({'torch', 'pandas', 'numpy', 'bm25s', 'mlflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
