"""The worklist of a shop: what is missing and uncertain, in a file that correct can read."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core_embeddings.errors import ConfigError
from core_embeddings.tables import write_table
from tuwen import cli
from tuwen.answers import read_answers
from tuwen.loading import TableOptions
from tuwen.review import COLUMNS, Review, interactions_of, review_shop
from tuwen.review_page import thumbnail, write_page


def with_missing(shop, field, count):
    """Take the values of some products away; return these products."""
    held = shop.catalogue()
    rows = held.index[(held["title"] != "") & (held[field] != "")][:count]
    held.loc[rows, field] = ""
    shop.write_products(held, shop.vectors())
    return held["product_id"][rows].tolist()


def test_missing_values_are_asked_for_most_settling_first(shop):
    missing = with_missing(shop, "category", 6)
    found = review_shop(shop, fields=["category"], limit=4)
    work = found.worklist
    assert tuple(work.columns) == COLUMNS
    held = shop.catalogue()
    absent = set(held["product_id"][held["category"] == ""])
    assert set(missing) <= absent and set(work["product_id"]) <= absent
    assert len(work) == 4
    assert found.open + found.certain <= len(absent)
    assert work["priority"].is_monotonic_decreasing
    assert (work["answer"] == "").all()
    titles = held.set_index("product_id")["title"]
    assert work["title"].tolist() == titles[work["product_id"]].tolist()
    assert set(work["suggested"]) <= set(shop.taggers().tagger("category").classes_)


def test_nothing_is_asked_where_nothing_is_missing(shop):
    field = shop.taggers().fields[0]
    held = shop.catalogue()
    held.loc[held[field] == "", field] = "some value"
    shop.write_products(held, shop.vectors())
    found = review_shop(shop, fields=[field])
    assert found.worklist.empty and tuple(found.worklist.columns) == COLUMNS
    assert (found.open, found.certain, found.settled()) == (0, 0, [])


def test_an_unknown_field_names_the_nearest(shop):
    with pytest.raises(ConfigError, match=r"'categry' was not learned; .*category"):
        review_shop(shop, fields=["categry"])


def test_demand_is_counted_from_the_shops_interactions(shop):
    met = shop.recommender().state.interactions["product_id"].tolist()
    held = shop.catalogue()
    counts = interactions_of(shop, held)
    assert counts.tolist() == [met.count(name) for name in held["product_id"]]


def test_the_budget_says_what_share_the_first_answers_settle():
    gains = np.array([4.0, *[0.25] * 16])
    found = Review(pd.DataFrame(), 17, 0, gains, 10.0)
    assert found.settled() == [
        {"answers": 10, "settled": pytest.approx(0.625)},
        {"answers": 17, "settled": pytest.approx(0.8)},
    ]


def test_a_filled_in_worklist_is_an_answer_file(shop, tmp_path):
    with_missing(shop, "category", 6)
    work = review_shop(shop, fields=["category"]).worklist
    work.loc[0, "answer"] = "=1+1"
    write_table(work, tmp_path / "work.csv")
    assert "'=1+1" in (tmp_path / "work.csv").read_text()
    found = read_answers(tmp_path / "work.csv", shop.catalogue(), TableOptions())
    assert found.cells == {(work["product_id"][0], "category"): "=1+1"}
    assert set(found.rejects["reason"]) <= {"no answer"}


def page_of(tmp_path, products, work, title="shop"):
    write_page(tmp_path / "page.html", work, products, title=title)
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_page_escapes_all_text_runs_nothing_and_fetches_nothing(tmp_path):
    picture = tmp_path / "one.png"
    Image.new("RGB", (400, 200), "red").save(picture)
    products = pd.DataFrame(
        {"product_id": ["<a>", "b"], "image": [("missing.jpg", str(picture)), ()]}
    )
    evil = '"><script>alert(1)</script>'
    work = pd.DataFrame(
        {
            "product_id": ["<a>", "b"],
            "field": evil,
            "suggested": evil,
            "confidence": 0.5,
            "alternatives": [[evil], []],
            "priority": 1.0,
            "title": [evil, ""],
            "answer": "",
        }
    )
    text = page_of(tmp_path, products, work, title=evil)
    assert "<script" not in text and "<a>" not in text
    assert "Content-Security-Policy" in text and "default-src &#x27;none&#x27;" in text
    assert text.count("data:image/jpeg;base64,") == 1 and text.count("no picture") == 1
    assert set(re.findall(r'(?:src|href)="([a-z]+):', text)) == {"data"}
    assert "width=device-width" in text


def test_a_thumbnail_keeps_its_shape_and_a_broken_picture_gives_none(tmp_path):
    import base64
    import io

    Image.new("RGB", (640, 320), "red").save(tmp_path / "wide.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    uri = thumbnail([str(tmp_path / "broken.jpg"), str(tmp_path / "wide.png")])
    payload = base64.b64decode(uri.partition(",")[2])
    assert Image.open(io.BytesIO(payload)).size == (160, 80)
    assert thumbnail([str(tmp_path / "broken.jpg")]) == thumbnail([]) == ""


def run_json(capsys, *arguments):
    assert cli.run([*arguments, "--json", "--quiet"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_commands_go_round_the_loop(shop, tmp_path, capsys):
    with_missing(shop, "category", 6)
    root, out = str(shop.root), tmp_path / "work.csv"
    told = run_json(capsys, "review", root, "--out", str(out), "--fields", "category", "--budget")
    assert told["questions"] == len(pd.read_csv(out)) == told["budget"][-1]["answers"]
    assert (tmp_path / "work.html").exists()
    work = pd.read_csv(out, dtype=str, keep_default_na=False)
    work["answer"] = work["suggested"]
    work.to_csv(out, index=False)
    done = run_json(capsys, "correct", root, str(out))
    assert (done["version"], done["changed"], done["rejected"]) == (1, len(work), 0)
    again = run_json(capsys, "review", root, "--out", str(out), "--fields", "category")
    assert again["questions"] + again["certain"] == 0 or again["open"] < told["open"]
    assert run_json(capsys, "correct", root, "--list")["versions"][0]["state"] == "stands"
    assert run_json(capsys, "correct", root, "--undo")["undoes"] == 1
    assert [row["version"] for row in run_json(capsys, "correct", root, "--list")["versions"]] == [
        1,
        2,
    ]


def test_correct_wants_one_thing_at_a_time_and_review_a_csv(shop, capsys):
    root = str(shop.root)
    assert cli.run(["correct", root]) == 2
    assert cli.run(["correct", root, "a.csv", "--undo"]) == 2
    assert cli.run(["review", root, "--out", "work.parquet"]) == 2
    assert cli.run(["correct", root, "--undo"]) == 1
    assert "no correction that could be taken back" in capsys.readouterr().err
