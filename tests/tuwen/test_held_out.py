"""Held-out tables of the user's own: what is wrong with them is told together."""

import pandas as pd
import pytest

from core_embeddings.errors import TableError
from tuwen.held_out import HeldOut, evaluate_held_out
from tuwen.loading import TableOptions


@pytest.fixture
def dirty(fitted, tmp_path):
    """Queries, products and interactions, one bad row in each, each bad in its own way."""
    ids = fitted[0].shop.vectors().product_ids
    users = fitted[0].shop.recommender().user_ids
    judged = [("q", "red dress", ids[0], "1"), ("q", "red dress", ids[1], "many")]
    pd.DataFrame(judged, columns=["query_id", "query", "product_id", "relevance"]).to_csv(
        tmp_path / "q.csv", index=False
    )
    held = fitted[0].shop.catalogue()[["product_id", "title", "category"]].head(8)
    new = held.assign(product_id="new-" + held["product_id"], title="a thing")
    pd.concat([new, new.head(1)]).to_csv(tmp_path / "p.csv", index=False)
    pairs = [(user, name) for user in users for name in (*ids[:9],)] + [(users[0], "unheard-of")]
    log = pd.DataFrame(pairs, columns=["user_id", "product_id"])
    log.to_csv(tmp_path / "i.csv", index=False)
    return HeldOut(tmp_path / "q.csv", tmp_path / "p.csv", tmp_path / "i.csv")


COLUMNS = ["relevance", "product_id", "product_id"]


def test_one_file_gets_the_rejects_of_every_table(fitted, dirty, tmp_path, tracker):
    said, out = [], tmp_path / "bad.csv"
    evaluate_held_out(fitted[0].shop, dirty, TableOptions(rejects=out), note=said.append)
    bad = pd.read_csv(out)
    assert bad["column"].tolist() == COLUMNS
    assert bad["value"].tolist()[::2] == ["many", "unheard-of"]
    told = [line for line in said if "1 rejected" in line]
    assert [line.split(": ")[0] for line in told] == [str(p) for p in vars(dirty).values()]


def test_strict_refuses_before_anything_is_measured_and_still_writes_them_all(
    fitted, dirty, tmp_path, tracker
):
    options = TableOptions(rejects=tmp_path / "bad.csv", strict=True)
    with pytest.raises(TableError, match=r"q\.csv: --strict allows no rejected rows, but 1 came"):
        evaluate_held_out(fitted[0].shop, dirty, options, note=print)
    assert pd.read_csv(options.rejects)["column"].tolist() == COLUMNS
    assert tracker.opened == []


def test_new_products_are_matched_paired_and_tagged(fitted, sample, tmp_path, tracker):
    held = pd.read_parquet(sample / "catalogue.parquet")
    held = held[held["image"].astype(bool) & held["title"].astype(bool)].head(12)
    new = held.assign(
        product_id="new-" + held["product_id"].astype(str),
        title=[f"thing {i} {title}" for i, title in enumerate(held["title"])],
    )
    new.to_csv(tmp_path / "p.csv", index=False)
    options = TableOptions(images=sample)
    tables = HeldOut(products=tmp_path / "p.csv")
    rows = evaluate_held_out(fitted[0].shop, tables, options, note=lambda line: None)
    models = {job: {r["model"] for r in rows if r["job"] == job} for job in ("pairs", "match")}
    assert models == {"pairs": {"tuwen", "article"}, "match": {"tuwen", "article", "chance"}}
    matched = {r["segment"]: r["n"] for r in rows if r["job"] == "match"}
    assert matched.keys() == {"image to text", "text to image"}
    assert max(matched.values()) <= 12
    assert any(r["job"] == "tag" for r in rows)
