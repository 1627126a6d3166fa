"""Tokens are the same however a text is typed, and product words stay whole."""

import pickle
import sys
import tempfile
import threading
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_embeddings import text as text_module
from core_embeddings.errors import ConfigError, MissingExtraError
from core_embeddings.text import Tokenizer, normalise

tokenizer = Tokenizer()


def test_required_example_keeps_words_numbers_sizes_and_chinese() -> None:
    assert tokenizer("iPhone 15 Pro 256GB 黑色手机") == [
        "iphone",
        "15",
        "pro",
        "256gb",
        "黑色",
        "手机",
    ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Jean délavé, men’s", ["jean", "délavé", "mens"]),
        ("cafe\u0301", ["café"]),
        ("3.5mm, size 3.5.", ["3.5mm", "size", "3.5"]),
        ("1,299 yuan; sizes 38,40", ["1299", "yuan", "sizes", "38", "40"]),
        ("X-100 WH-1000XM4 5-in-1", ["x100", "wh1000xm4", "5in1"]),
        ("30×40cm 30*40cm 30x40cm", ["30x40cm"] * 3),
        ("100% cotton, 50 % off", ["100%", "cotton", "50", "off"]),
        ("T-Shirt V‐neck H&M", ["tshirt", "vneck", "h&m"]),
        ("blue-black Black&White", ["blue", "black", "black", "white"]),
        ("Note 10+ 3+1", ["note", "10+", "3", "1"]),
        ("snake_case a/b (x) -5 .5", ["snake", "case", "a", "b", "x", "5", "5"]),
        ("iPhone™ Nike®", ["iphone", "nike"]),
        ("ip\u200bhone so\u00adft", ["iphone", "soft"]),
        ("กางเกง हिन्दी ワンピース", ["กางเกง", "हिन्दी", "ワンピース"]),
        ("5寸手机", ["5inch", "手机"]),
        ("…!? — 。，", []),
        ("", []),
    ],
)
def test_tokens_of_one_kind_follow_the_written_rules(text: str, tokens: list[str]) -> None:
    assert tokenizer(text) == tokens


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("黑色手機殼", "黑色手机壳"),
        ("女裝 連衣裙 襯衫 褲子 後背包", "女装 连衣裙 衬衫 裤子 后背包"),
        ("１２８ＧＢ", "128gb"),
        ("256 GB", "256GB"),
        ("iPhone15Pro", "iPhone 15 Pro"),
        ("RTX4090", "rtx-4090"),
        ("WH1000XM4", "WH-1000XM4"),
        ("５.５英寸", '5 1/2"'),
        ("5½ inch", "5.5-inch"),
        ("5.5″", "5.5寸"),
        ("500 ml", "500毫升"),
        ("30 × 40厘米", "30x40cm"),
        ("XXL", "2XL"),
        ("3 XL", "xxxl"),
        ("38 码", "38码"),
        ("T shirt", "T-shirt"),
        ("tshirt", "T‐Shirt"),
        ("纯棉T恤女", "纯棉 T-shirt 女"),
        ("T 恤衫", "tshirt"),
        ("V neck", "v-neck"),
        ("type c", "Type-C"),
        ("Levi’s", "levis"),
        ("10-pack", "10 pack"),
        ("3 in 1", "3-in-1"),
        ("“iPhone 15”", "iphone 15"),
    ],
)
def test_a_product_asked_for_either_way_is_the_same_tokens(one: str, other: str) -> None:
    assert tokenizer(one) == tokenizer(other) != []


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A4 mp3 S23 5G 3.5mm", ["a4", "mp3", "s23", "5g", "3.5mm"]),
        ("3升级 10克拉", ["3", "升级", "10", "克拉"]),
        ("2 g-strings", ["2", "gstrings"]),
        ('"size 38" box', ["size", "38", "box"]),
        ("xl xs", ["xl", "xs"]),
        ("東京 Tシャツ 髪", ["东京", "tシャツ", "髪"]),
    ],
)
def test_what_only_looks_like_a_measure_stays_what_it_is(text: str, tokens: list[str]) -> None:
    assert tokenizer(text) == tokens


@pytest.mark.parametrize("emoji", ["😀", "👍🏽", "👨‍👩‍👧", "🇨🇳", "☕"])
def test_emoji_is_one_token_between_words(emoji: str) -> None:
    assert tokenizer(f"good{emoji}好") == ["good", emoji, "好"]


def test_emoji_side_by_side_are_separate_and_presentation_marks_do_not_count() -> None:
    assert tokenizer("😀😀❤️") == ["😀", "😀", "❤"]


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
def test_full_width_text_has_the_tokens_of_half_width_text(text: str) -> None:
    wide = "".join(chr(ord(char) + 0xFEE0) for char in text)
    assert Tokenizer()(wide) == Tokenizer()(text)


@given(st.text(max_size=40))
def test_tokens_are_never_empty_never_space_and_already_normal(text: str) -> None:
    for token in tokenizer(text):
        assert token
        assert not any(char.isspace() for char in token)
        assert token == token.lower()
        assert normalise(token) == token


@given(st.lists(st.text(alphabet="abc12黑色手机 -.'&", max_size=12), max_size=4))
def test_texts_joined_by_a_comma_have_the_tokens_of_each(texts: list[str]) -> None:
    assert tokenizer(" , ".join(texts)) == [token for text in texts for token in tokenizer(text)]


@given(st.text(alphabet="黑色手机的不错连衣裙", max_size=20))
def test_han_characters_are_neither_lost_nor_moved(text: str) -> None:
    assert "".join(tokenizer(text)) == text


def test_many_gives_the_tokens_of_each_text() -> None:
    assert tokenizer.many(["Red dress", "", "红色"]) == [["red", "dress"], [], ["红色"]]


@pytest.mark.parametrize("engine", ["jieba", "rjieba"])
def test_pos_filter_drops_function_words_and_keeps_negation(engine: text_module.Engine) -> None:
    if engine == "rjieba":
        pytest.importorskip("rjieba")
    kept = Tokenizer(engine, pos_filter=True)("The shirt of my 手机的颜色和屏幕不好")
    assert kept[0] == "shirt"
    assert {"手机", "颜色", "屏幕"} <= set(kept)
    assert {"the", "of", "my", "的", "和"}.isdisjoint(kept)
    assert "不" in "".join(kept)


@given(st.text(alphabet="the a 的我和手机shirt", max_size=30))
def test_pos_filter_never_drops_latin_content_words(text: str) -> None:
    latin = [token for token in Tokenizer()(f"{text} shirt") if token.isascii()]
    kept = [token for token in Tokenizer(pos_filter=True)(f"{text} shirt") if token.isascii()]
    assert kept == [token for token in latin if token not in text_module._ENGLISH_FUNCTION_WORDS]


def test_rjieba_cuts_the_required_example_alike() -> None:
    pytest.importorskip("rjieba")
    text = "iPhone 15 Pro 256GB 黑色手机"
    assert Tokenizer("rjieba")(text) == tokenizer(text)


def test_missing_rjieba_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    text_module._segmenter.cache_clear()
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(MissingExtraError, match=r"tuwen\[fast\]"):
        Tokenizer("rjieba")("手机")


def test_unknown_engine_is_refused() -> None:
    with pytest.raises(ConfigError, match="engine must be one of 'jieba', 'rjieba'; got 'mecab'"):
        Tokenizer("mecab")  # type: ignore[arg-type]


def test_loading_writes_no_cache_prints_nothing_and_leaves_the_shared_jieba_alone(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path_factory.mktemp("shared")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    text_module._segmenter.cache_clear()
    import jieba

    before = dict(jieba.dt.FREQ)
    Tokenizer()("黑色手机")
    assert list(folder.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert before == jieba.dt.FREQ


def test_latin_text_never_loads_a_segmenter() -> None:
    text_module._segmenter.cache_clear()
    Tokenizer()("red dress 256gb 😀")
    assert text_module._segmenter.cache_info().currsize == 0


def test_threads_that_start_together_load_one_dictionary_and_agree() -> None:
    text_module._segmenter.cache_clear()
    barrier, answers = threading.Barrier(4), []

    def work() -> None:
        barrier.wait()
        answers.append(Tokenizer()("黑色手机"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [["黑色", "手机"]] * 4
    assert text_module._segmenter.cache_info().misses == 1


def test_tokenizer_travels_to_worker_processes() -> None:
    copy = pickle.loads(pickle.dumps(Tokenizer(pos_filter=True)))
    assert copy == Tokenizer(pos_filter=True)


@given(st.text(max_size=40))
def test_normalise_gives_nfkc_text(text: str) -> None:
    assert unicodedata.is_normalized("NFKC", normalise(text))
