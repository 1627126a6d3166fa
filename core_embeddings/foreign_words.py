"""A word in a script the catalogue hardly knows, read by the known words nearest in meaning."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core_embeddings.shop_words import translations
from core_embeddings.spelling import other_number
from core_embeddings.word_vectors import WordVectors

FOREIGN_SHARE: Final = 0.05
"""A script with a smaller share of the known words is foreign."""
NEAREST: Final = 3
TEMPERATURE: Final = 0.1
CLOSE_ENOUGH: Final = 0.4
NAMED_BONUS: Final = 0.1
"""What cosine a word that names a field's value is ahead: shoppers ask by those."""
_COPIES: Final = 12
"""Rows a reading has, shared out by weight; their mean is the weighted mean."""

_COMMON: Final[Mapping[str, str]] = {
    "han": """
        可以 我们 没有 问题 时间 工作 生活 社会 国家 人民 世界 中国 公司 学校 老师 朋友 孩子 先生
        东西 地方 方法 意思 开始 知道 认为 需要 发展 使用 学习 喜欢 觉得 希望 重要 容易 高兴 漂亮
        今天 现在 城市 房子 天气 音乐 电影 新闻 历史 文化 经济 技术 科学 健康
    """,
    "latin": """
        can have problem time work life society country people world company school teacher friend
        child thing place method meaning begin know think need develop use study like feel hope
        important easy happy pretty today now city house weather music film news history culture
        economy technology science health water
    """,
}
"""Everyday words of a script: what their vectors have in common is the language, not a meaning."""
_HAN: Final = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_LATIN: Final = re.compile(r"[a-z\u00df-\u024f]")


class ForeignWords:
    """Read foreign words as a mixture of known ones, by pretrained vectors of both.

    A multilingual encoder puts a word beside its translations, but also beside the other words of
    its own language. Taking the mean vector of each language away leaves the meaning; what then
    lies nearest among the known words, if it is near at all, stands in for the foreign word. What
    every shop has a word for is not guessed: `shop_words` lists it.

    Parameters
    ----------
    words
        Known words.
    priors
        Their pretrained vectors, float32 of shape (n_words, size).
    word_vectors
        Where those came from.
    named
        Known words that name a value of a field (a colour, a category).

    Attributes
    ----------
    known
        The known words' vectors without their language, unit rows of shape (n_words, size).

    References
    ----------
    Mu, Viswanath: All-but-the-Top. ICLR 2018 (taking away what all vectors share). Smith et al.:
    Offline bilingual word vectors. ICLR 2017 (translation as nearest neighbour).
    """

    def __init__(
        self,
        words: Sequence[str],
        priors: NDArray[np.float32],
        word_vectors: WordVectors,
        *,
        named: Collection[str] = (),
    ) -> None:
        self._places = {word: place for place, word in enumerate(words)}
        scripts = [script_of(word) for word in words]
        counts = {name: scripts.count(name) for name in set(scripts)}
        self._own = {n for n, count in counts.items() if count >= FOREIGN_SHARE * len(words)}
        self._centres: dict[str, NDArray[np.float32]] = {
            name: word_vectors.vectors(common.split()).mean(axis=0)
            for name, common in _COMMON.items()
        }
        for script in self._own:
            self._centres[script] = priors[[name == script for name in scripts]].mean(axis=0)
        self._elsewhere = np.stack(list(self._centres.values())).mean(axis=0)
        centres = np.stack([self._centre(script) for script in scripts])
        known = np.any(priors != 0, axis=1, keepdims=True)  # a row of zeros is no vector at all
        self.known = _unit(known * (priors - centres))
        self._bonus = np.array([NAMED_BONUS * (word in named) for word in words], dtype=np.float32)

    def is_foreign(self, word: str) -> bool:
        """Tell whether a word is in letters, of a script that few known words are in."""
        script = script_of(word)
        return script != "" and script not in self._own

    def readings(
        self, words: Sequence[str], vectors: NDArray[np.float32]
    ) -> dict[str, NDArray[np.int64]]:
        """Return the places among the known words that each foreign word is the mean of.

        Parameters
        ----------
        words
            Unknown words, foreign or not; only the foreign ones near a known one are in the answer.
        vectors
            Their pretrained vectors, float32 of shape (n, size).
        """
        found = {}
        for word, vector in zip(words, vectors, strict=True):
            listed = self._listed(word) if self.is_foreign(word) else []
            if listed:
                found[word] = np.array(listed, dtype=np.int64)
            elif self.is_foreign(word) and vector.any():
                near = self.known @ self.centred([word], vector[None])[0] + self._bonus
                best = np.argsort(-near, kind="stable")[:NEAREST]
                if near[best[0]] >= CLOSE_ENOUGH:
                    found[word] = np.repeat(best, _copies(near[best]))
        return found

    def _listed(self, word: str) -> list[int]:
        """Return the places of what a word is known to be called, in the forms that name values."""
        called = dict.fromkeys(part for name in translations(word) for part in name.split())
        forms = [form for part in called for form in (part, *other_number(part), f"{part}es")]
        places = list(dict.fromkeys(self._places[form] for form in forms if form in self._places))
        return [place for place in places if self._bonus[place]] or places

    def centred(self, words: Sequence[str], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return unit vectors of words without what all words of a language have in common."""
        centres = np.stack([self._centre(script_of(word)) for word in words])
        return _unit(np.any(vectors != 0, axis=1, keepdims=True) * (vectors - centres))

    def _centre(self, script: str) -> NDArray[np.float32]:
        return self._centres.get(script, self._elsewhere)


def script_of(word: str) -> str:
    """Name the script of a word: ``han``, ``latin``, ``other``, or "" for no letters at all.

    >>> script_of("裙子"), script_of("dress"), script_of("юбка"), script_of("38")
    ('han', 'latin', 'other', '')
    """
    if _HAN.search(word):
        return "han"
    if _LATIN.search(word):
        return "latin"
    return "other" if any(map(str.isalpha, word)) else ""


def _copies(near: NDArray[np.float32]) -> NDArray[np.int64]:
    weights = np.exp((near - near[0]) / TEMPERATURE)
    return np.round(_COPIES * weights / weights.sum()).astype(np.int64)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)
