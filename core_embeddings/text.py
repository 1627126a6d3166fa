"""Text to tokens: one tokenizer for catalogue, queries and baselines, whatever the script."""

from __future__ import annotations

import re
import threading
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from itertools import islice
from typing import Final, Literal, get_args

from core_embeddings.errors import ConfigError, MissingExtraError
from core_embeddings.han_variants import SIMPLIFIED
from core_embeddings.measures import split_model, unify_measures

Engine = Literal["jieba", "rjieba"]

RULES: Final = 2
"""Version of the rules of `Tokenizer`; 1 had no simplified characters and no form of measures."""

_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# `\w` leaves out combining marks, and without them Thai and Hindi words fall to pieces.
_MARKS = "".join(
    char
    for char in map(chr, range(0x300, 0xFE00))
    if unicodedata.category(char)[0] == "M" and char != "\u20e3"
)
_LETTERS = rf"(?:[^\W_{_HAN}]++[{_MARKS}]*+)++"
_PICTURE = r"[\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
_EMOJI = (
    r"[\U0001f1e6-\U0001f1ff]{2}"
    rf"|{_PICTURE}[\U0001f3fb-\U0001f3ff]?(?:\u200d{_PICTURE}[\U0001f3fb-\U0001f3ff]?)*+"
)
_TOKEN: Final = re.compile(
    rf"(?P<han>[{_HAN}]++)"
    rf"|(?P<emoji>{_EMOJI})"
    rf"|{_LETTERS}(?:['&-]{_LETTERS}|(?<=\d)\.(?=\d){_LETTERS})*+(?:(?<=\d)(?:%|\+(?!\w)))?"
)
_COMPOUND: Final = re.compile("[&-]")
_DIGIT: Final = re.compile(r"\d")
# NFKC would write these out as letters (iPhone™ -> iphonetm), or run into the number (5½ -> 51⁄2).
_SIGNS: Final = str.maketrans(
    dict.fromkeys("™℠®©", " ")
    | {"“": ' "', "½": " 1/2", "¼": " 1/4", "¾": " 3/4"}
    | {"⅛": " 1/8", "⅜": " 3/8", "⅝": " 5/8", "⅞": " 7/8"}
)
_INVISIBLE = "\u00ad\u200b\u200c\u2060\ufeff\ufe0e\ufe0f\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
_SPELLINGS: Final = str.maketrans(
    dict.fromkeys(_INVISIBLE + "\u2066\u2067\u2068\u2069", "")
    | dict.fromkeys("’‘ʼ′", "'")
    | {"‐": "-", "⁄": "/", "”": '"', "″": '"'}
)

_FUNCTION_TAGS: Final = ("c", "e", "o", "p", "r", "u", "y")
"""First letters of jieba's tags: conjunction, interjection, onomatopoeia, preposition, pronoun,
particle, modal. Adverbs stay, because 不 (not) is one."""

_ENGLISH: Final = """
    a an and are as at be been but by can did do does for from had has have he her his i
    if in into is it its me my nor of on or our she so such than that the their
    them then there these they this those to us was we were which while who whose will
    with you your
"""
_ENGLISH_FUNCTION_WORDS: Final = frozenset(_ENGLISH.split())

_LOADING = threading.Lock()


@dataclass(frozen=True)
class Tokenizer:
    """Split text into lower-case tokens.

    Text is brought to one spelling (NFKC, so full-width becomes half-width; lower case; Chinese in
    simplified characters; one form for measures), then cut by script. Runs of Han characters go to
    the segmenter, which never sees a Latin letter: jieba shreds ``délavé``. Everything else follows
    these rules:

    - words keep accents (``délavé``) and lose apostrophes (``men's`` -> ``mens``); numbers keep
      decimals (``3.5``) and lose the thousands comma; sizes stay whole, with the unit by one name
      (``256gb``, ``30x40cm``, ``5.5英寸`` -> ``5.5inch``, ``100%``, ``XXL`` -> ``2xl``);
    - three letters or more beside a number stand apart (``iPhone15Pro`` -> ``iphone``, ``15``,
      ``pro``), shorter ones do not (``a4``, ``s23``);
    - words joined by ``-`` become one when the first has at most two letters or a part has a digit
      (``t-shirt`` -> ``tshirt``, ``wh-1000xm4`` -> ``wh1000xm4``; ``h&m`` keeps its sign), and are
      split otherwise (``blue-black`` -> ``blue``, ``black``), because the same compound is as often
      written with a space;
    - an emoji, with skin tone and joiners, or a flag, is one token; other symbols and punctuation
      are dropped.

    Parameters
    ----------
    engine
        ``"jieba"``, or ``"rjieba"``: many times faster, nearly the same cuts, extra ``[fast]``.
        Models must be used with the engine they were trained with.
    pos_filter
        Drop function words: by part of speech in Chinese, by a short list in English. Off,
        because it is not seen to help: TF-IDF + linear SVM on validation rows moves by about half
        a point at most, up or down (accuracy, Chinese review category .841 -> .845, sentiment
        .892 -> .891, H&M garment group .881 -> .878, Myntra category .931 -> .932), and jieba
        becomes six times slower. Texts become a fifth (Chinese) to a third (English) shorter.

    Raises
    ------
    ConfigError
        If the engine is unknown.
    """

    engine: Engine = "jieba"
    pos_filter: bool = False

    def __post_init__(self) -> None:
        if self.engine not in get_args(Engine):
            raise ConfigError(
                f"engine must be one of {', '.join(map(repr, get_args(Engine)))}; "
                f"got {self.engine!r}"
            )

    def __call__(self, text: str) -> list[str]:
        """Return the tokens of one text, in order.

        Raises
        ------
        MissingExtraError
            If the text has Chinese and the engine is not installed.
        """
        return list(self._tokens(text))

    def many(self, texts: Iterable[str], *, limit: int | None = None) -> list[list[str]]:
        """Return the tokens of each text, the first ``limit`` where one is given.

        What stands behind them is not cut at all: of a long description that is most of the work.
        """
        return [list(islice(self._tokens(text), limit)) for text in texts]

    def _tokens(self, text: str) -> Iterator[str]:
        for match in _TOKEN.finditer(normalise(text)):
            yield from self._cut(match)

    def _cut(self, match: re.Match[str]) -> Iterable[str]:
        token = match.group()
        if match.lastgroup == "han":
            with _LOADING:
                segment = _segmenter(self.engine, self.pos_filter)
            return segment(token)
        words = (token,) if match.lastgroup == "emoji" else _split_compound(token)
        if self.pos_filter:
            return [word for word in words if word not in _ENGLISH_FUNCTION_WORDS]
        return words


def normalise(text: str) -> str:
    """Return text in one spelling.

    NFKC, lower case, simplified Chinese characters, no invisible characters, plain apostrophes and
    quotes, and measures as `measures.unify_measures` writes them.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_SIGNS)).lower()
        # Lower-casing (İ) and dropping what stood between a letter and its accent undo NFKC.
        text = unicodedata.normalize("NFKC", text.translate(_SPELLINGS)).translate(SIMPLIFIED)
    return unify_measures(text.lower())


@lru_cache(maxsize=1 << 16)  # a shop's words come again and again
def _split_compound(token: str) -> tuple[str, ...]:
    token = token.replace("'", "")
    parts = _COMPOUND.split(token)
    if len(parts[0]) <= 2 or _DIGIT.search(token):
        parts = [token.replace("-", "")]
    return tuple(word for part in parts for word in split_model(part))


@cache
def _segmenter(engine: Engine, tagged: bool) -> Callable[[str], Iterable[str]]:
    if engine == "rjieba":
        return _load_rjieba(tagged)
    return _load_jieba(tagged)


def _load_jieba(tagged: bool) -> Callable[[str], Iterable[str]]:
    """Return a segmenter over a dictionary of our own.

    jieba's own ``initialize`` logs to stderr and reads back whatever file lies in the shared
    temporary folder, so the dictionary is parsed here instead (a second, once per process).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba looks for pkg_resources, whose import complains
        jieba = import_module("jieba")
    cutter = jieba.Tokenizer()
    cutter.FREQ, cutter.total = cutter.gen_pfdict(cutter.get_dict_file())
    cutter.initialized = True
    if not tagged:
        return cutter.lcut
    tagger = import_module("jieba.posseg").POSTokenizer(cutter)
    return lambda text: _content_words((pair.word, pair.flag) for pair in tagger.cut(text))


def _load_rjieba(tagged: bool) -> Callable[[str], Iterable[str]]:
    try:
        cutter = import_module("rjieba").Jieba()
    except ImportError:
        raise MissingExtraError("the rjieba tokenizer", "rjieba", "fast") from None
    if not tagged:
        return cutter.cut
    return lambda text: _content_words(cutter.tag(text))


def _content_words(tagged: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (word for word, tag in tagged if not tag.startswith(_FUNCTION_TAGS))
