import json
import subprocess
import sys

import pandas as pd
import pytest

from recommend.cli import main


@pytest.fixture
def files(timed, products, vectors, tmp_path):
    timed.to_csv(tmp_path / "i.csv", index=False)
    frame = pd.DataFrame({"product_id": products.all, "vector": [row.tolist() for row in vectors]})
    frame.to_parquet(tmp_path / "v.parquet")
    return [str(tmp_path / "i.csv"), str(tmp_path / "v.parquet")]


SMALL = ["--set", "factors=4", "--set", "iterations=3"]


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main([*arguments])
    return end.value.code


def test_lists_prints_one_json_object(files, capsys):
    assert run("lists", *files, "-k", "2", "--json", *SMALL) == 0
    lists = pd.DataFrame(json.loads(capsys.readouterr().out)["lists"])
    assert list(lists) == ["user_id", "product_id", "rank", "score", "source"]
    assert (lists.groupby("user_id").size() == 2).all() and lists["user_id"].nunique() == 40


def test_lists_writes_a_table_for_the_users_asked_for(files, tmp_path, capsys):
    pd.DataFrame({"user_id": ["u03", "stranger"]}).to_csv(tmp_path / "u.csv", index=False)
    out = tmp_path / "lists.parquet"
    users = ["--users", str(tmp_path / "u.csv"), "--save", str(tmp_path / "kept")]
    assert run("lists", *files, *users, "--out", str(out), "-k", "3", *SMALL) == 0
    assert pd.read_parquet(out)["user_id"].tolist() == ["u03"] * 3 + ["stranger"] * 3
    assert (tmp_path / "kept" / "manifest.json").exists()
    assert capsys.readouterr().out == ""


def test_evaluate_prints_the_metrics(files, capsys):
    assert run("evaluate", *files, "--test-from", "2024-01-09", "--json", *SMALL) == 0
    metrics = pd.DataFrame(json.loads(capsys.readouterr().out)["metrics"])
    assert {"hybrid", "als", "popularity"} <= set(metrics["model"])


def test_a_missing_file_is_exit_1_with_a_reason(files, capsys):
    assert run("lists", files[0], "nowhere.parquet") == 1
    assert "nowhere.parquet" in capsys.readouterr().err


def test_an_unknown_setting_is_exit_1_with_the_nearest_name(files, capsys):
    assert run("lists", *files, "--set", "factor=3") == 1
    assert "did you mean 'factors'" in capsys.readouterr().err


def test_users_without_the_column_are_exit_1(files, tmp_path, capsys):
    pd.DataFrame({"name": ["x"]}).to_csv(tmp_path / "u.csv", index=False)
    assert run("lists", *files, "--users", str(tmp_path / "u.csv"), *SMALL) == 1
    assert "must have the column user_id" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["lists"], ["lists", "a", "b", "-k", "0"], ["unheard"], []])
def test_wrong_usage_is_exit_2(arguments):
    assert run(*arguments) == 2


def test_a_moment_that_is_none_is_exit_2(files):
    assert run("evaluate", *files, "--test-from", "yesterday-ish") == 2


def test_help_runs_as_a_module_and_shows_an_example():
    done = subprocess.run(
        [sys.executable, "-m", "recommend", "lists", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "python -m recommend lists" in " ".join(done.stdout.split())


def test_settings_stand_in_the_section_of_the_package(files, tmp_path, capsys):
    (tmp_path / "c.toml").write_text("[embedder]\nepochs = 1\n[recommend]\nfactor = 3\n")
    assert run("lists", *files, "--config", str(tmp_path / "c.toml")) == 1
    assert "did you mean 'factors'" in capsys.readouterr().err


def test_a_column_without_their_name_is_a_usage_error(files, capsys):
    assert run("lists", *files, "--column", "user_id") == 2
    assert "NAME=THEIRS" in capsys.readouterr().err
