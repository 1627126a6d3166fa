"""Correcting a shop: everything that depends on a value changes with it, and comes back exactly."""

import os
import signal

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import TuwenError
from tuwen import changes, correcting, pipeline
from tuwen.loading import TableOptions, load_products
from tuwen.recommending import recommend_lists
from tuwen.search import allowed
from tuwen.shop import Shop
from tuwen.tagging import tag_products, with_answers


def state_of(shop):
    """Everything that a correction may change."""
    folder = shop.taggers_folder()
    heads = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
    return shop.catalogue(), shop.vectors(), heads


def assert_same(one, other):
    pd.testing.assert_frame_equal(one[0], other[0])
    assert one[1].product_ids == other[1].product_ids
    assert np.array_equal(one[1].vectors, other[1].vectors)
    assert one[2] == other[2]


def some_products(shop, count=3):
    """Products that heads learn from, with text, and their category."""
    held = shop.catalogue()
    kept = (held["split"] != "test") & (held["title"] != "") & (held["category"] != "")
    return held[kept].head(count)


def other_categories(shop, chosen):
    """Another category of the catalogue for each product."""
    every = sorted(set(shop.catalogue()["category"]) - {""})
    return {
        (row.product_id, "category"): every[every.index(row.category) - 1]
        for row in chosen.itertuples()
    }


def test_a_correction_changes_filter_and_tags_at_once_and_is_final(shop):
    chosen = some_products(shop)
    cells = other_categories(shop, chosen)
    done = correcting.correct(shop, cells)
    assert (done.version, done.answers, done.changed, done.refitted) == (1, 3, 3, ("category",))
    held = shop.catalogue()
    for (product, _), value in cells.items():
        mask = allowed(held, f"category = '{value}'")
        assert product in set(held["product_id"][mask])
    tags = tag_products(shop, chosen, fields=["category"]).set_index("product_id")
    assert tags["value"].to_dict() == {product: value for (product, _), value in cells.items()}
    assert (tags["confidence"] == 1).all() and (tags["decision"] == "auto").all()
    assert not any(value in others for value, others in tags[["value", "alternatives"]].values)


def test_an_undo_gives_back_catalogue_vectors_and_heads_to_the_byte(shop):
    before = state_of(shop)
    correcting.correct(shop, other_categories(shop, some_products(shop)))
    between = state_of(shop)
    assert between[2] != before[2]
    title = {(some_products(shop, 1)["product_id"].iloc[0], "title"): "zanzibar umbrella"}
    assert correcting.correct(shop, title).embedded == 1
    assert not np.array_equal(shop.vectors().vectors, between[1].vectors)
    done = correcting.undo(shop)
    assert (done.version, done.undoes, done.embedded) == (3, 2, 1)
    assert_same(state_of(shop), between)
    assert shop.corrections().vectors_before(3) is None  # what was taken back stays so
    assert correcting.undo(shop).undoes == 1
    assert_same(state_of(shop), before)
    with pytest.raises(TuwenError, match="holds no correction that could be taken back"):
        correcting.undo(shop)


def test_a_product_without_text_is_embedded_anew_by_its_corrected_category(shop):
    held = shop.catalogue()
    bare = held[(held["title"] == "") & (held["description"] == "")].head(1)
    assert len(bare), "the sample has products without text"
    product = bare["product_id"].iloc[0]
    value = next(c for c in held["category"] if c not in ("", bare["category"].iloc[0]))
    row = shop.vectors().product_ids.index(product)
    before = shop.vectors().vectors[row]
    assert correcting.correct(shop, {(product, "category"): value}).embedded == 1
    assert not np.array_equal(shop.vectors().vectors[row], before)
    ours = shop.recommender().state.catalogue.vectors[row]
    assert np.allclose(ours, shop.vectors().vectors[row])
    assert product in set(recommend_lists(shop, k=len(held))["product_id"])


def test_a_confirmed_value_changes_nothing_but_is_final(shop):
    before = state_of(shop)
    one = some_products(shop, 1).iloc[0]
    done = correcting.correct(shop, {(one.product_id, "category"): one.category})
    assert (done.changed, done.embedded, done.refitted) == (0, 0, ())
    assert_same(state_of(shop), before)
    assert shop.corrections().final() == {(one.product_id, "category"): one.category}


def test_a_held_out_product_is_corrected_without_teaching_the_heads(shop):
    held = shop.catalogue()
    test = held[held["split"] == "test"].head(1)
    done = correcting.correct(shop, other_categories(shop, test))
    assert (done.changed, done.refitted, shop.state.taggers) == (1, (), "taggers")


def test_so_many_versions_can_be_taken_back_and_no_more(shop):
    chosen = some_products(shop, 1)
    for _ in range(correcting.KEPT + 1):
        correcting.correct(shop, other_categories(shop, chosen))
        chosen = shop.catalogue()[shop.catalogue()["product_id"] == chosen["product_id"].iloc[0]]
    folders = [folder.name for folder in shop.root.glob("taggers-*")]
    assert len(folders) == correcting.KEPT + 1
    correcting.correct(shop, other_categories(shop, chosen))
    for _ in range(correcting.KEPT):
        correcting.undo(shop)
    with pytest.raises(TuwenError, match="version 2 is too old to be taken back"):
        correcting.undo(shop)


def test_an_added_table_does_not_take_back_what_a_human_said(shop, tmp_path):
    one = some_products(shop, 1).iloc[0]
    cells = {(one.product_id, "category"): "Z > New", (one.product_id, "title"): "first words"}
    correcting.correct(shop, {**cells, (one.product_id, "color"): "teal"})
    table = tmp_path / "again.csv"
    table.write_text(f"product_id,title,description\n{one.product_id},other words,long text\n")
    changes.add_products(shop, load_products(table, TableOptions()))
    row = shop.catalogue().set_index("product_id").loc[one.product_id]
    assert (row["category"], row["title"], row["description"]) == (
        *cells.values(),
        "long text",
    )
    assert row["color"] == "teal"  # the table has no such column
    assert correcting.undo(shop).embedded == 1
    row = shop.catalogue().set_index("product_id").loc[one.product_id]
    assert (row["category"], row["title"], row["color"]) == ("", "other words", "")


def test_the_words_under_two_versions_are_those_of_the_table_that_came_last(shop, tmp_path):
    product = some_products(shop, 1)["product_id"].iloc[0]
    for title in ("first words", "second words"):
        correcting.correct(shop, {(product, "title"): title})
    table = tmp_path / "again.csv"
    table.write_text(f"product_id,title\n{product},other words\n")
    changes.add_products(shop, load_products(table, TableOptions()))
    titles = []
    for _ in range(2):
        correcting.undo(shop)
        titles.append(shop.catalogue().set_index("product_id").at[product, "title"])
    assert titles == ["first words", "other words"]


def test_a_removed_product_leaves_the_log_too(shop):
    cells = other_categories(shop, some_products(shop))
    correcting.correct(shop, cells)
    gone, *others = (product for product, _ in cells)
    changes.remove_products(shop, [gone])
    assert {product for product, _ in shop.corrections().final()} == set(others)
    assert all(gone not in file.read_text() for file in shop.path("corrections").glob("*.json"))
    assert correcting.undo(shop).changed == 2


def test_the_next_fit_keeps_what_humans_said_and_learns_it(shop, request_for, tracker):
    one = some_products(shop, 1).iloc[0]
    correcting.correct(shop, {(one.product_id, "category"): "Z > New"})
    summary = pipeline.fit(request_for(), shop.root)
    counts = {stage.name: stage for stage in summary.stages}
    assert counts["read"].counts["corrected"] == 1
    assert not counts["embedder"].skipped
    row = shop.catalogue().set_index("product_id").loc[one.product_id]
    assert row["category"] == "Z > New"
    assert shop.state.taggers == "taggers"
    with pytest.raises(TuwenError, match="version 1 was taken in by a fit since"):
        correcting.undo(shop)
    assert pipeline.fit(request_for(), shop.root).skipped


def test_a_fit_that_finds_its_heads_done_goes_back_to_them(shop, request_for, tracker):
    chosen = some_products(shop, 1)
    correcting.correct(shop, other_categories(shop, chosen))
    changes.remove_products(shop, chosen["product_id"].tolist())
    assert shop.state.taggers != "taggers" and not shop.corrections().final()
    stages = {stage.name: stage for stage in pipeline.fit(request_for(), shop.root).stages}
    assert stages["taggers"].skipped
    assert shop.state.taggers == "taggers"


def test_a_vector_of_other_texts_is_never_put_back(shop, tmp_path, monkeypatch):
    one = some_products(shop, 1).iloc[0]
    correcting.correct(shop, {(one.product_id, "title"): "first words"})
    table = tmp_path / "again.csv"
    table.write_text(f"product_id,title,description\n{one.product_id},other words,long text\n")

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(changes, "_save_recommender", killed)  # the catalogue is in place by then
        with pytest.raises(KeyboardInterrupt):
            changes.add_products(shop, load_products(table, TableOptions()))
    assert shop.corrections().vectors_before(1).product_ids == []


def test_tags_that_nobody_spoke_of_stay():
    tags = pd.DataFrame(
        {
            "product_id": ["a", "a", "b"],
            "field": ["color", "size", "color"],
            "value": ["red", "xl", "red"],
            "confidence": [0.5, 0.25, 0.75],
            "decision": "review",
            "alternatives": [["blue"], ["l"], ["blue"]],
        }
    )
    assert with_answers(tags, {}) is tags
    told = with_answers(tags, {("a", "color"): "blue", ("b", "price"): 2.0})
    assert told["value"].tolist() == ["blue", "xl", "red"]
    assert told["confidence"].tolist() == [1, 0.25, 0.75]
    assert told["decision"].tolist() == ["auto", "review", "review"]
    assert told["alternatives"].tolist() == [[], ["l"], ["blue"]]


def killed_at(moment, work):
    """Run ``work`` in a child that is killed at its n-th rename; tell whether it got there."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    rename, left = os.replace, [moment]

    def replace(*names):
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        rename(*names)

    try:
        os.replace = replace
        work()
    finally:
        os._exit(0)


def test_a_kill_at_any_moment_leaves_the_shop_before_or_after(shop, monkeypatch):
    taggers = shop.taggers()  # nothing is computed after the fork: threads do not survive it
    monkeypatch.setattr(correcting, "_refitted", lambda *a: taggers)
    monkeypatch.setattr(shop, "embedder", lambda: None)
    before = shop.catalogue()
    cells = other_categories(shop, some_products(shop))
    after = {product: value for (product, _), value in cells.items()}
    moment = 0
    while killed_at(moment, lambda: correcting.correct(shop, cells)):
        reopened = Shop.open(shop.root)
        done = reopened.state.version == 1
        held = reopened.catalogue().set_index("product_id")
        expected = after if done else before.set_index("product_id")["category"].to_dict()
        assert all(held.loc[product, "category"] == expected[product] for product in after)
        assert reopened.taggers().fields == taggers.fields
        assert reopened.vectors().product_ids == before["product_id"].tolist()
        assert len(reopened.corrections().final()) == (3 if done else 0)
        moment += 1
    assert moment > 5
    assert Shop.open(shop.root).state.version >= 1
