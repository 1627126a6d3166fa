"""Known words have a row, unseen words have n-grams, and the layout is EmbeddingBag's."""

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.errors import ArtefactError, ConfigError
from core_embeddings.text import RULES
from core_embeddings.vocabulary import PADDING, Vocabulary

words = st.text(alphabet="abcd黑色手1", min_size=1, max_size=8)
token_lists = st.lists(st.lists(words, max_size=6), max_size=6)


def rows_per_token(vocabulary: Vocabulary, tokens: list[str]) -> list[list[int]]:
    batch = vocabulary.encode(tokens)
    ends = [*batch.token_offsets[1:], len(batch.ids)]
    return [
        batch.ids[start:end].tolist() for start, end in zip(batch.token_offsets, ends, strict=True)
    ]


def test_words_are_ordered_by_frequency_then_alphabet() -> None:
    vocabulary = Vocabulary.build([["b", "a", "c"], ["c", "b", "a", "c"], ["z"]], buckets=5)
    assert vocabulary.words == ("c", "a", "b")
    assert vocabulary.size == 1 + 3 + 5
    assert rows_per_token(vocabulary, ["c", "a", "b"]) == [[1], [2], [3]]


@given(token_lists, st.integers(1, 3), st.integers(0, 4))
def test_build_keeps_exactly_the_most_frequent_words(
    texts: list[list[str]], min_count: int, max_words: int
) -> None:
    counts = Counter(token for tokens in texts for token in tokens)
    expected = sorted(
        (word for word in counts if counts[word] >= min_count),
        key=lambda word: (-counts[word], word),
    )[:max_words]
    built = Vocabulary.build(texts, min_count=min_count, max_words=max_words)
    assert list(built.words) == expected


@given(token_lists)
def test_order_of_texts_does_not_change_the_vocabulary(texts: list[list[str]]) -> None:
    assert Vocabulary.build(texts) == Vocabulary.build(texts[::-1])


@given(token_lists, token_lists, st.one_of(st.none(), st.integers(1, 4)))
def test_batch_equals_a_plain_loop_over_tokens(
    training: list[list[str]], texts: list[list[str]], max_tokens: int | None
) -> None:
    vocabulary = Vocabulary.build(training, min_count=1, max_words=3, buckets=7)
    ids: list[int] = []
    offsets: list[int] = []
    for tokens in texts:
        for token in tokens[:max_tokens]:
            offsets.append(len(ids))
            if token in vocabulary:
                ids.append(vocabulary.words.index(token) + 1)
            else:
                ids.extend(vocabulary.bucket_rows(token))
    batch = vocabulary.encode_batch(texts, max_tokens=max_tokens)
    assert batch.ids.tolist() == ids
    assert batch.token_offsets.tolist() == offsets
    assert batch.lengths.tolist() == [len(tokens[:max_tokens]) for tokens in texts]
    assert {array.dtype for array in batch} == {np.dtype(np.int64)}


@given(st.text(alphabet=st.characters(), max_size=60))
def test_every_unseen_token_has_bucket_rows_inside_the_table(token: str) -> None:
    vocabulary = Vocabulary(("a", "b"), buckets=11)
    rows = vocabulary.bucket_rows(token)
    assert rows
    assert all(3 <= row < vocabulary.size for row in rows)
    assert PADDING not in vocabulary.encode([token]).ids


def test_unseen_words_that_share_parts_share_rows_and_strangers_do_not() -> None:
    vocabulary = Vocabulary((), buckets=1_000_003)
    names = ("jacket", "jackets", "phone", "手机壳", "手机")
    rows = {word: set(vocabulary.bucket_rows(word)) for word in names}
    assert len(rows["jacket"] & rows["jackets"]) >= 6
    assert not rows["jacket"] & rows["phone"]
    assert rows["手机"] < rows["手机壳"]


def test_ngrams_are_those_of_the_marked_word() -> None:
    vocabulary = Vocabulary((), buckets=1_000_003)
    assert len(vocabulary.bucket_rows("cat")) == len(["<ca", "cat", "at>", "<cat", "cat>"])
    assert len(vocabulary.bucket_rows("黑色")) == len(["黑", "色", "黑色"])


def test_bucket_rows_are_the_same_in_another_process() -> None:
    code = (
        "from core_embeddings.vocabulary import Vocabulary\n"
        "print(Vocabulary(()).bucket_rows('ab\\u9ed1'))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(["", *sys.path])},
    )
    assert json.loads(out.stdout) == Vocabulary(()).bucket_rows("ab黑")


@given(token_lists)
def test_unseen_lists_each_token_without_a_row_once(texts: list[list[str]]) -> None:
    vocabulary = Vocabulary.build(texts, min_count=2)
    flat = [token for tokens in texts for token in tokens]
    unseen = vocabulary.unseen(flat)
    assert sorted(unseen) == sorted(set(flat) - set(vocabulary.words))


def test_hidden_share_one_encodes_every_token_by_its_parts() -> None:
    vocabulary = Vocabulary(("red", "dress"), buckets=9)
    batch = vocabulary.encode_batch(
        [["red", "dress"]], hidden_share=1.0, rng=np.random.default_rng(0)
    )
    assert batch.ids.tolist() == vocabulary.bucket_rows("red") + vocabulary.bucket_rows("dress")


def test_hidden_share_is_about_the_share_asked_for_and_repeats_with_the_seed() -> None:
    vocabulary = Vocabulary(("a",), buckets=9)
    texts = [["a"] * 2_000]
    first, second = (
        vocabulary.encode_batch(texts, hidden_share=0.1, rng=np.random.default_rng(3)).ids
        for _ in range(2)
    )
    assert np.array_equal(first, second)
    assert 0.07 < np.mean(first != 1) < 0.13


@given(token_lists, st.integers(1, 50))
def test_saved_and_loaded_vocabulary_is_equal(texts: list[list[str]], buckets: int) -> None:
    vocabulary = Vocabulary.build(texts, min_count=1, buckets=buckets)
    saved = json.loads(json.dumps(vocabulary.to_dict()))
    loaded = Vocabulary.from_dict(saved)
    assert loaded == vocabulary
    assert loaded.to_dict() == vocabulary.to_dict()
    assert all(
        np.array_equal(a, b)
        for a, b in zip(loaded.encode_batch(texts), vocabulary.encode_batch(texts), strict=True)
    )


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"version": 99}, "version 1; got 99"),
        ({}, "version 1; got None"),
        ({"version": 1, "buckets": 3}, "'words'.*damaged"),
        ({"version": 1, "words": ["a"], "buckets": "3"}, "'buckets'.*damaged"),
        ({"version": 1, "words": ["a", 3], "buckets": 3}, "'words'.*damaged"),
        ({"version": 1, "words": ["a", "a"], "buckets": 3}, "unique.*damaged"),
    ],
)
def test_damaged_save_is_refused(saved: dict[str, object], message: str) -> None:
    with pytest.raises(ArtefactError, match=message):
        Vocabulary.from_dict(saved)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"min_count must be at least 1.*got 0 and 5"):
        Vocabulary.build([], min_count=0, max_words=5)
    with pytest.raises(ConfigError, match="buckets must be at least 1; got 0"):
        Vocabulary((), buckets=0)
    with pytest.raises(ConfigError, match="1 of 2 repeat"):
        Vocabulary(("a", "a"))
    with pytest.raises(ConfigError, match="max_tokens must be at least 1"):
        Vocabulary(()).encode(["a"], max_tokens=0)
    with pytest.raises(ConfigError, match=r"needs rng above 0; got 0\.5"):
        Vocabulary(()).encode_batch([["a"]], hidden_share=0.5)


def test_words_met_too_seldom_are_remembered_as_rare_and_have_no_row() -> None:
    vocabulary = Vocabulary.build([["red", "red", "zebra", "ant"]], min_count=2)
    assert vocabulary.words == ("red",)
    assert vocabulary.rare == ("ant", "zebra")
    assert "zebra" not in vocabulary
    assert Vocabulary.from_dict(vocabulary.to_dict()) == vocabulary


def test_a_reading_takes_the_place_of_the_n_grams_of_an_unseen_word_only() -> None:
    vocabulary = Vocabulary(("red", "dress"))
    encoded = vocabulary.encode_batch([["裙", "red"]], readings={"裙": [2, 2, 1], "red": [2]})
    assert encoded.ids.tolist() == [2, 2, 1, 1]
    assert encoded.token_offsets.tolist() == [0, 3]


def test_a_vocabulary_saved_before_rules_were_written_is_of_the_first_rules() -> None:
    old = {"version": 1, "buckets": 3, "words": ["t-shirt"]}
    vocabulary = Vocabulary.from_dict(old)
    assert vocabulary.rules == 1
    assert vocabulary.to_dict() == old
    assert Vocabulary(("tshirt",)).to_dict()["rules"] == RULES
