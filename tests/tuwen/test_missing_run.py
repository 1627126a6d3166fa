"""``tuwen evaluate --missing``: rows, files, tracked metrics and a picture, from one command."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.errors import TableError
from tuwen import cli
from tuwen.figure_missing import missing_figure, spread
from tuwen.missing_report import COLUMNS
from tuwen.missing_run import curve_metrics, missing_text


def curves(policies=("mask", "default")):
    rows = [
        (removed, share, policy, "tag", "accuracy", 0.9 - share * (place + 1) / 4, 10)
        for removed in ("text", "image")
        for place, policy in enumerate(policies)
        for share in (0.0, 0.5, 1.0)
    ]
    return pd.DataFrame([("", 0.0, "majority", "tag", "accuracy", 0.1, 10), *rows], columns=COLUMNS)


def test_the_command_prints_keeps_and_tracks_the_same_rows(shop, sample, tracker, capsys):
    words = ["evaluate", str(shop.root), "--missing", "--queries", str(sample / "queries.parquet")]
    assert cli.run([*words, "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    kept = json.loads((shop.root / "missing.json").read_text())["rows"]
    assert told["missing"] == kept
    assert pd.read_parquet(shop.root / "missing.parquet").to_dict(orient="records") == kept
    assert (shop.root / "missing.png").read_bytes().startswith(b"\x89PNG")
    assert [name for _, name, _ in tracker.opened] == ["missing"]
    assert tracker.figures == ["missing"]


@pytest.mark.parametrize("option", ["--products", "--interactions"])
def test_other_tables_make_no_sense_with_it(option, capsys):
    assert cli.run(["evaluate", "shop", "--missing", option, "x.csv"]) == 2
    assert "takes --queries only" in " ".join(capsys.readouterr().err.split())


def test_queries_without_judgements_are_refused(shop, tmp_path, tracker, capsys):
    pd.DataFrame({"query_id": ["q"], "query": ["red"]}).to_csv(tmp_path / "q.csv", index=False)
    words = ["evaluate", str(shop.root), "--missing", "--queries", str(tmp_path / "q.csv")]
    assert cli.run(words) == 1
    assert "has no judgements" in capsys.readouterr().err
    assert tracker.opened == []


def test_a_shop_without_test_products_says_so(shop, tracker, capsys):
    products = shop.catalogue()
    shop.write_products(products.assign(split="train"), shop.vectors())
    assert cli.run(["evaluate", str(shop.root), "--missing"]) == 1
    assert "has no test products to take parts from" in capsys.readouterr().err


def test_a_metric_has_the_percent_removed_as_its_step():
    found = curve_metrics(curves().to_dict(orient="records"))
    assert sorted(found) == [0, 50, 100]
    assert found[50]["missing/image/mask/tag/accuracy"] == pytest.approx(0.775)
    assert found[0]["missing/baseline/majority/tag/accuracy"] == 0.1


def test_the_text_has_a_line_per_policy_and_a_column_per_share():
    lines = missing_text(curves().to_dict(orient="records")).splitlines()
    assert lines[0] == "tag: accuracy"
    assert lines[1].split() == ["removed", "policy", "0%", "50%", "100%", "n"]
    assert lines[2].split() == ["(nothing)", "majority", "0.1000", "-", "-", "10"]
    assert lines[4].split() == ["text", "default", "0.9000", "0.6500", "0.4000", "10"]
    assert len(lines) == 2 + 1 + 4


def test_the_picture_has_a_panel_per_part_and_metric_and_a_line_per_policy():
    figure = missing_figure(curves())
    assert len(figure.axes) == 2
    for axes in figure.axes:
        solid = [line for line in axes.lines if line.get_linestyle() == "-"]
        assert [line.get_ydata()[-1] for line in solid] == pytest.approx([0.65, 0.4])
        labels = [text.get_text() for text in axes.texts]
        assert labels == ["mask .650", "default .400", "majority .100"]
    figure.draw_without_rendering()


def test_a_report_without_curves_has_no_picture():
    with pytest.raises(TableError, match="needs curves; the report has only baselines"):
        missing_figure(curves()[:1])


@given(st.lists(st.floats(0, 1), max_size=6), st.floats(0.01, 0.1))
def test_labels_keep_their_order_and_their_distance(places, apart):
    places = np.array(places)
    moved = spread(places, apart)
    order = np.argsort(places, kind="stable")
    assert (np.diff(moved[order]) >= apart - 1e-9).all()
    assert (moved >= 0).all()
    far = np.diff(np.sort(places)) >= apart
    if far.all():
        np.testing.assert_allclose(moved, places, atol=1e-12)
