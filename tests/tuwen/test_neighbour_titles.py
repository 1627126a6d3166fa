"""Titles are voted: what most neighbours say is said, in their order, and nobody's own affairs."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tuwen.neighbour_titles import Title, joined, language_of, title_words, voted_title

WORDS = st.lists(st.sampled_from(["blue", "shirt", "slim", "red"]), unique=True, max_size=4)


def title(*words):
    return Title(" ".join(words), {word.lower(): word for word in words})


def test_words_with_enough_votes_are_kept_in_the_order_titles_have_them():
    titles = [title("Slim", "Blue", "Shirt"), title("Blue", "Shirt"), title("Red", "Shirt")]
    votes = voted_title(titles, [1.0, 1.0, 1.0], support=0.5)
    assert [vote.word for vote in votes] == ["Blue", "Shirt"]
    assert [vote.support for vote in votes] == pytest.approx([2 / 3, 1.0])


def test_a_heavy_neighbour_outvotes_many_light_ones():
    titles = [title("Coat"), title("Warm", "Coat"), *[title("Shirt"), title("Slim", "Shirt")] * 3]
    votes = voted_title(titles, [10.0, 10.0, *[1.0] * 6], support=0.5)
    assert [vote.word for vote in votes] == ["Coat"]


def test_a_word_of_one_title_alone_is_a_name_and_not_told_however_heavy():
    titles = [title("Jen", "Tee"), title("Jen", "Tee"), title("Slim", "Tee")]
    votes = voted_title(titles, [10.0, 10.0, 1.0], support=0.2)
    assert [vote.word for vote in votes] == ["Tee"]


def test_of_several_spellings_the_usual_one_is_taken():
    titles = [title("BLUE"), title("Blue"), title("Blue", "Shirt")]
    assert voted_title(titles, [1.5, 1.0, 1.0], support=0.1)[0].word == "Blue"


@given(st.lists(WORDS, min_size=1, max_size=6), st.floats(0.05, 1.0))
def test_every_word_told_was_written_and_has_its_support(written, support):
    titles = [title(*words) for words in written]
    votes = voted_title(titles, [1.0] * len(titles), support=support)
    for vote in votes:
        share = sum(vote.word in words for words in written) / len(written)
        assert vote.support == pytest.approx(share)
        assert share >= support - 1e-9
        assert len({tuple(words) for words in written if vote.word in words}) > 1
    assert len({vote.word for vote in votes}) == len(votes)


def test_without_votes_nothing_is_said():
    assert voted_title([], [], support=0.5) == []
    assert voted_title([title("Shirt")], [0.0], support=0.5) == []


def test_brands_and_numbers_are_no_words_for_others():
    found = title_words("Nike Air-Max 90 Blue T-shirt 256GB nike", "NIKE", str.split)
    assert list(found.words) == ["air-max", "blue", "t-shirt"]


def test_a_brand_in_chinese_goes_too():
    cut = {"青山红色大衣": ["青山", "红色", "大衣"], "青山": ["青山"]}
    found = title_words("青山红色大衣", "青山", cut.__getitem__)
    assert list(found.words) == ["红色", "大衣"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["红色", "大衣"], "红色大衣"),
        (["Red", "coat"], "Red coat"),
        (["New", "红色", "coat"], "New 红色 coat"),
        ([], ""),
    ],
)
def test_chinese_words_are_joined_without_spaces(words, text):
    assert joined(words) == text


def test_a_text_with_any_chinese_is_chinese():
    assert [language_of(text) for text in ("dress", "红 dress", "", "Ünïcode 9")] == [
        "en", "zh", "en", "en",
    ]  # fmt: skip
