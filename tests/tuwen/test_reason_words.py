"""Words of a product are found and taken away without touching anything else."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tuwen.reason_words import count_words, pieces, without_words

TEXT = st.text(alphabet=st.sampled_from("abC dé.-'&3 红色大衣，\n!"), max_size=40)


@given(TEXT)
def test_pieces_joined_again_are_the_text(text):
    assert "".join(piece.text for piece in pieces(text, list)) == text


@given(TEXT, st.data())
def test_a_removed_word_stands_nowhere_and_every_other_stays(text, data):
    counts = count_words({"title": text}, list)
    if not counts:
        return
    word = data.draw(st.sampled_from(sorted(counts)))
    left = count_words({"title": without_words(pieces(text, list), {word})}, list)
    assert word not in left or left[word] < counts[word]  # two Latin halves may meet, as in a.b
    assert set(left) - set(counts) <= {one for one in left if len(one) > 1}


def test_words_are_counted_over_all_texts_in_lower_case():
    texts = {"title": "Navy Top", "description": "A navy, soft top.", "brand": ""}
    assert count_words(texts, str.split) == {"navy": 2, "top": 2, "a": 1, "soft": 1}


def test_a_word_goes_wherever_it_stands_with_the_gap_it_leaves():
    cut = pieces("Slim Navy top in NAVY.", str.split)
    assert without_words(cut, {"navy"}) == "Slim top in ."
    assert without_words(cut, {"slim", "in"}) == "Navy top NAVY."
    assert without_words(cut, set()) == "Slim Navy top in NAVY."


def test_compounds_and_apostrophes_are_one_word():
    assert list(count_words({"title": "Men's T-shirt, H&M"}, str.split)) == [
        "men's", "t-shirt", "h&m",
    ]  # fmt: skip


def test_chinese_is_cut_as_the_tokenizer_cuts_it():
    def tokenize(run):
        return {"红色大衣": ["红色", "大衣"]}[run]

    counts = count_words({"title": "New红色大衣 2"}, tokenize)
    assert list(counts) == ["new", "红色", "大衣", "2"]
    assert without_words(pieces("New红色大衣 2", tokenize), {"红色"}) == "New大衣 2"


def test_chinese_that_the_tokenizer_spells_another_way_is_cut_by_character():
    assert list(count_words({"title": "紅色"}, lambda run: ["红色的"])) == ["紅", "色"]


@pytest.mark.parametrize("text", ["", "  ", "!?"])
def test_a_text_without_words_has_none(text):
    assert count_words({"title": text}, str.split) == {}
