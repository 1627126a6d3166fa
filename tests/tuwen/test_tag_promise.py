"""tuwen tag --target-precision, as a user types it."""

import json

import pandas as pd
import pytest

from tuwen import cli


@pytest.fixture(scope="module")
def folder(fitted):
    return str(fitted[0].shop.root)


def tagged(folder, table, out, *arguments):
    said = ["tag", folder, str(table), "--out", str(out), "--json", *arguments]
    assert cli.run(said) == 0
    return pd.read_parquet(out)


def test_a_promise_by_field_is_taken_and_leaves_other_fields_alone(
    folder, sample, tmp_path, capsys
):
    table = sample / "catalogue.parquet"
    plain = tagged(folder, table, tmp_path / "plain.parquet")
    asked = tagged(folder, table, tmp_path / "asked.parquet", "--target-precision", "color=0.01")
    printed = capsys.readouterr()
    said = json.loads(printed.out.splitlines()[-1])
    assert said["out"].endswith("asked.parquet")
    auto = (asked["decision"] == "auto").groupby(asked["field"]).mean()
    assert said["auto_by_field"] == pytest.approx(auto.to_dict())
    # Six validation rows promise nothing: no tag is sure enough, and that is said.
    assert "color: all for review: none is as sure as the promise takes" in printed.err
    of_color = asked["field"] == "color"
    assert 0 < of_color.sum() < len(asked)
    rest = ["product_id", "field", "value", "confidence", "decision"]
    pd.testing.assert_frame_equal(asked.loc[~of_color, rest], plain.loc[~of_color, rest])


@pytest.mark.parametrize(
    ("target", "message"),
    [("high", "field=share joined by commas"), ("colour=0.9", "did you mean 'color'")],
)
def test_a_wrong_target_exits_1_and_says_what_is_meant(
    target, message, folder, sample, tmp_path, capsys
):
    out = ["--out", str(tmp_path / "t.csv"), "--target-precision", target]
    assert cli.run(["tag", folder, str(sample / "catalogue.parquet"), *out]) == 1
    assert message in capsys.readouterr().err
