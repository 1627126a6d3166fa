"""Foreign words take the place of what lies beside them once the language is taken away."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from core_embeddings.foreign_words import ForeignWords, script_of

SIZE = 64
LANGUAGE = {"latin": 3.0, "han": -3.0, "other": 0.0}
MEANINGS = {"black": "墨黑", "dress": "衣裙", "phone": "话机", "shoes": "鞋履"}


class Bilingual:
    """Vectors of a meaning (a direction per pair) plus a constant per language."""

    name = "bilingual"
    size = SIZE

    def vectors(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors."""
        return np.stack([self._vector(word) for word in words])

    def _vector(self, word: str) -> NDArray[np.float32]:
        places = [place for place, pair in enumerate(MEANINGS.items()) if word in pair]
        if places:
            vector = np.eye(SIZE, dtype=np.float32)[places[0]]
        else:  # everyday words: somewhere else, in directions of their own
            vector = np.eye(SIZE, dtype=np.float32)[10 + hash_of(word) % 50]
        return vector + LANGUAGE[script_of(word) or "other"] * np.eye(SIZE, dtype=np.float32)[-1]


def hash_of(word: str) -> int:
    return sum(map(ord, word))


def reader(named: Sequence[str] = ()) -> ForeignWords:
    words = list(MEANINGS)
    return ForeignWords(words, Bilingual().vectors(words), Bilingual(), named=named)


def read(words: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    return reader().readings(words, Bilingual().vectors(words))


def test_a_foreign_word_is_read_mostly_by_its_translation() -> None:
    found = read(list(MEANINGS.values()))
    for place, word in enumerate(MEANINGS.values()):
        assert np.bincount(found[word]).argmax() == place
        assert np.mean(found[word] == place) > 0.5


def test_words_of_the_own_script_and_far_foreign_words_have_no_reading() -> None:
    assert read(["jeans", "天空", "38"]) == {}


def test_a_word_that_the_source_of_vectors_does_not_know_has_no_reading() -> None:
    assert reader().readings(["衣裙"], np.zeros((1, SIZE), dtype=np.float32)) == {}


def test_a_listed_shop_word_is_read_by_its_translation_whatever_the_vectors_say() -> None:
    words = ["dress", "dresses", "skirt", "phone"]
    nowhere = np.zeros((1, SIZE), dtype=np.float32)
    listed = ForeignWords(words, Bilingual().vectors(words), Bilingual())
    assert listed.readings(["连衣裙"], nowhere)["连衣裙"].tolist() == [0, 1]
    assert listed.readings(["裙子"], nowhere)["裙子"].tolist() == [2, 0, 1]
    named = ForeignWords(words, Bilingual().vectors(words), Bilingual(), named=["dresses"])
    assert named.readings(["连衣裙"], nowhere)["连衣裙"].tolist() == [1]
    assert listed.readings(["红色"], nowhere) == {}  # what it is called is not known here


def test_the_language_is_taken_away_from_known_and_other_words() -> None:
    made = reader()
    for one, other in MEANINGS.items():
        known = made.known[list(MEANINGS).index(one)]
        (foreign,) = made.centred([other], Bilingual().vectors([other]))
        assert np.linalg.norm(foreign) == pytest.approx(1, abs=1e-5)
        assert known @ foreign == pytest.approx(max(made.known @ foreign))
    assert not made.centred(["衣裙"], np.zeros((1, SIZE), dtype=np.float32)).any()


def test_a_script_is_foreign_when_few_known_words_are_in_it() -> None:
    english = reader()
    assert english.is_foreign("衣裙")
    assert not english.is_foreign("skirt")
    assert not english.is_foreign("38")
    both = [*MEANINGS, *MEANINGS.values()]
    bilingual = ForeignWords(both, Bilingual().vectors(both), Bilingual())
    assert not bilingual.is_foreign("衣裙")
    assert bilingual.is_foreign("юбка")


def test_of_equally_near_words_the_one_that_names_a_value_weighs_more() -> None:
    words = ["noir", "black"]
    same = np.repeat(Bilingual().vectors(["black"]), 2, axis=0)
    other = np.vstack([same, Bilingual().vectors(["dress"])])
    found = ForeignWords([*words, "dress"], other, Bilingual(), named=["black"]).readings(
        ["墨黑"], Bilingual().vectors(["墨黑"])
    )["墨黑"]
    assert np.sum(found == 1) > np.sum(found == 0)


@pytest.mark.parametrize(
    ("word", "script"),
    [("裙", "han"), ("tシャツ", "latin"), ("été", "latin"), ("юбка", "other"), ("5", "")],
)
def test_script_is_that_of_the_letters(word: str, script: str) -> None:
    assert script_of(word) == script
