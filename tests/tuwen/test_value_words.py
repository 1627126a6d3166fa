"""A language's word for a value is the one that comes and goes with it."""

import pytest

from tuwen.value_words import coinciding_words, in_words, sentence


def test_the_word_that_goes_with_a_value_is_its_name():
    kinds = ("大衣", "裤", "鞋")
    words = [[colour, kind] for colour in ("红色", "蓝色") for kind in kinds]
    values = ["red"] * 3 + ["blue"] * 3
    assert coinciding_words(words, values) == {"red": "红色", "blue": "蓝色"}


def test_a_word_that_stands_everywhere_or_too_rarely_names_nothing():
    words = [["大衣"], ["大衣", "新"], ["大衣", "新"], *[["大衣"]] * 20]
    values = ["red"] * 3 + ["blue"] * 20
    found = coinciding_words(words, values)
    assert "red" not in found  # 新 twice is too few, 大衣 goes with all
    assert found == {"blue": "大衣"}


def test_products_without_a_value_name_nothing():
    assert coinciding_words([["红色"]] * 5, [""] * 5) == {}


@pytest.mark.parametrize(
    ("value", "language", "said"),
    [
        ("Clothing > Tops > Shirt", "en", "Shirt"),
        ("Clothing > Tops > Shirt", "zh", "衬衫"),
        ("red", "zh", ""),
        ("红色", "zh", "红色"),
        ("红色", "en", ""),
    ],
)
def test_a_value_is_said_in_the_language_or_not_at_all(value, language, said):
    assert in_words(value, language, {"Clothing > Tops > Shirt": "衬衫"}) == said


def test_sentences_name_the_field_and_begin_with_the_kind_of_product():
    told = {"color": "Navy Blue", "category": "Shirt", "age_group": "Adults"}
    assert sentence(told, "en") == "Shirt. Color: Navy Blue. Age group: Adults."
    assert sentence({"color": "蓝色", "fit": "修身"}, "zh") == "颜色：蓝色。fit：修身。"
    assert sentence({}, "en") == ""
