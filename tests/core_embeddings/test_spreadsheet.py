from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.spreadsheet import defuse, restore

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\x00")


@given(st.text(st.sampled_from("'=+-@\t\r\n\x00a1 ")))
def test_defused_text_starts_no_formula_and_is_restored_exactly(text):
    assert not defuse(text).startswith(FORMULA_STARTS)
    assert restore(defuse(text)) == text


def test_plain_text_is_left_alone():
    for text in ("", "a=b", "连衣裙", " =1", "'quoted'"):
        assert defuse(text) == restore(text) == text
