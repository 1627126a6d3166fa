from core_embeddings import tables


def test_the_public_names_are_sorted_and_there():
    assert tables.__all__ == sorted(tables.__all__, key=str.lower)
    assert all(hasattr(tables, name) for name in tables.__all__)
