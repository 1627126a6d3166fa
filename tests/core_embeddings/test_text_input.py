"""Unknown words reach the text tower as what they were meant to be."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core_embeddings.foreign_words import script_of
from core_embeddings.text import Tokenizer
from core_embeddings.text_input import TextInput, build_text_input
from core_embeddings.word_vectors import TextFileWordVectors

PAIRS = (("black", "黑色"), ("dress", "裙子"))


class Pairs:
    """Translations share a direction; each language has one of its own besides."""

    name = "pairs"
    size = 16

    def vectors(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors."""
        found = np.zeros((len(words), self.size), dtype=np.float32)
        for row, word in enumerate(words):
            places = [place for place, pair in enumerate(PAIRS) if word in pair]
            found[row, places[0] if places else 2 + sum(map(ord, word)) % 12] = 1
            found[row, -1] = 2 if script_of(word) == "han" else -2
        return found


def text_input(*, vectors: Pairs | TextFileWordVectors | None) -> TextInput:
    texts = ["black dress", "black", "dress shoe", "red shoe", "red gladiator"]
    return build_text_input(
        *(texts, Tokenizer()),
        word_vectors=vectors,
        min_count=2,
        max_words=100,
        buckets=50,
        max_tokens=8,
    )


def test_slips_are_corrected_and_other_text_is_returned_as_it_was_typed() -> None:
    words = text_input(vectors=None)
    assert words.spelled(["Blakc  dres!"]) == ["black dress"]
    typed = ["Black  Dress!", "gladiator 15", "黑色裙子", ""]
    assert words.spelled(typed) == typed


def test_slips_behind_the_last_token_that_is_read_are_left_alone() -> None:
    words = text_input(vectors=None)
    behind = "black " * words.max_tokens + "dres"
    assert words.spelled([behind]) == [behind]


def test_unknown_words_of_many_queries_cost_one_pass_over_a_file_of_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, passes = tmp_path / "words.txt", []
    path.write_text("black 1 0\ndress 0 1\ndreses 1 1\n", encoding="utf-8")
    words = text_input(vectors=TextFileWordVectors(path))
    plain = TextFileWordVectors._lines
    monkeypatch.setattr(TextFileWordVectors, "_lines", lambda own: passes.append(1) or plain(own))
    assert words.spelled(["dreses", "blakc", "glowing lantern"])[:2] == ["dreses", "black"]
    assert len(passes) == 1


def test_a_word_of_another_language_has_the_rows_and_the_vector_of_its_translation() -> None:
    words = text_input(vectors=Pairs())
    foreign, known = words.batch([["裙子"]]), words.batch([["dress"]])
    row = int(known.ids[0])
    assert (foreign.ids == row).double().mean() > 0.5
    assert foreign.priors is not None and known.priors is not None
    assert float(foreign.priors[0] @ known.priors[0]) > 0.9 * float(
        known.priors[0] @ known.priors[0]
    )


def test_without_pretrained_vectors_a_foreign_word_is_its_n_grams() -> None:
    words = text_input(vectors=None)
    assert words.batch([["裙子"]]).ids.tolist() == words.vocabulary.bucket_rows("裙子")


def test_training_batches_read_foreign_words_as_they_stand() -> None:
    words = text_input(vectors=Pairs())
    drawn = words.batch([["裙子"]], rng=np.random.default_rng(0))
    assert drawn.ids.tolist() == words.vocabulary.bucket_rows("裙子")
