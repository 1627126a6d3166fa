"""``python -m classify`` from files to files."""

import json

import pandas as pd
import pytest

from classify.cli import main


@pytest.fixture(scope="module")
def files(shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    shop.products.assign(split=shop.split).to_parquet(folder / "table.parquet")
    vectors = pd.DataFrame(
        {"product_id": shop.products["product_id"], "vector": list(shop.views["fused"])}
    )
    vectors.sample(frac=1, random_state=0).iloc[:-2].to_parquet(folder / "vectors.parquet")
    return folder


def run(arguments):
    """Run and return the exit code."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def test_fit_then_predict_tags_every_product_with_a_vector(shop, files, capsys):
    vectors, table = files / "vectors.parquet", files / "table.parquet"
    assert run(["fit", vectors, table, "--fields", "shape", "--out", files / "t", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    fused = {row["metric"]: row["value"] for row in printed["metrics"] if row["model"] == "fused"}
    assert printed["fields"] == ["shape"]
    assert fused["accuracy"] > 0.95
    out = files / "tags.parquet"
    assert run(["predict", files / "t", vectors, table, "--out", out, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    tags = pd.read_parquet(out)
    assert (summary["rows"], summary["without_vector"], len(tags)) == (238, 2, 238)
    truth = shop.products.set_index("product_id")["shape"]
    assert (tags["value"].to_numpy() == truth.loc[tags["product_id"]].to_numpy()).mean() > 0.95


def test_a_promise_that_no_sample_can_keep_leaves_everything_to_review(files, capsys):
    vectors, table, folder = files / "vectors.parquet", files / "table.parquet", files / "promise"
    assert run(["fit", vectors, table, "--fields", "shape", "--out", folder, "--json"]) == 0
    capsys.readouterr()
    auto = {}
    for target in ("0.9", "shape=1.0"):
        asked = ["--out", files / "p.csv", "--target-precision", target, "--json"]
        assert run(["predict", folder, vectors, table, *asked]) == 0
        auto[target] = json.loads(capsys.readouterr().out)["auto"]
    assert auto["0.9"] > 200
    assert auto["shape=1.0"] == 0
    assert run(["predict", folder, vectors, table, "--out", "x", "--target-precision", "98%"]) == 1
    assert "a target precision is a share as 0.98" in capsys.readouterr().err


def test_failure_exits_1_with_the_reason_on_stderr(files, capsys):
    table = files / "table.parquet"
    assert run(["fit", table, table, "--out", files / "x"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "with the columns product_id and vector" in captured.err


def test_unknown_option_exits_2(files, capsys):
    assert run(["fit", "--nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_bad_rows_of_the_table_are_counted_and_stop_nothing(files, capsys):
    table = pd.read_parquet(files / "table.parquet")
    twice = pd.concat([table, table.head(2), table.head(1).assign(product_id=None)])
    twice.to_parquet(files / "dirty.parquet")
    given = [files / "vectors.parquet", files / "dirty.parquet"]
    words = ["--fields", "shape", "--no-lexical", "--out", files / "dirty"]
    assert run(["fit", *given, *words]) == 0
    assert "rejected or repaired: 2 x duplicate id" in capsys.readouterr().err
    assert run(["predict", files / "dirty", *given, "--out", files / "d.csv", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["rejected"] == 3 and "1 x missing id" in said.err


def test_repeated_id_among_the_vectors_is_refused(files, capsys):
    twice = pd.concat([pd.read_parquet(files / "vectors.parquet")] * 2)
    twice.to_parquet(files / "twice.parquet")
    table = files / "table.parquet"
    assert run(["fit", files / "twice.parquet", table, "--out", files / "x"]) == 1
    assert "238 rows repeat an id" in capsys.readouterr().err
