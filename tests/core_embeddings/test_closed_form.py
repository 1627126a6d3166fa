"""Parts side by side: the cosine of whole vectors is the parts' cosines, weighed."""

import numpy as np
import pytest

from core_embeddings.closed_form import UNSEEN, Blocks, ClosedForm, Shares
from core_embeddings.linear_twin import LinearTwin, unit
from core_embeddings.text import Tokenizer
from core_embeddings.text_input import TextInput, build_text_input
from core_embeddings.word_direction import WordDirection


def text_input() -> TextInput:
    return build_text_input(
        ["red dress", "blue dress", "red shoe", "blue shoe"],
        Tokenizer(),
        named=["red"],
        word_vectors=None,
        min_count=1,
        max_words=99,
        buckets=5,
        max_tokens=8,
    )


def parts(words: int = 4, width: int = 3) -> tuple[LinearTwin, WordDirection]:
    """Return parts of random maps: 5 features, ``words`` known words."""
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    heavy = np.ones(1 + words, dtype=np.float32)
    twin = LinearTwin(drawn(5), drawn(5, width), heavy, drawn(width), drawn(1 + words, width))
    map_ = drawn(1 + words, 2)
    shift = drawn(2)
    return twin, WordDirection(map_, drawn(7, 2), heavy[:1], drawn(5), drawn(5, 2), shift)


def closed(**shares: Shares) -> ClosedForm:
    return ClosedForm(*parts(), **shares)


def blocks(made: ClosedForm, sees: list[bool], reads: list[bool]) -> Blocks:
    features = np.arange(10, dtype=np.float32).reshape(2, 5)
    tokens = [["red", "dress"], ["blue", "shoe"]]
    return made.blocks(features, tokens, np.array(sees), np.array(reads), text_input())


def test_the_cosine_of_joined_vectors_is_the_weighed_sum_of_the_parts_cosines() -> None:
    made, rng = closed(), np.random.default_rng(1)
    own = unit(rng.normal(size=(2, 6)))
    told = blocks(made, [True, True], [True, True])
    one = made.join(own, told, Shares(0.5, 0.3))
    other = made.join(own, told, Shares(0.2, 0.2))
    expected = (
        np.sqrt(0.2 * 0.6) * own @ own.T
        + np.sqrt(0.5 * 0.2) * told.twin @ told.twin.T
        + np.sqrt(0.3 * 0.2) * told.words @ told.words.T
    )
    assert one.shape == (2, 6 + made.width) == (2, 11)
    np.testing.assert_allclose(one @ other.T, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)


def test_without_parts_a_vector_stays_what_it_is() -> None:
    own = np.eye(2, dtype=np.float32)
    assert ClosedForm().join(own, blocks(ClosedForm(), [True] * 2, [True] * 2), Shares()) is own
    assert ClosedForm().width == 0
    assert ClosedForm().tensors() == {}


def test_the_twin_is_the_mean_of_both_and_words_are_guessed_only_where_there_are_none() -> None:
    made = closed()
    assert made.twin is not None and made.words is not None
    whole = blocks(made, [True, True], [True, False])
    seen, read = blocks(made, [True] * 2, [False] * 2), blocks(made, [False] * 2, [True] * 2)
    np.testing.assert_allclose(whole.twin[:1], unit(seen.twin + read.twin)[:1], atol=1e-6)
    np.testing.assert_allclose(whole.words[0], read.words[0], atol=1e-6)
    np.testing.assert_allclose(whole.twin[1], seen.twin[1], atol=1e-6)
    np.testing.assert_allclose(whole.words[1], seen.words[1], atol=1e-6)


def test_nothing_has_no_vector() -> None:
    made = closed()
    told = blocks(made, [False, True], [False, True])
    assert not told.twin[0].any() and not told.words[0].any()
    assert not made.join(np.zeros((2, 6), np.float32), told, Shares(0.2, 0.2))[0].any()


def test_a_query_has_the_shares_of_what_it_asks_for() -> None:
    shares = {
        "stored": Shares(0.1, 0.2),
        "named": Shares(0.2, 0.0),
        "other": Shares(0.0, 0.4),
        "shown": Shares(0.5, 0.1),
    }
    tokens = [["red"], ["dress"], ["jabberwocky"], ["red", "dress"], [], ["red"], []]
    sees = np.array([False] * 4 + [True, True, False])
    found = closed(**shares).asked(tokens, sees, text_input())
    between = np.mean([shares["named"], shares["other"]], axis=0)
    expected = [shares["named"], shares["other"], UNSEEN, between]
    np.testing.assert_allclose(found, [*expected, shares["shown"], shares["stored"], (0, 0)])


def test_parts_come_back_from_their_tensors_and_leave_the_others_alone() -> None:
    made = closed(stored=Shares(0.1, 0.2), shown=Shares(0.3, 0.0))
    tensors = {**made.tensors(), "network.weight": made.tensors()["closed_form.shares"]}
    again = ClosedForm.from_tensors(tensors)
    assert list(tensors) == ["network.weight"]
    assert again.described() == made.described()
    np.testing.assert_array_equal(
        blocks(again, [True] * 2, [True] * 2).twin, blocks(made, [True] * 2, [True] * 2).twin
    )
    assert ClosedForm.from_tensors({}).width == 0


@pytest.mark.parametrize(
    ("shares", "width"),
    [
        ({"stored": Shares(0.0, 0.2)}, 2),
        ({"alone": Shares(0.3, 0.0)}, 3),
        ({"stored": Shares(0.0, 0.2), "alone": Shares(0.3, 0.0)}, 5),
        ({"shown": Shares(0.3, 0.3)}, 0),
    ],
)
def test_a_part_that_no_product_holds_is_left_out(shares: dict[str, Shares], width: int) -> None:
    assert closed(**shares).useful().width == width
