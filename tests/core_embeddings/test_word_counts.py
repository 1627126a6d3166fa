"""A table of words counted by hand, and scikit-learn's TF-IDF beside it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from core_embeddings.word_counts import WordCounts

ROWS = {"red": 1, "dress": 2, "blue": 3}
TEXTS = st.lists(st.lists(st.sampled_from([*ROWS, "unseen"]), max_size=6), min_size=1, max_size=8)


def dense(counts: WordCounts) -> np.ndarray:
    return counts.sparse().toarray()


def test_words_are_counted_and_unknown_ones_are_not() -> None:
    counts = WordCounts.of([["red", "dress", "red"], [], ["unseen"]], ROWS)
    assert dense(counts).tolist() == [[0, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert counts.told().tolist() == [True, False, False]


def test_a_foreign_word_is_shared_out_to_what_it_is_read_as() -> None:
    counts = WordCounts.of([["红裙", "red"]], ROWS, {"红裙": [1, 1, 2, 2]})
    assert dense(counts).tolist() == [[0, 1.5, 0.5, 0]]


@given(TEXTS)
def test_weighed_counts_are_those_of_scikit_learn(texts: list[list[str]]) -> None:
    known = [[word for word in text if word in ROWS] for text in texts]
    counts = WordCounts.of(texts, ROWS)
    weights = counts.rarity()
    columns = np.array(list(ROWS.values()))
    often = np.array([sum(word in text for text in known) for word in ROWS])
    assert not weights[columns[often < 2]].any()
    if not (often >= 2).any():
        return
    oracle = TfidfVectorizer(analyzer=list, sublinear_tf=True, min_df=2)
    table = oracle.fit_transform(known).toarray()
    places = [ROWS[word] for word in oracle.get_feature_names_out()]
    np.testing.assert_allclose(dense(counts.weighed(weights))[:, places], table, atol=1e-5)


@given(TEXTS)
def test_a_product_with_a_matrix_is_that_of_the_dense_table(texts: list[list[str]]) -> None:
    counts = WordCounts.of(texts, ROWS)
    matrix = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_allclose(counts.times(matrix), dense(counts) @ matrix, rtol=1e-5)
