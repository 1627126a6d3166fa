"""The commands suspects and teach on a fitted shop."""

import json

import pandas as pd
import pytest

from core_embeddings.errors import ConfigError, TuwenError
from tuwen import cli
from tuwen.suspecting import shop_suspects, single_labels
from tuwen.teaching import likely_members, teach_value


def run(capsys, *arguments):
    code = cli.run([*arguments, "--json", "--quiet"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)


def test_suspects_are_written_so_that_correct_reads_them_back(shop, tmp_path, capsys):
    out = tmp_path / "suspects.csv"
    arguments = ("--fields", "category", "--least", "0", "--limit", "3", "--accept", "0")
    answer = run(capsys, "suspects", str(shop.root), "--out", str(out), *arguments)
    table = pd.read_csv(out)
    columns = ["product_id", "field", "value", "suggested", "score", "reasons", "answer"]
    assert list(table) == columns
    assert answer["listed"] == len(table) == 3
    assert table["score"].is_monotonic_decreasing
    held = shop.catalogue().set_index("product_id")["category"]
    assert held[table["product_id"]].tolist() == table["value"].tolist()
    assert [field["field"] for field in answer["fields"]] == ["category"]
    corrected = run(capsys, "correct", str(shop.root), str(out))
    assert corrected["changed"] == 3
    held = shop.catalogue().set_index("product_id")["category"]
    assert held[table["product_id"]].tolist() == table["suggested"].tolist()
    again = shop_suspects(shop, fields=["category"]).table
    assert not set(table["product_id"]) & set(again["product_id"])  # what a human said is final


def test_no_answer_is_given_unless_asked_for(shop, tmp_path, capsys):
    out = tmp_path / "suspects.csv"
    run(capsys, "suspects", str(shop.root), "--out", str(out), "--least", "0", "--limit", "5")
    assert pd.read_csv(out)["answer"].isna().all()


def test_a_shop_without_a_suspect_gets_an_empty_table(shop, tmp_path, capsys):
    out = tmp_path / "suspects.csv"
    answer = run(capsys, "suspects", str(shop.root), "--least", "1", "--out", str(out))
    assert answer["listed"] == 0 and answer["suspects"] == []
    assert list(pd.read_csv(out).columns)[-1] == "answer"


def test_the_same_shop_is_suspected_alike_twice(shop):
    first, second = (shop_suspects(shop, fields=["category"]).table for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_a_field_that_cannot_be_tagged_is_refused_by_name(shop):
    with pytest.raises(ConfigError, match="field 'categori' cannot be tagged"):
        shop_suspects(shop, fields=["categori"])


def test_a_new_value_is_known_from_five_products_on_and_taken_back(shop):
    catalogue = shop.catalogue()
    field = next(name for name in shop.taggers().taggers if name != "category")
    ids = catalogue["product_id"][catalogue["split"] == "train"].tolist()[:5]
    taught = teach_value(shop, field, "Zanzibar", ids[:4])
    assert (taught.changed, taught.examples, taught.known) == (4, 4, False)
    assert "learned from 5 products on" in taught.told(field)
    taught = teach_value(shop, field, "Zanzibar", ids)
    assert (taught.changed, taught.examples, taught.known) == (1, 5, True)
    held = shop.catalogue().set_index("product_id")[field]
    assert (held[ids] == "Zanzibar").all()


def test_what_cannot_be_taught_changes_nothing(shop):
    before = shop.catalogue()
    with pytest.raises(TuwenError, match="the catalogue has no field 'colr'"):
        teach_value(shop, "colr", "Teal", ["x"])
    with pytest.raises(TuwenError, match="the shop holds no product 'nobody'"):
        teach_value(shop, "category", "Teal", ["nobody"])
    with pytest.raises(TuwenError, match="category cannot hold"):
        teach_value(shop, "category", " ", [before["product_id"].iloc[0]])
    pd.testing.assert_frame_equal(before, shop.catalogue())


def test_what_no_head_can_learn_now_is_not_promised(shop):
    catalogue = shop.catalogue()
    ids = catalogue["product_id"][catalogue["split"] == "train"].tolist()[:5]
    several = next(iter(shop.taggers().set_taggers))
    before = catalogue.set_index("product_id")[several]
    taught = teach_value(shop, several, "Zanzibar", ids)
    now = shop.catalogue().set_index("product_id")[several]
    assert all(
        now[one].split("|") == [*filter(None, before[one].split("|")), "Zanzibar"] for one in ids
    )
    likely = likely_members(shop, several, "Zanzibar")
    assert not set(ids) & set(likely["product_id"])
    assert all(row.suggested.split("|")[-1] == "Zanzibar" for row in likely.itertuples())
    assert (taught.examples, taught.known, taught.learns) == (5, False, False)
    assert f"no head of {several} learns it before the next fit" in taught.told(several)
    assert teach_value(shop, "price", "12345", ids).examples == 5


def test_products_likely_to_have_a_taught_value_are_written_for_a_human(shop, tmp_path, capsys):
    catalogue = shop.catalogue()
    labels = catalogue["category"]
    value = labels[labels != ""].mode()[0]
    ids = catalogue["product_id"][labels == value].tolist()[:2]
    out = tmp_path / "likely.csv"
    named = ("category", "New > Thing", *ids)
    answer = run(capsys, "teach", str(shop.root), *named, "--out", str(out))
    assert answer["changed"] == 2 and answer["value"] == "New > Thing"
    likely = pd.read_csv(out)
    assert list(likely) == ["product_id", "field", "value", "suggested", "score", "answer"]
    assert answer["likely"] == len(likely)
    assert not set(ids) & set(likely["product_id"])
    assert likely["score"].between(0.5, 1).all() and likely["answer"].isna().all()


def test_cells_with_several_values_are_not_judged():
    products = pd.DataFrame({"color": ["red", "red|blue", "", None], "category": ["a|b"] * 4})
    assert single_labels(products, "color").tolist() == ["red", "", "", ""]
    assert single_labels(products, "category").tolist() == ["a|b"] * 4
