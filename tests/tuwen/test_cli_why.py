"""tuwen why and tuwen describe, as a user types them, on a small fitted shop."""

import json

import pandas as pd
import pytest

from tuwen import cli


@pytest.fixture(scope="module")
def folder(fitted):
    return str(fitted[0].shop.root)


@pytest.fixture(scope="module")
def product(fitted):
    """A product with a picture and a title."""
    products = fitted[0].shop.catalogue()
    has = products["image"].map(len).gt(0) & products["title"].ne("")
    return products[has]["product_id"].iloc[0]


def test_why_prints_one_json_object_with_words_region_and_neighbours(folder, product, capsys):
    assert cli.run(["why", folder, product, "--json", "--quiet"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["product_id"] == product and said["files"] == []
    for tag in said["tags"]:
        assert 0 <= tag["confidence"] <= 1
        effects = [word["effect"] for word in tag["words"]]
        assert effects == sorted(effects, reverse=True)
        assert len(tag["deciding_words"]) <= 3
        assert all(near["product_id"] != product for near in tag["neighbours"])
        against = tag["against_runner_up"]
        if against is not None:
            heads = sum(head["log_odds"] for head in against["heads"])
            assert heads + against["prior"] == pytest.approx(against["log_odds"])


def test_why_writes_a_page_and_a_picture_per_tag(folder, product, tmp_path, capsys):
    out = tmp_path / "reasons"
    assert cli.run(["why", folder, product, "--fields", "color", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["color.png", "why.html"]
    assert str(out / "why.html") in capsys.readouterr().out


def test_why_refuses_a_file_as_its_folder(folder, product, tmp_path, capsys):
    out = tmp_path / "taken"
    out.write_text("")
    assert cli.run(["why", folder, product, "--fields", "color", "--out", str(out)]) == 1
    assert "name a folder" in capsys.readouterr().err


def test_why_finds_a_new_product_in_a_table(folder, tmp_path, capsys):
    table = tmp_path / "new.csv"
    table.write_text("product_id,title\nnew1,red wool sweater\n")
    assert cli.run(["why", folder, "new1", "--products", str(table), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert all(tag["region"] is None for tag in said["tags"])


@pytest.mark.parametrize("command", ["why", "describe"])
def test_an_unknown_product_exits_1_and_says_what_to_do(command, folder, tmp_path, capsys):
    extra = ["--out", str(tmp_path / "w.csv")] if command == "describe" else []
    assert cli.run([command, folder, *extra, "nobody"]) == 1
    assert "'nobody'" in capsys.readouterr().err


def test_describe_writes_words_for_a_table_and_leaves_the_described_alone(
    folder, sample, tmp_path, capsys
):
    source = pd.read_parquet(sample / "catalogue.parquet")
    pictured = source[source["image"].fillna("") != ""].head(3)
    table = pictured.assign(product_id=["n1", "n2", "n3"], description="")
    table["title"] = ["", "", "a red wool sweater"]
    table.to_parquet(tmp_path / "new.parquet")
    out = tmp_path / "words.parquet"
    words = ["describe", folder, str(tmp_path / "new.parquet"), "--images", str(sample)]
    assert cli.run([*words, "--out", str(out), "--json", "--confidence", "0.2"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["products"], said["described"]) == (3, 2)
    found = pd.read_parquet(out)
    assert found["product_id"].tolist() == ["n1", "n2"]
    assert {"title", "description", "tags", "neighbours"} <= set(found.columns)


def test_describe_takes_ids_of_the_shop_whatever_they_have(folder, product, tmp_path, capsys):
    out = tmp_path / "words.csv"
    assert cli.run(["describe", folder, product, "--out", str(out)]) == 0
    assert pd.read_csv(out, dtype=str)["product_id"].tolist() == [product]
    assert "words for 1 of 1 products" in capsys.readouterr().out


def test_a_confidence_out_of_range_is_refused(folder, product, tmp_path, capsys):
    words = ["describe", folder, product, "--out", str(tmp_path / "w.csv"), "--confidence", "2"]
    assert cli.run(words) == 1
    assert "confidence must be above 0 and at most 1" in capsys.readouterr().err
