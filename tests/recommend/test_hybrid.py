from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import recommend
from core_embeddings.errors import ArtefactError, ConfigError, TableError
from recommend import HybridRecommender, RecommenderConfig
from recommend.blend import Blend
from recommend.validation import Validated


@pytest.fixture
def fitted(checkerboard, products, vectors, config):
    return HybridRecommender(config).fit(checkerboard, product_ids=products.all, vectors=vectors)


def top(model, *users, k=1, **options):
    lists = model.recommend(users or None, k, **options)
    return lists.groupby("user_id", sort=False)["product_id"].agg(list).to_dict()


def test_the_withheld_product_is_everybodys_first(fitted):
    assert top(fitted) == {f"u{i:02d}": [f"p{i:02d}"] for i in range(12)}


def test_lists_are_ranked_from_one_by_falling_score(fitted):
    lists = fitted.recommend(k=5)
    assert list(lists) == ["user_id", "product_id", "rank", "score", "source"]
    for _, own in lists.groupby("user_id"):
        assert own["rank"].tolist() == [1, 2, 3, 4, 5]
        assert own["score"].is_monotonic_decreasing
    assert set(lists["source"]) <= {"mf", "content", "item_item", "popular"}


def test_nothing_bought_is_listed_unless_asked_for(fitted, checkerboard):
    met = set(zip(checkerboard["user_id"], checkerboard["product_id"], strict=True))
    lists = fitted.recommend(k=12)
    assert not met & set(zip(lists["user_id"], lists["product_id"], strict=True))
    assert (lists.groupby("user_id").size() == 12 - 5).all()
    assert (fitted.recommend(k=12, keep_seen=True).groupby("user_id").size() == 12).all()


def browser(table, products, vectors, config, **changes):
    """Shop of one user who bought p00, rated p02, carted p04 and viewed p06, and one who bought."""
    rows = [("u", "p00"), ("u", "p02", "rating", 0), ("u", "p04", "cart", 0)]
    rows += [("u", "p06", "view", 0), ("v", "p01")]
    return HybridRecommender(replace(config, **changes)).fit(
        table(rows), product_ids=products.all, vectors=vectors
    )


def unlisted(model, user):
    return set(model.product_ids) - set(model.recommend([user], 12)["product_id"])


def test_what_was_only_viewed_or_carted_may_be_listed_again(table, products, vectors, config):
    model = browser(table, products, vectors, config)
    assert unlisted(model, "u") == {"p00", "p02"}
    model = browser(table, products, vectors, config, bought_events=("purchase", "cart"))
    assert unlisted(model, "u") == {"p00", "p04"}
    model = browser(table, products, vectors, config, bought_events=())
    assert unlisted(model, "u") == set()


def test_what_was_bought_stays_unlisted_through_every_change(
    table, products, vectors, config, tmp_path
):
    model = browser(table, products, vectors, config)
    model.observe(table([("u", "p04"), ("u", "p08", "view", 0)]))
    assert unlisted(model, "u") == {"p00", "p02", "p04"}
    model.forget(["v"])
    model.align(products.all[1:], vectors[1:])
    model.save_pretrained(tmp_path / "saved", "fp")
    again = HybridRecommender.from_pretrained(tmp_path / "saved", "fp", products.all, vectors)
    assert unlisted(model, "u") == unlisted(again, "u") == {"p02", "p04"}
    model.forget(["u"])
    assert unlisted(model, "u") == set()


def test_only_allowed_products_are_listed(fitted):
    lists = fitted.recommend(k=12, allowed=["p00", "p01", "unheard-of"])
    assert set(lists["product_id"]) == {"p00", "p01"}


def test_strangers_share_the_popular_list_and_users_keep_their_order(fitted):
    lists = fitted.recommend(["new", "u03", "newer", "new"], k=2)
    assert lists["user_id"].tolist() == ["new", "new", "u03", "u03", "newer", "newer"]
    own = lists.groupby("user_id")["product_id"].agg(list)
    assert own["new"] == own["newer"]
    assert set(lists[lists["user_id"] == "new"]["source"]) == {"popular"}


def test_ties_are_broken_by_product_id_whatever_the_order_given(checkerboard, vectors, config):
    ids = [f"p{i:02d}" for i in range(12)]
    model = HybridRecommender(config).fit(
        checkerboard, product_ids=ids[::-1], vectors=vectors[::-1]
    )
    assert top(model, "stranger", k=3) == {"stranger": ["p00", "p01", "p02"]}
    assert top(model, "u05") == {"u05": ["p05"]}


def test_two_fits_with_one_seed_are_equal(timed, products, vectors, config):
    one, two = (
        HybridRecommender(config, seed=3)
        .fit(timed, product_ids=products.all, vectors=vectors)
        .recommend(k=4)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one, two)


def test_weights_are_learned_before_the_refit_on_everything(timed, products, vectors, config):
    steps = []
    model = HybridRecommender(config).fit(
        timed,
        product_ids=products.all,
        vectors=vectors,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert model.validation.users["warm"] == 40
    assert steps[-1] == (2 * config.iterations, 2 * config.iterations)
    met = model.state.signals.histories.strength
    assert met.sum() == len(timed)


def test_a_product_nobody_met_can_come_first(checkerboard, products, vectors, config):
    twin = np.concatenate([vectors, vectors[:1]])
    model = HybridRecommender(config).fit(
        checkerboard, product_ids=[*products.all, "twin"], vectors=twin
    )
    # "twin" looks like p00, which every even user but u00 has met.
    first_two = top(model, "u02", k=2)["u02"]
    assert set(first_two) == {"p02", "twin"}


def test_similar_items_are_of_the_same_kind_and_never_the_item(fitted):
    near = fitted.similar_items("p04", k=5)
    assert set(near["product_id"]) == {"p00", "p02", "p06", "p08", "p10"}
    assert near["rank"].tolist() == [1, 2, 3, 4, 5]
    assert len(fitted.similar_items("p04", k=50)) == 11


def test_similar_items_of_an_unknown_product_name_the_nearest(fitted):
    with pytest.raises(TableError, match=r"'p4' is not in the catalogue.*did you mean"):
        fitted.similar_items("p4")


def test_a_forgotten_user_is_a_stranger(fitted, checkerboard):
    before = fitted.state.signals.popular.copy()
    assert fitted.forget(["u02", "nobody"]) == 1
    assert "u02" not in fitted.user_ids and len(fitted.user_ids) == 11
    assert "u02" not in fitted.state.learned.users
    assert "u02" not in set(fitted.state.interactions["user_id"])
    assert top(fitted, "u02", k=3)["u02"] == top(fitted, "stranger", k=3)["stranger"]
    counts = checkerboard[checkerboard["user_id"] != "u02"]["product_id"].value_counts()
    expected = [np.log1p(counts[name]) for name in fitted.product_ids]
    assert fitted.state.signals.popular == pytest.approx(expected)
    assert (before > fitted.state.signals.popular).sum() == 5


def test_others_keep_their_lists_when_someone_is_forgotten(fitted):
    fitted.forget(["u02"])
    assert top(fitted, "u05") == {"u05": ["p05"]}


def test_a_removed_product_never_appears_and_an_added_one_can(fitted, products, vectors):
    ids = [name for name in products.all if name != "p03"]
    kept = vectors[[name != "p03" for name in products.all]]
    fitted.align([*ids, "new"], np.concatenate([kept, vectors[:1]]))
    lists = fitted.recommend(k=12)
    assert "p03" not in set(lists["product_id"])
    assert top(fitted, "u02", k=2)["u02"][:2] in (["p02", "new"], ["new", "p02"])


def test_a_removed_product_comes_back_as_one_nobody_met(fitted, products, vectors):
    before = fitted.state.signals.popular.copy()
    fitted.align(products.all[1:], vectors[1:])
    assert "p00" not in set(fitted.state.interactions["product_id"])
    fitted.align(products.all, vectors)
    now = fitted.state.signals
    assert now.newcomers.tolist() == [True] + [False] * 11
    assert now.popular[0] == 0 and np.array_equal(now.popular[1:], before[1:])


def test_a_head_start_brings_fitting_newcomers_to_known_users_only(
    checkerboard, products, vectors, config
):
    model = HybridRecommender(config).fit(
        checkerboard,
        product_ids=[*products.all, "even-new", "odd-new"],
        vectors=np.concatenate([vectors, vectors[:2]]),
    )
    weights = {"item_item": 1.0}
    model.validation = Validated(Blend(weights, {"popular": 1.0}))
    assert top(model, "u02", "u03") == {"u02": ["p02"], "u03": ["p03"]}
    strangers = model.recommend(["stranger"], 14)
    model.validation = Validated(Blend(weights, {"popular": 1.0}, head_start=5.0))
    assert top(model, "u02", "u03") == {"u02": ["even-new"], "u03": ["odd-new"]}
    assert model.recommend(["u02"], 1)["source"].tolist() == ["content"]
    assert top(model, "u02", k=2) == {"u02": ["even-new", "p02"]}
    pd.testing.assert_frame_equal(model.recommend(["stranger"], 14), strangers)


def test_observed_events_count_without_a_refit(fitted, table):
    fitted.observe(table([("guest", "p00"), ("guest", "p02"), ("guest", "p04")]))
    evens = {"p06", "p08", "p10"}
    assert set(top(fitted, "guest", k=3)["guest"]) == evens
    assert fitted.recommend(["guest"], 1)["source"].tolist() != ["popular"]


@pytest.mark.parametrize(
    ("rows", "n_products"),
    [
        ([("u", "p00")], 1),
        ([("u", "p00")], 2),
        ([("u", "p00"), ("u", "p01")], 2),
        ([("u", "elsewhere")], 2),
        ([], 2),
        ([("u", "p00", "view", 0), ("u", "p01", "view", 5)], 2),
    ],
)
def test_the_smallest_shops_work(table, vectors, rows, n_products):
    ids = [f"p{i:02d}" for i in range(n_products)]
    model = HybridRecommender().fit(table(rows), product_ids=ids, vectors=vectors[:n_products])
    lists = model.recommend(["u", "stranger"], k=5)
    bought = {row[1] for row in rows if "view" not in row} & set(ids)
    sizes = lists.groupby("user_id").size()
    assert sizes.get("u", 0) == n_products - len(bought)
    assert sizes["stranger"] == n_products


def test_nobody_asked_for_and_nothing_to_list_give_an_empty_table(fitted, table):
    assert fitted.recommend([]).empty
    bare = HybridRecommender().fit(table([]), product_ids=[], vectors=np.empty((0, 3)))
    assert bare.recommend(["u"]).empty and bare.recommend().empty


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        (["a", "a"], np.eye(2), "must be unique; 1 of 2"),
        (["a"], np.eye(2), r"shape \(1, dim\); got shape \(2, 2\)"),
        (["a", "b"], np.array([[1, np.nan], [0, 1]]), "1 products have NaN"),
    ],
)
def test_a_bad_catalogue_is_refused(table, ids, vectors, message):
    with pytest.raises(TableError, match=message):
        HybridRecommender().fit(table([("u", "a")]), product_ids=ids, vectors=vectors)


def test_a_length_of_nothing_is_refused(fitted):
    with pytest.raises(ConfigError, match="at least 1; got 0"):
        fitted.recommend(k=0)


def test_asking_before_the_fit_says_what_to_call():
    with pytest.raises(ArtefactError, match="call fit"):
        HybridRecommender().recommend()


def test_the_package_names_its_class_late_and_nothing_else():
    assert recommend.HybridRecommender is HybridRecommender
    assert RecommenderConfig().k == 12
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = recommend.Nothing
