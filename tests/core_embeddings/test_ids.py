import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.ids import IdMap


@given(st.lists(st.text(), unique=True))
def test_ids_and_rows_are_a_bijection(names):
    ids = IdMap(names)
    assert list(ids.rows(names)) == list(range(len(names)))
    assert ids.ids(ids.rows(names)) == names
    assert ids.all == tuple(names)


def test_unknown_ids_are_minus_one_and_padding_is_empty():
    ids = IdMap(["a", "b"])
    assert list(ids.rows(["b", "z"])) == [1, -1]
    assert ids.ids([1, -1]) == ["b", ""]
    assert "a" in ids
    assert "z" not in ids


def test_repeated_ids_are_refused():
    with pytest.raises(ValueError, match="ids must be unique; 1 of 3 repeat"):
        IdMap(["a", "b", "a"])
