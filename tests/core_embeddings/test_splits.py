import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_embeddings.errors import ConfigError
from core_embeddings.splits import PARTS, before, duplicate_groups, since, split_products, time_cut


def products(images, titles, groups=None):
    frame = pd.DataFrame(
        {
            "product_id": [f"p{n:04d}" for n in range(len(titles))],
            "title": titles,
            "description": [""] * len(titles),
            "image_digest": [tuple(several) for several in images],
        }
    )
    return frame if groups is None else frame.assign(dup_group=groups)


CATALOGUES = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abcdefgh"), max_size=2), st.sampled_from(["", "x", "y", "z", "w"])
    ),
    min_size=1,
    max_size=25,
).map(lambda rows: products([r[0] for r in rows], [r[1] for r in rows]))


def linked(left, right):
    same_image = bool(set(left.image_digest) & set(right.image_digest))
    return same_image or (left.title != "" and left.title == right.title)


def flooded(frame):
    """Groups by flooding from each row over all pairs: slow and plain."""
    rows = list(frame.itertuples())
    group = [-1] * len(rows)
    for start in range(len(rows)):
        todo = [start] if group[start] < 0 else []
        label = max(group) + 1
        while todo:
            row = todo.pop()
            group[row] = label
            todo += [o for o in range(len(rows)) if group[o] < 0 and linked(rows[row], rows[o])]
    return group


@given(CATALOGUES)
def test_duplicate_groups_equal_flooding_over_all_pairs(frame):
    assert duplicate_groups(frame).tolist() == flooded(frame)


def test_text_is_compared_without_case_width_and_space_but_with_its_column():
    frame = products([()] * 6, ["Red Dress", " red  ｄｒｅｓｓ ", "red", "", "", "RED\u200bDRESS"])
    frame["description"] = ["", "", "dress", "", "", ""]
    assert duplicate_groups(frame).tolist() == [0, 0, 1, 2, 3, 0]


def test_a_dup_group_column_joins_and_its_missing_cells_do_not():
    for groups in (["g", "", "g", ""], [1.0, np.nan, 1.0, np.nan]):
        frame = products([()] * 4, ["a", "b", "c", "d"], groups)
        assert duplicate_groups(frame).tolist() == [0, 1, 0, 2]


@given(CATALOGUES, st.integers(0, 5), st.randoms(use_true_random=False))
def test_a_split_is_complete_keeps_groups_whole_and_ignores_the_order_of_rows(frame, seed, random):
    split = split_products(frame, seed=seed)
    assert set(split) <= set(PARTS)
    assert split.index.equals(frame.index)
    assert split.groupby(duplicate_groups(frame)).nunique().max() == 1
    order = list(range(len(frame)))
    random.shuffle(order)
    shuffled = frame.iloc[order]
    assert split_products(shuffled, seed=seed).to_dict() == split.iloc[order].to_dict()


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_the_shares_are_met_to_one_product_where_nothing_repeats(seed):
    frame = products([()] * 200, [f"t{n}" for n in range(200)])
    counts = split_products(frame, seed=seed, fractions=(0.5, 0.25, 0.25)).value_counts()
    assert counts.to_dict() == {"train": 100, "val": 50, "test": 50}


def test_another_seed_is_another_split():
    frame = products([()] * 50, [f"t{n}" for n in range(50)])
    assert split_products(frame, seed=0).equals(split_products(frame, seed=0))
    assert not split_products(frame, seed=0).equals(split_products(frame, seed=1))


def test_one_huge_group_stays_in_train():
    frame = products([("a",)] * 90 + [()] * 10, [f"t{n}" for n in range(100)])
    for seed in range(5):
        assert (split_products(frame, seed=seed)[:90] == "train").all()


def test_a_split_column_wins_and_what_it_leaves_open_is_trained_on():
    frame = products([()] * 6, list("abcdef"))
    frame["split"] = ["test", " VAL", "validation", "", "holdout", None]
    assert split_products(frame).tolist() == ["test", "val", "val", "train", "train", "train"]
    frame["split"] = "skirt"
    assert split_products(frame).equals(split_products(frame.drop(columns="split")))


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.9, 0.2, -0.1), (0.5, 0.2, 0.2)])
def test_fractions_that_are_no_shares_are_refused(fractions):
    with pytest.raises(ConfigError, match="three shares that sum to 1"):
        split_products(products([()], ["a"]), fractions=fractions)


def test_an_empty_catalogue_splits_into_nothing():
    frame = products([], [])
    assert len(split_products(frame)) == len(duplicate_groups(frame)) == 0


def log(days):
    stamps = pd.Timestamp("2020-01-01T13:00", tz="UTC") + pd.to_timedelta(days, unit="D")
    return pd.DataFrame({"timestamp": pd.Series(stamps)})


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.floats(0.05, 0.95))
def test_the_time_cut_is_the_best_day_that_leaves_both_sides_filled(days, share):
    interactions = log(days)
    cut = time_cut(interactions, share=share)
    tried = {}
    for day in range(8):
        later = sum(d >= day for d in days)
        if 0 < later < len(days):
            tried[day] = abs(later / len(days) - share)
    if not tried:
        assert cut is None
        return
    assert cut == cut.floor("D")
    early, late = before(interactions, cut), since(interactions, cut)
    assert len(early) + len(late) == len(days)
    assert len(early) and len(late)
    assert abs(len(late) / len(days) - share) == pytest.approx(min(tried.values()))


def test_no_cut_without_times_and_undated_rows_are_on_neither_side():
    assert time_cut(pd.DataFrame({"user_id": ["u"]})) is None
    assert time_cut(log([pd.NA, pd.NA])) is None
    interactions = log([0, 0, 0, 0, 1, None])
    cut = time_cut(interactions)
    assert cut == pd.Timestamp("2020-01-02", tz="UTC")
    assert (len(before(interactions, cut)), len(since(interactions, cut))) == (4, 1)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        time_cut(interactions, share=1.0)
