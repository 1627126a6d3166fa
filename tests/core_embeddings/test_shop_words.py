"""A word and what it is called find each other, in both directions."""

from core_embeddings.foreign_words import script_of
from core_embeddings.shop_words import _PAIRS, translations


def test_every_listed_word_is_found_from_both_sides() -> None:
    for entry in _PAIRS.split(";"):
        chinese, called = entry.strip().split(" ", 1)
        assert script_of(chinese) in {"han", "latin"}
        for english in called.split("/"):
            assert script_of(english) == "latin"
            assert english in translations(chinese)
            assert chinese in translations(english)


def test_no_entry_stands_twice() -> None:
    listed = [entry.split()[0] for entry in _PAIRS.split(";")]
    assert len(set(listed)) == len(listed)


def test_what_is_not_listed_has_no_translation() -> None:
    assert translations("") == translations("jabberwocky") == ()
