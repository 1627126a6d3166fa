"""Pictures of queries at URLs: refused, unless the user allows them."""

from pathlib import Path

import fsspec
import pandas as pd
import pytest

from tuwen import cli


@pytest.fixture
def asked(fitted, tmp_path, monkeypatch):
    """A shop, and a judged query that is nothing but a picture at a URL."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shop = fitted[0].shop
    products = shop.catalogue()
    row = next(place for place, paths in enumerate(products["image"]) if paths)
    with fsspec.open("memory://queries/a.png", "wb") as stream:
        stream.write(Path(products["image"][row][0]).read_bytes())
    table = tmp_path / "q.csv"
    wanted = products["product_id"][row]
    cells = {"query_id": ["q"], "image": ["memory://queries/a.png"], "product_id": [wanted]}
    pd.DataFrame(cells).to_csv(table, index=False)
    return str(shop.root), str(table)


def test_a_batch_of_searches_fetches_pictures_where_that_is_allowed(asked, tmp_path, capsys):
    shop, table = asked
    words = ["search", shop, "--queries", table, "--out", str(tmp_path / "hits.csv"), "-k", "3"]
    assert cli.run(words) == 1
    assert "no usable query" in capsys.readouterr().err
    assert cli.run([*words, "--allow-url-images"]) == 0
    assert pd.read_csv(tmp_path / "hits.csv")["rank"].tolist() == [1, 2, 3]


def test_evaluation_fetches_pictures_where_that_is_allowed(asked, tracker, capsys):
    shop, table = asked
    assert cli.run(["evaluate", shop, "--queries", table]) == 1
    assert "URLs are refused unless --allow-url-images" in capsys.readouterr().err
    assert cli.run(["evaluate", shop, "--queries", table, "--allow-url-images"]) == 0
    assert "recall@10" in capsys.readouterr().out
