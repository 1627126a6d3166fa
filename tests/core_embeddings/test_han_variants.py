"""The table of characters: one to one, final, and OpenCC's."""

import unicodedata

import pytest

from core_embeddings.han_variants import SIMPLIFIED


def test_simplified_characters_are_final() -> None:
    for simple in SIMPLIFIED.values():
        assert chr(simple).translate(SIMPLIFIED) == chr(simple)
        assert unicodedata.is_normalized("NFKC", chr(simple))


def test_simplified_words_and_japanese_forms_are_untouched() -> None:
    for text in ("黑色手机壳连衣裙牛仔裤", "ワンピース", "ひらがな", "髪黒気駅桜", "Levi's délavé"):
        assert text.translate(SIMPLIFIED) == text


def test_traditional_words_become_simplified() -> None:
    assert (
        "黑色手機殼、連衣裙、牛仔褲、後背包".translate(SIMPLIFIED)
        == "黑色手机壳、连衣裙、牛仔裤、后背包"
    )


def test_the_table_is_that_of_opencc() -> None:
    opencc = pytest.importorskip("opencc")
    convert = opencc.OpenCC("t2s").convert
    for traditional, simple in SIMPLIFIED.items():
        assert convert(convert(chr(traditional))) == chr(simple)
