"""A text is where its words are; a picture is guessed to be where texts of such pictures are."""

import numpy as np

from core_embeddings.word_direction import FEWEST, WIDTH, WordDirection

SIZE, MEANINGS = 16, 6
WORDS = [f"{language}{meaning}" for language in "ab" for meaning in range(MEANINGS)]
ROWS = {word: row for row, word in enumerate(WORDS, start=1)}
KNOWN = np.zeros((1 + len(WORDS), SIZE), dtype=np.float32)
for _word, _row in ROWS.items():
    KNOWN[_row, int(_word[1])] = 1


def world(count: int) -> tuple[np.ndarray, np.ndarray, list[list[str]]]:
    """Return features that show a meaning, and texts of two words of it or of the next."""
    rng = np.random.default_rng(0)
    meanings = np.arange(count) % MEANINGS
    features = 0.1 * rng.normal(size=(count, 8)).astype(np.float32)
    features[np.arange(count), meanings] += 1
    tokens = [[f"a{m}", f"{rng.choice(['a', 'b'])}{(m + 1) % MEANINGS}"] for m in meanings]
    return features, np.ones(count, dtype=bool), tokens


def made(count: int = 200) -> WordDirection:
    found = WordDirection.fit(*world(count), ROWS, KNOWN)
    assert found is not None
    return found


def test_words_of_one_meaning_are_one_direction_whatever_the_language() -> None:
    read = made().read([[word] for word in WORDS], ROWS, {})
    same = read[:MEANINGS] @ read[MEANINGS:].T
    np.testing.assert_allclose(same.diagonal(), 1, atol=1e-4)
    assert (same - 2 * np.eye(MEANINGS)).max() < 0.9


def test_a_word_that_no_text_has_is_where_its_vector_is() -> None:
    model = made()
    told = model.read([["new"], ["a2"]], ROWS, {"new": KNOWN[ROWS["a2"]]})
    np.testing.assert_allclose(told[0], told[1], atol=1e-5)


def test_a_picture_is_guessed_nearest_to_the_texts_of_its_meaning() -> None:
    model = made()
    features, _, tokens = world(60)
    texts = model.read(tokens, ROWS, {})
    best = (model.see(features) @ texts.T).argmax(1)
    assert np.mean(best % MEANINGS == np.arange(60) % MEANINGS) > 0.9


def test_texts_without_vectors_are_zero_rows_and_others_unit_rows() -> None:
    read = made().read([["a1", "b2"], [], ["unheard"]], ROWS, {})
    np.testing.assert_allclose(np.linalg.norm(read, axis=1), [1, 0, 0], atol=1e-5)
    assert made().width == min(WIDTH, SIZE)


def test_without_pictures_nothing_is_guessed() -> None:
    features, seen, tokens = world(200)
    model = WordDirection.fit(features, np.zeros_like(seen), tokens, ROWS, KNOWN)
    assert model is not None
    assert not model.see(features).any()


def test_too_few_texts_make_no_direction() -> None:
    features, seen, tokens = world(FEWEST - 1)
    assert WordDirection.fit(features, seen, tokens, ROWS, KNOWN) is None
    features, seen, tokens = world(200)
    assert WordDirection.fit(features, seen, [[]] * 200, ROWS, KNOWN) is None
