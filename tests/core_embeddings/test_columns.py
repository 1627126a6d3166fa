"""Which columns are text of the product, and which are its attributes."""

import pytest

from core_embeddings.columns import (
    RESERVED,
    is_attribute,
    is_language_column,
    title_columns,
    written_columns,
)


@pytest.mark.parametrize("name", ["title_zh", "description_en", "title_ja"])
def test_title_or_description_with_a_language_code_is_text(name: str) -> None:
    assert is_language_column(name)
    assert not is_attribute(name)


@pytest.mark.parametrize("name", ["color_zh", "title_long", "title_ZH", "title_", "subtitle_en"])
def test_other_columns_with_a_suffix_are_attributes(name: str) -> None:
    assert not is_language_column(name)
    assert is_attribute(name)


def test_reserved_columns_are_no_attributes() -> None:
    assert not any(map(is_attribute, RESERVED))


def test_written_columns_are_titles_then_descriptions_and_title_is_always_asked_for() -> None:
    names = ["description_en", "title_zh", "brand", "title_en", "description"]
    assert title_columns(names) == ["title", "title_zh", "title_en"]
    assert written_columns(names) == [
        *("title", "title_zh", "title_en"),
        *("description", "description_en"),
    ]
