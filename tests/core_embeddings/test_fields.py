import pandas as pd
import pytest

from core_embeddings.fields import numeric_fields, taggable_fields


def table(rows=100, **columns):
    base = {"product_id": [str(n) for n in range(rows)], "title": ["t"] * rows}
    return pd.DataFrame({**base, **columns})


def cycle(*values, rows=100):
    return [values[n % len(values)] for n in range(rows)]


def test_low_cardinality_text_can_be_tagged_and_category_comes_first():
    products = table(
        color=cycle("red", "blue"),
        category=cycle("A > B", "A > C"),
        materials=cycle("silk|wool", "wool", "linen|silk"),
        price=cycle(1.5, 2.0),
        brand=cycle("x", "y"),
        split=cycle("train", "test"),
        dup_group=cycle("1", "2"),
        store_id=cycle("s1", "s2"),
        sku=[f"sku{n}" for n in range(100)],
        origin=["CN"] * 100,
        rare=["a", "b"] * 24 + [""] * 52,
        note=cycle("x" * 61, "y"),
    )
    assert taggable_fields(products) == ["category", "color", "materials"]
    assert numeric_fields(products) == ["price"]


@pytest.mark.parametrize(("values", "taggable"), [(1, False), (2, True), (20, True), (21, False)])
def test_five_rows_per_value_are_asked_for(values, taggable):
    products = table(x=cycle(*(f"v{n}" for n in range(values))))
    assert (taggable_fields(products) == ["x"]) == taggable


@pytest.mark.parametrize(("values", "taggable"), [(200, True), (201, False)])
def test_two_hundred_values_are_the_most(values, taggable):
    products = table(rows=2_000, x=cycle(*(f"v{n}" for n in range(values)), rows=2_000))
    assert (taggable_fields(products) == ["x"]) == taggable


def test_the_parts_of_several_values_count_not_their_combinations():
    cells = ["|".join(f"p{bit}" for bit in range(7) if n >> bit & 1) for n in range(1, 101)]
    assert taggable_fields(table(x=cells)) == ["x"]


def test_one_category_or_none_is_nothing_to_tag():
    assert taggable_fields(table(category=cycle("A", ""))) == []
    assert taggable_fields(table()) == []
    assert taggable_fields(table(rows=0)) == []
