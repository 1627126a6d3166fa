"""Pictures show the right numbers, in letters that can be drawn, and never warn."""

import io
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from PIL import Image
from sklearn.metrics import confusion_matrix

from core_embeddings.errors import TableError
from tuwen import figure_text
from tuwen.figure_maps import (
    OTHER,
    catalogue_map_figure,
    flat_layout,
    neighbours_figure,
    top_levels,
)
from tuwen.figure_text import cut, drawable, font_families, short_labels
from tuwen.figures import (
    OTHERS,
    bar_metrics,
    confusion_counts,
    confusion_matrix_figure,
    metric_bars_figure,
    reliability_figure,
    training_curve_figure,
)


def drawn(figure):
    """The picture as an array; any warning while drawing is an error."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(stream, format="png", dpi=40)
    return np.asarray(Image.open(stream).convert("RGB"))


def words(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_visible() and t.get_text()]


def test_confusion_counts_equal_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    true, predicted = generator.choice(list("abcd"), (2, 200), p=[0.4, 0.3, 0.2, 0.1])
    names, counts = confusion_counts(true, predicted)
    assert np.array_equal(counts, confusion_matrix(true, predicted, labels=names))
    totals = counts.sum(axis=1)
    assert totals.tolist() == sorted(totals, reverse=True)


def test_rare_and_never_seen_values_share_the_last_row_and_column():
    names, counts = confusion_counts(list("aabbc"), list("abbzc"), top=2)
    assert names == ["a", "b", OTHERS]
    assert counts.tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 1]]


def test_a_confusion_matrix_of_many_classes_stays_one_readable_picture():
    true = [f"All > Thing {n}" for n in range(80) for _ in range(2)]
    figure = confusion_matrix_figure(true, true, "category")
    assert len(figure.axes[0].get_yticks()) == 31
    assert "category: 100.0% of 160 right (% of each row)" in words(figure)
    assert drawn(figure).std() > 5


def test_a_map_names_each_top_level_with_its_size():
    generator = np.random.default_rng(0)
    vectors = np.vstack([generator.normal(c, 0.1, (40, 5)) for c in (0, 3)])
    labels = ["Shoes > Boots"] * 40 + ["Home > Lamps"] * 39 + [""]
    figure = catalogue_map_figure(vectors, labels)
    assert [t for t in words(figure) if t.endswith(("40", "39", " 1"))] == [
        "Shoes  40",
        "Home  39",
        "no category  1",
    ]
    assert drawn(figure).std() > 5


def test_a_large_catalogue_is_sampled_and_says_so(monkeypatch):
    monkeypatch.setattr("tuwen.figure_maps.MAP_ROWS", 30)
    figure = catalogue_map_figure(np.eye(90), ["a"] * 90)
    assert "catalogue map: 30 of 90 products" in words(figure)


def test_few_rows_are_laid_out_by_their_main_directions():
    line = np.outer(np.arange(10.0), [1.0, 2.0, 2.0]).astype(np.float32)
    places = flat_layout(line, seed=0)
    steps = np.abs(np.diff(places, axis=0))
    np.testing.assert_allclose(steps, np.tile([3.0, 0.0], (9, 1)), atol=1e-4)


def test_a_layout_is_repeatable_and_keeps_clusters_apart():
    generator = np.random.default_rng(1)
    vectors = np.vstack([generator.normal(c, 0.05, (30, 4)) for c in np.eye(4)[:2]])
    first, second = (flat_layout(vectors.astype(np.float32), seed=3) for _ in range(2))
    assert np.array_equal(first, second)
    centres = first.reshape(2, 30, 2).mean(axis=1, keepdims=True)
    inside = np.linalg.norm(first.reshape(2, 30, 2) - centres, axis=2).mean()
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * inside


def test_equal_vectors_give_a_map_not_a_crash():
    assert drawn(catalogue_map_figure(np.ones((60, 4)), ["x"] * 60)).size


def test_top_levels_beyond_the_colours_become_other():
    labels = [f"{name} > x" for name in "abcdefghijklmnop" for _ in range(ord("q") - ord(name))]
    assert set(top_levels(labels)) == {*"abcdefghijk", OTHER}
    assert set(top_levels(labels[:20])) == {"a", "b"}


@pytest.fixture
def products(tmp_path):
    rows = []
    for number in range(9):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (30, 20), (0, 20 * number, 255)).save(path)
        rows.append({"title": f"thing {number}", "category": "C", "image": (str(path),)})
    rows[3] |= {"image": (), "title": "no picture here"}
    (tmp_path / "4.png").write_bytes(b"broken")
    return pd.DataFrame(rows)


def test_neighbours_show_titles_scores_and_grey_cards(products):
    figure = neighbours_figure(products, [0], [[1, 3, 4, -1]], scores=[[0.9, 0.8, 0.7, 0.0]])
    shown = words(figure)
    assert {"thing 0", "thing 1\n0.90", "no picture here", "thing 4", "0.80", "0.70"} <= set(shown)
    cards = [axes for axes in figure.axes if axes.axison]
    assert len(cards) == 4
    assert [bool(axes.images) for axes in cards] == [True, True, False, False]
    assert drawn(figure).std() > 5


def test_only_six_neighbours_are_drawn(products):
    figure = neighbours_figure(products, [0, 1], [list(range(1, 9))] * 2)
    assert len([axes for axes in figure.axes if axes.axison]) == 14


def test_losses_and_scores_have_panels_of_their_own():
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [3.0, 2.0], "recall@10": [0.1, 0.2]})
    figure = training_curve_figure(history)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "score"]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [3.0, 2.0]
    assert drawn(figure).std() > 3


def test_bars_show_each_model_of_each_segment_and_nothing_where_one_is_missing():
    rows = [
        ("tag", "color", "ours", 0.9),
        ("tag", "color", "bm25", 0.5),
        ("tag", "size", "ours", 0.7),
    ]
    report = pd.DataFrame(rows, columns=["job", "segment", "model", "value"]).assign(metric="acc")
    figure = metric_bars_figure(report, "acc", job="tag")
    assert {" 0.900", " 0.500", " 0.700", "color", "size", "tag: acc"} <= set(words(figure))
    lengths = [patch.get_width() for patch in figure.axes[0].patches]
    assert [x for x in lengths if not np.isnan(x)] == [0.9, 0.7, 0.5]
    assert bar_metrics(report.assign(metric="accuracy"))["tag"] == ["accuracy"]
    assert drawn(figure).std() > 3


def test_a_reliability_picture_states_the_error_of_equal_mass_bins():
    confidence = np.repeat([0.6, 0.9], 150)
    correct = np.tile([1, 0], 150)  # half right everywhere: |.6-.5| and |.9-.5|
    figure = reliability_figure(confidence, correct, "color")
    assert any("ECE 0.250, n = 300" in text for text in words(figure))
    assert drawn(figure).std() > 3


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: confusion_matrix_figure(["a"], [], "f"), "1 true and 0 predicted"),
        (lambda: confusion_matrix_figure([], [], "f"), "at least one"),
        (lambda: catalogue_map_figure(np.eye(2), ["a", "b"]), "at least 3 products"),
        (lambda: neighbours_figure(pd.DataFrame(), [], []), "at least one product"),
        (lambda: training_curve_figure(pd.DataFrame({"x": ["a"]})), "numeric columns"),
        (
            lambda: metric_bars_figure(
                pd.DataFrame({"metric": ["ndcg@10"], "job": ["search"]}), "accuracy"
            ),
            "it has ndcg@10",
        ),
        (lambda: reliability_figure([0.5], []), "got 1 and 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(draw, message):
    with pytest.raises(TableError, match=message):
        draw()


def test_labels_are_the_shortest_that_differ():
    paths = ["A > X > Boots", "B > X > Boots", "A > Lamps", "", "Boots"]
    assert short_labels(paths) == ["Boots (A)", "Boots (B)", "Lamps", "(none)", "Boots"]
    assert short_labels(["x" * 40 + "1", "x" * 40 + "2"], 10) == [
        "x" * 9 + "… #1",
        "x" * 9 + "… #2",
    ]


@given(st.lists(st.text(max_size=40), unique=True, max_size=8))
def test_labels_are_always_distinct(values):
    labels = short_labels(values)
    assert len(set(labels)) == len(values)


@given(st.text(max_size=60), st.integers(2, 30))
def test_a_cut_text_is_drawable_and_no_longer_than_allowed(text, length):
    short = cut(text, length)
    assert sum(2 if ord(c) > 0x2E80 else 1 for c in short.removesuffix("…")) <= length
    assert drawable(short) == short


def test_without_a_chinese_font_chinese_becomes_one_box_per_run(monkeypatch):
    monkeypatch.setattr(figure_text, "_drawable", lambda: frozenset(range(32, 127)))
    assert drawable("红色 连衣裙 dress 裙") == "▯ ▯ dress ▯"


def test_labels_in_any_script_and_prices_draw_without_a_warning():
    values = ["红色 连衣裙", "$5 off $9", "👗 dress", "платье", "a_b^c"]
    assert drawn(confusion_matrix_figure(values, values[::-1], "颜色 $x$")).size
    assert font_families()[0] == "DejaVu Sans"


def test_no_state_of_pyplot_is_touched():
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )
