"""The command line: switches anywhere, exit codes, one JSON object, helpful help."""

import json
import re
import subprocess
import sys

import pytest

from core_embeddings.errors import TuwenError
from tuwen import cli

COMMANDS = [
    *("demo", "sample", "check", "fit", "evaluate", "search", "similar"),
    *("embed", "tag", "recommend", "add", "remove", "forget"),
    *("review", "correct", "why", "describe", "suspects", "teach", "drift"),
]


def raising(error):
    def command(*args, **kwargs):
        raise error

    return command


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        (["search", "s", "x", "--json"], ["--json", "search", "s", "x"]),
        (["fit", "c", "--seed", "3", "--out", "o"], ["--seed", "3", "fit", "c", "--out", "o"]),
        (["fit", "--seed=3", "c"], ["--seed=3", "fit", "c"]),
        (["search", "s", "--", "--json"], ["search", "s", "--", "--json"]),
        (["fit", "--seed"], ["--seed", "fit"]),
    ],
)
def test_switches_may_stand_anywhere_before_a_double_dash(typed, parsed):
    assert cli.hoist(typed) == parsed


def test_every_command_of_the_contract_is_there(capsys):
    assert cli.run(["--help"]) == 0
    listed = re.findall(r"^  ([a-z]+)  ", capsys.readouterr().out, flags=re.M)
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_shows_an_example_that_parses(command, capsys):
    assert cli.run([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"Example:\n\s+tuwen {command}\b", text)


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["search"],
        ["search", "shop"],
        ["search", "shop", "x", "-k", "0"],
        ["search", "shop", "x", "--queries", "q.csv"],
        ["search", "shop", "--queries", "q.csv"],
        ["fit", "c.csv"],
        ["fit", "c.csv", "--out", "s", "--seed", "x"],
        ["check", "c.csv", "--column", "title"],
        ["embed", "s", "c.csv", "--out", "v.csv"],
        ["embed", "s", "c.csv", "--out", "v.parquet", "--what", "sound"],
        ["remove", "shop"],
        ["sample"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2_and_says_so_on_stderr(words, capsys):
    assert cli.run(words) == 2
    said = capsys.readouterr()
    assert said.out == "" and "Error" in said.err


@pytest.mark.parametrize("command", ["search", "similar", "evaluate", "remove", "forget"])
def test_a_failure_exits_1_with_a_message_and_no_trace(command, tmp_path, capsys):
    assert cli.run([command, str(tmp_path), "x"] if command != "evaluate" else [command, "x"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and "is not a shop" in said.err
    assert said.err.startswith("tuwen: ") and "Traceback" not in said.err


def test_verbose_lets_the_trace_through(tmp_path):
    with pytest.raises(TuwenError, match="is not a shop"):
        cli.run(["similar", str(tmp_path), "x", "--verbose"])


def test_an_unexpected_error_exits_1_and_names_verbose(monkeypatch, capsys):
    monkeypatch.setattr("tuwen.shop.Shop.open", raising(RuntimeError("boom")))
    assert cli.run(["similar", "s", "x"]) == 1
    err = capsys.readouterr().err
    assert "unexpected RuntimeError: boom" in err and "--verbose" in err
    assert "Traceback" not in err


def test_ctrl_c_exits_130(monkeypatch, capsys):
    monkeypatch.setattr("tuwen.shop.Shop.open", raising(KeyboardInterrupt()))
    assert cli.run(["similar", "s", "x"]) == 130
    assert "stopped" in capsys.readouterr().err


def test_check_prints_one_json_object_and_nothing_else(tmp_path, capsys):
    table = tmp_path / "c.csv"
    table.write_text("sku,name\na,红色连衣裙\nb,red dress\n,no id\nd,\n", encoding="utf-8")
    words = ["check", str(table), "--column", "product_id=sku", "--column", "title=name", "--json"]
    assert cli.run(words) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["products"], found["rejected"]) == (2, 2)
    assert found["languages"] == {"chinese": 0.5, "latin": 0.5}
    assert "reading" in said.err


def test_check_strict_exits_1_says_why_and_still_writes_the_rejects(tmp_path, capsys):
    table, bad = tmp_path / "c.csv", tmp_path / "bad.csv"
    table.write_text("product_id,title\na,red\na,blue\n")
    assert cli.run(["check", str(table), "--strict", "--quiet", "--rejects", str(bad)]) == 1
    assert "duplicate id" in bad.read_text()
    said = capsys.readouterr()
    assert "1 usable products" in said.out
    assert "c.csv: --strict allows no rejected rows, but 1 came: 1 x duplicate id" in said.err
    assert f"(all in {bad})" in said.err and said.err.startswith("tuwen: ")


def test_json_has_no_nan(capsys):
    from tuwen.session import Session

    Session(json=True).result({"a": float("nan"), "b": [float("inf"), 1.5]}, "")
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5]}


def test_a_table_may_be_a_url(tmp_path, capsys):
    (tmp_path / "c.csv").write_text("product_id,title\na,red\nb,blue\n")
    (tmp_path / "log.csv").write_text("user_id,product_id\nu,a\n")
    urls = [(tmp_path / name).as_uri() for name in ("c.csv", "log.csv")]
    assert cli.run(["check", urls[0], "--interactions", urls[1], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["products"], found["interactions"]["users"]) == (2, 1)


def test_verbose_shows_what_the_packages_log_and_nothing_else_does():
    code = "import logging; from tuwen import cli; cli.run = lambda given: log.info('told'); "
    code += "log = logging.getLogger('core_embeddings.x'); cli.main({})"
    for words, said in ((["check", "--verbose"], "told\n"), (["check"], "")):
        done = subprocess.run(
            [sys.executable, "-c", code.format(words)], capture_output=True, text=True, check=True
        )
        assert (done.stdout, done.stderr) == ("", said)
