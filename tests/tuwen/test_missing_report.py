"""What is left when products lose parts: ends that are known, subsets that nest, no leaks."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from classify.evaluate import FUSED, IMAGE_ONLY, TEXT_ONLY, evaluate_tagging
from core_embeddings.columns import Columns
from core_embeddings.errors import TableError
from core_embeddings.missing_parts import MissingParts
from core_embeddings.tables import read_queries
from tuwen import missing_report as report_of
from tuwen.evaluation import evaluate_search
from tuwen.missing_report import LEVELS, POLICIES, HeldOutProducts, missing_report
from tuwen.tagging import tagger_views


@pytest.fixture(scope="module")
def shop(fitted):
    return fitted[0].shop


@pytest.fixture(scope="module")
def asked(sample):
    return read_queries(sample / "queries.parquet")


@pytest.fixture(scope="module")
def report(shop, asked):
    return missing_report(shop, asked=asked)


@pytest.fixture(scope="module")
def tags(shop):
    """The taggers' own report on test products, mean over fields."""
    products = shop.catalogue()
    views = shop.embedder().views(products)
    found = evaluate_tagging(
        shop.taggers(),
        tagger_views(views),
        products,
        split=products["split"],
        has_image=views.has_image,
        has_text=views.has_text,
        baselines=False,
    )
    own = found[found["field"].isin(shop.taggers().fields)]  # not what is derived of them
    return own.groupby(["model", "metric"])["value"].mean()


def value(report, removed, share, policy, metric):
    row = report[
        (report["removed"] == removed)
        & (report["share"] == share)
        & (report["policy"] == policy)
        & (report["metric"] == metric)
    ]
    return row["value"].item()


def test_every_curve_has_every_level_and_starts_at_one_point(report):
    curves = report[report["removed"] != ""]
    names = ["removed", "policy", "job", "metric"]
    assert set(curves.groupby(names)["share"].apply(tuple)) == {LEVELS}
    start = curves[curves["share"] == 0].groupby(["job", "metric"])["value"]
    assert (start.nunique() == 1).all()
    assert set(curves["job"]) == {"tag", "search", "recommend"}
    assert set(map(tuple, curves[["removed", "policy"]].values)) == {
        (removed, getattr(policy, removed))
        for removed, policies in POLICIES.items()
        for policy in policies
    }


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_with_nothing_removed_tags_are_those_of_the_taggers_report(report, tags, metric):
    assert value(report, "text", 0, "mask", metric) == pytest.approx(tags[FUSED, metric])


def test_with_all_masked_tags_are_those_of_the_other_part_alone(shop, monkeypatch):
    """Over products that have both parts: the others never lose one."""
    products = shop.catalogue()
    keep = HeldOutProducts(products, shop.embedder(), shop.taggers()).complete()
    whole = products[keep | (products["split"] != "test")].reset_index(drop=True)
    views = shop.embedder().views(whole)
    found = evaluate_tagging(
        shop.taggers(),
        tagger_views(views),
        whole,
        split=whole["split"],
        has_image=views.has_image,
        has_text=views.has_text,
        baselines=False,
    )
    own = found[found["field"].isin(shop.taggers().fields)]
    alone = own[own["metric"] == "accuracy"].groupby("model")["value"].mean()

    monkeypatch.setattr(shop, "catalogue", lambda: whole)
    report = missing_report(shop, levels=(1.0,))
    assert value(report, "text", 1, "mask", "accuracy") == pytest.approx(alone[IMAGE_ONLY])
    assert value(report, "image", 1, "mask", "accuracy") == pytest.approx(alone[TEXT_ONLY])


def test_with_nothing_removed_search_is_that_of_the_search_report(report, shop, asked):
    held_out = shop.catalogue().query("split == 'test'").reset_index(drop=True)
    searched = evaluate_search({"tuwen": shop.embedder()}, held_out, asked, 10)
    every = searched[(searched["model"] == "tuwen") & (searched["metric"] == "ndcg@10")]
    assert value(report, "image", 0, "mask", "ndcg@10") == pytest.approx(every["value"].iloc[0])


def test_the_more_is_taken_the_more_products_are_bare_and_none_comes_back(shop):
    held = HeldOutProducts(shop.catalogue(), shop.embedder(), shop.taggers())
    whole, bare = held.whole(), held.bare("text", MissingParts())
    order = report_of._order(held.complete(), 0)
    gone = [set(order[: round(share * len(order))]) for share in LEVELS]
    assert all(one <= other for one, other in pairwise(gone))
    assert gone[-1] == set(np.flatnonzero(held.complete()))
    mixed = whole.with_rows_of(bare, np.isin(np.arange(len(whole.vectors)), order[:5]))
    np.testing.assert_array_equal(mixed.vectors[order[:5]], bare.vectors[order[:5]])
    np.testing.assert_array_equal(mixed.vectors[order[5:]], whole.vectors[order[5:]])
    for field, said in mixed.tags.items():
        np.testing.assert_array_equal(said[order[:5]], bare.tags[field][order[:5]])


def test_the_same_seed_gives_the_same_report_and_another_one_other_subsets(shop):
    complete = np.ones(40, dtype=bool)
    first, again, other = (report_of._order(complete, seed) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()


def test_no_stand_in_tells_the_tagger_what_it_is_asked(shop):
    """Whatever stands in the tagged columns, the tags of a product without text are the same."""
    held = HeldOutProducts(shop.catalogue().head(12), shop.embedder(), shop.taggers())
    other = held.products.copy()
    for field in held.taggers.fields:
        other[field] = other[field].to_numpy()[::-1]
    swapped = HeldOutProducts(other, held.embedder, held.taggers)
    for policy in POLICIES["text"]:
        one, two = (some.bare("text", policy).tags for some in (held, swapped))
        assert all((one[field] == two[field]).all() for field in held.taggers.fields)
    moved = [some.bare("text", MissingParts(text="context")).vectors for some in (held, swapped)]
    assert np.abs(moved[0] - moved[1]).max() > 1e-3  # but search may read them


def test_products_with_one_part_keep_it(shop):
    products = shop.catalogue()
    held = HeldOutProducts(products, shop.embedder(), shop.taggers())
    pictured = products[Columns.IMAGE].map(len) > 0
    described = (products["title"] + products["description"]) != ""
    assert held.complete().tolist() == (pictured & described).tolist()
    assert not held.complete().all()


def test_a_shop_without_queries_or_timestamps_has_tags_alone(shop, monkeypatch):
    monkeypatch.setattr("core_embeddings.splits.time_cut", lambda log, share: None)
    report = missing_report(shop, levels=(0.0,))
    assert set(report["job"]) == {"tag"}


def test_a_shop_without_tagged_fields_has_the_other_jobs(shop, asked, monkeypatch):
    taggers = replace(shop.taggers(), taggers={}, set_taggers={})
    monkeypatch.setattr(type(shop), "taggers", lambda self: taggers)
    report = missing_report(shop, asked=asked, levels=(0.0, 1.0))
    assert set(report["job"]) == {"search", "recommend"}
    monkeypatch.setattr(report_of, "_recommend_job", lambda *_: None)
    with pytest.raises(TableError, match=r"no tagged field .*give some with --queries"):
        missing_report(shop, levels=(0.0,))
