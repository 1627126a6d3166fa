"""A fitted shop at work: search, tags, lists, held-out tables."""

import pandas as pd
import pytest

from core_embeddings.errors import FingerprintError, TableError, TuwenError
from tuwen.held_out import HeldOut, evaluate_held_out
from tuwen.loading import TableOptions
from tuwen.recommending import recommend_lists
from tuwen.search import search_shop
from tuwen.tagging import tag_products


def test_search_fills_k_obeys_the_filter_and_takes_all_kinds_of_query(fitted):
    shop = fitted[0].shop
    products = shop.catalogue().set_index("product_id")
    picture = next(paths[0] for paths in products["image"] if paths)
    hits = search_shop(
        shop,
        texts=["红色 连衣裙", "", "black"],
        images=["", picture, picture],
        k=4,
        where="price < 300",
        query_ids=["zh", "image", "both"],
    )
    assert hits.groupby("query_id")["rank"].apply(list).tolist() == [[1, 2, 3, 4]] * 3
    assert (products.loc[hits["product_id"], "price"] < 300).all()
    assert (hits["title"] == products.loc[hits["product_id"], "title"].to_numpy()).all()


def test_a_personal_search_moves_towards_the_user_and_an_unknown_user_changes_nothing(fitted):
    shop, heard = fitted[0].shop, []
    user = shop.recommender().user_ids[0]

    def ask(who, text="red"):
        found = search_shop(shop, texts=[text], images=[""], user=who, note=heard.append)
        return found["cosine"].tolist()

    assert ask("nobody") == ask("") and len(heard) == 1 and "nobody" in heard[0]
    assert ask(user) != ask("")
    with pytest.raises(TuwenError, match="nothing to search with"):
        ask("nobody", text="")


def test_tags_cover_each_product_and_field_and_unknown_users_get_lists(fitted, tmp_path):
    shop = fitted[0].shop
    products = shop.catalogue().head(5)
    tags = tag_products(shop, products)
    assert len(tags) == 5 * tags["field"].nunique()
    assert set(tags["decision"]) <= {"auto", "review"}
    pd.DataFrame({"who": ["stranger", "stranger", None]}).to_csv(tmp_path / "u.csv", index=False)
    lists = recommend_lists(shop, tmp_path / "u.csv", k=3, columns={"user_id": "who"})
    assert lists["user_id"].tolist() == ["stranger"] * 3 and lists["rank"].tolist() == [1, 2, 3]


def test_parts_of_another_embedder_are_refused(shop):
    shop.update(fingerprint="0" * 32)
    for part in (shop.vectors, shop.embedder, shop.taggers):
        with pytest.raises(FingerprintError, match="was made with embedder"):
            part()


def test_held_out_tables_are_measured_and_old_interactions_refused(
    fitted, sample, tmp_path, tracker
):
    shop, options = fitted[0].shop, TableOptions()
    with pytest.raises(TableError, match=r"nothing to measure; give interactions .* after the fit"):
        old = HeldOut(interactions=sample / "interactions.parquet")
        evaluate_held_out(shop, old, options, note=lambda text: None)
    users, items = shop.recommender().user_ids, shop.vectors().product_ids
    new = pd.DataFrame({"user_id": list(users) * 2, "product_id": (items * 9)[: 2 * len(users)]})
    new.to_csv(tmp_path / "new.csv", index=False)
    rows = evaluate_held_out(
        shop,
        HeldOut(sample / "queries.parquet", None, tmp_path / "new.csv"),
        options,
        note=lambda text: None,
    )
    assert {row["job"] for row in rows} == {"search", "recommend"}
