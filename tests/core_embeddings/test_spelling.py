"""Slips are undone, and nothing else is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.spelling import Speller, slips_between

WORDS = {
    **{"black": 50, "back": 5, "dress": 90, "tshirt": 60, "jeans": 40, "lens": 1, "sunglasses": 9},
    **{"délavé": 3, "iphone": 4, "256gb": 4, "手机": 9, "cap": 20, "ring": 8, "berry": 2},
}
speller = Speller(WORDS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("blck", "black"),
        ("tshrit", "tshirt"),
        ("jens", "jeans"),
        ("drses", "dress"),
        ("ipone", "iphone"),
        ("sunglases", "sunglasses"),
        ("snuglases", "sunglasses"),
        ("délave", "délavé"),
        ("caps", "cap"),
        ("dresses", "dress"),
        ("berries", "berry"),
    ],
)
def test_a_slip_or_another_number_is_read_as_the_known_word(typed: str, meant: str) -> None:
    assert speller.correct(typed) == meant


@pytest.mark.parametrize(
    "word", ["255gb", "手気", "rin", "x100", "38", "👍", "snuglass", "blk", ""]
)
def test_numbers_models_chinese_short_and_distant_words_are_left_alone(word: str) -> None:
    assert speller.correct(word) == word


@given(st.sampled_from(sorted(WORDS)))
def test_a_known_word_is_never_changed(word: str) -> None:
    assert speller.correct(word) == word


@given(st.text(alphabet="abcdejlnrst手12é", max_size=12))
def test_what_comes_out_is_the_word_or_a_known_word_near_it(word: str) -> None:
    meant = speller.correct(word)
    assert meant == word or (meant in WORDS and slips_between(word, meant) <= 3)
    assert speller.correct(meant) == meant


@given(st.lists(st.sampled_from([*WORDS, "blck", "999"]), max_size=5))
def test_every_token_is_corrected_by_itself(tokens: list[str]) -> None:
    assert speller(tokens) == [speller.correct(token) for token in tokens]


def test_the_likelier_word_is_taken_and_the_first_letter_counts() -> None:
    assert Speller({"skirt": 5, "shirt": 4}).correct("slirt") == "skirt"
    assert Speller({"boots": 4, "roots": 9}).correct("bots") == "boots"


def test_a_word_that_is_surely_one_is_no_slip_but_may_be_a_plural() -> None:
    speller = Speller({"berry": 5, "alien": 3}, genuine={"ferry", "aliens"}.__contains__)
    assert speller(["ferry", "aliens", "berrz"]) == ["ferry", "alien", "berry"]


def test_a_speller_without_words_changes_nothing() -> None:
    assert Speller({})(["black", "dres"]) == ["black", "dres"]


@given(st.text(alphabet="abc", max_size=6), st.text(alphabet="abc", max_size=6))
def test_distance_equals_its_recursive_definition(one: str, other: str) -> None:
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        best = min(
            distance(i - 1, j) + 1,
            distance(i, j - 1) + 1,
            distance(i - 1, j - 1) + (one[i - 1] != other[j - 1]),
        )
        if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
            best = min(best, distance(i - 2, j - 2) + 1)
        return best

    one, other = one[:4], other[:4]
    assert slips_between(one, other) == distance(len(one), len(other))


@given(st.text(alphabet="abcdeg", min_size=4, max_size=9), st.randoms(use_true_random=False))
def test_every_word_one_swap_away_is_found(word: str, chance: object) -> None:
    place = chance.randrange(len(word) - 1)  # type: ignore[attr-defined]
    typed = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    assert Speller({word: 1}).correct(typed) == word
