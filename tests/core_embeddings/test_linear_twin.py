"""Pictures and words that say the same meet, on products that taught nobody."""

import numpy as np

from core_embeddings.linear_twin import FEWEST, LinearTwin, unit

KINDS = 6
ROWS = {f"kind{kind}": kind + 1 for kind in range(KINDS)} | {"and": KINDS + 1, "rest": KINDS + 2}


def world(count: int, seed: int) -> tuple[np.ndarray, list[list[str]], np.ndarray]:
    """Return features in which a kind is a direction among noise, texts that name it, and it."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(count) % KINDS
    features = rng.normal(size=(count, 20)).astype(np.float32)
    features[:, :KINDS] += 6 * np.eye(KINDS, dtype=np.float32)[kinds]
    fill = rng.choice(["and", "rest"], size=count)
    return features, [[f"kind{kind}", word] for kind, word in zip(kinds, fill, strict=True)], kinds


def test_pictures_find_the_texts_of_their_kind_and_texts_the_pictures() -> None:
    features, tokens, _ = world(300, 0)
    twin = LinearTwin.fit(features, tokens, ROWS)
    assert twin is not None
    features, tokens, kinds = world(60, 1)
    seen, read = twin.see(features), twin.read(tokens, ROWS, {})
    assert seen.shape == read.shape == (60, twin.width)
    scores = seen @ read.T
    assert np.mean(kinds[scores.argmax(1)] == kinds) > 0.9
    assert np.mean(kinds[scores.argmax(0)] == kinds) > 0.9


def test_texts_without_a_known_word_are_zero_rows_and_others_unit_rows() -> None:
    features, tokens, _ = world(300, 0)
    twin = LinearTwin.fit(features, tokens, ROWS)
    assert twin is not None
    read = twin.read([["kind1"], [], ["unseen"]], ROWS, {})
    np.testing.assert_allclose(np.linalg.norm(read, axis=1), [1, 0, 0], atol=1e-5)


def test_a_foreign_word_is_what_it_is_read_as() -> None:
    features, tokens, _ = world(300, 0)
    twin = LinearTwin.fit(features, tokens, ROWS)
    assert twin is not None
    told = twin.read([["种类"], ["kind1"]], ROWS, {"种类": [ROWS["kind1"]]})
    np.testing.assert_allclose(told[0], told[1], atol=1e-6)


def test_a_second_fit_is_the_same_to_the_bit() -> None:
    features, tokens, _ = world(120, 3)
    one, two = (LinearTwin.fit(features, tokens, ROWS) for _ in range(2))
    assert one is not None and two is not None
    assert one.image_map.tobytes() == two.image_map.tobytes()
    assert one.text_map.tobytes() == two.text_map.tobytes()


def test_too_few_products_or_words_in_common_make_no_twin() -> None:
    features, tokens, _ = world(FEWEST - 1, 0)
    assert LinearTwin.fit(features, tokens, ROWS) is None
    features, _, _ = world(300, 0)
    assert LinearTwin.fit(features, [[f"only{row}"] for row in range(300)], ROWS) is None


def test_unit_leaves_a_zero_row_alone() -> None:
    assert unit(np.array([[3.0, 4.0], [0.0, 0.0]])).round(6).tolist() == [
        [np.float32(0.6), np.float32(0.8)],
        [0, 0],
    ]
