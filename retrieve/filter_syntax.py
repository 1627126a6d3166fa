"""Filter expressions as a tree: a tokenizer and a recursive descent parser, never ``eval``.

::

    either  = both {"or" both}
    both    = single {"and" single}
    single  = "not" single | "(" either ")" | test
    test    = column "is" ["not"] "missing" | column operator value
            | column ["not"] ("in" "(" value {"," value} ")" | "contains" text | "under" text)
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, TypeAlias

from core_embeddings.errors import FilterError

MAX_LENGTH: Final = 4000
"""Characters of an expression."""

MAX_DEPTH: Final = 40
"""Brackets and ``not`` inside each other."""

Operator: TypeAlias = Literal["=", "<", "<=", ">", ">=", "contains", "under"]
Value: TypeAlias = float | str


@dataclass(frozen=True)
class Test:
    """A column compared with values; true where any of them fits. ``position`` is 1-based."""

    __test__ = False  # for pytest: not a test case

    column: str
    operator: Operator
    values: tuple[Value, ...]
    position: int


@dataclass(frozen=True)
class Missing:
    """A column that has no value."""

    column: str
    position: int


@dataclass(frozen=True)
class Not:
    """The opposite of its child."""

    child: Node


@dataclass(frozen=True)
class Both:
    """True where every child is."""

    children: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """True where any child is."""

    children: tuple[Node, ...]


Node: TypeAlias = Test | Missing | Not | Both | Either


@dataclass(frozen=True)
class _Token:
    kind: str  # number, text, quoted (a column in backticks), word, operator, mark, end
    value: str
    position: int

    @property
    def keyword(self) -> str:
        return self.value.lower() if self.kind in ("word", "operator", "mark") else ""


_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?!\w))
      | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
      | (?P<quoted>`(?:[^`]|``)+`)
      | (?P<word>[^\W\d]\w*)
      | (?P<operator><=|>=|<>|!=|==|=|<|>)
      | (?P<mark>[(),])""",
    re.VERBOSE,
)
_KEYWORDS: Final = frozenset({"and", "or", "not", "in", "is", "contains", "under", "missing"})
_STRAIGHT: Final = {"‘": "'", "’": "'", "“": '"', "”": '"', "「": "'", "」": "'", "&": "and"}
_ORDER: Final[dict[str, Operator]] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


def parse_tree(text: str) -> Node:
    """Return the tree of an expression.

    Raises
    ------
    FilterError
        If it does not parse, is longer than ``MAX_LENGTH`` or nested deeper than ``MAX_DEPTH``.
    """
    if len(text) > MAX_LENGTH:
        raise FilterError(
            f"a filter has at most {MAX_LENGTH} characters; got {len(text)}; split the search"
        )
    parser = _Parser(_tokenize(text))
    tree = parser.either()
    parser.expect_end()
    return tree


def _tokenize(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            _refuse_character(text, place)
        kind = str(match.lastgroup)
        if kind != "space":
            tokens.append(_Token(kind, _unquote(kind, match.group()), place + 1))
        place = match.end()
    return [*tokens, _Token("end", "", len(text) + 1)]


def _unquote(kind: str, raw: str) -> str:
    return raw[1:-1].replace(raw[0] * 2, raw[0]) if kind in ("text", "quoted") else raw


def _refuse_character(text: str, place: int) -> NoReturn:
    character = text[place]
    if character in "'\"`":
        _fail(
            place + 1, f"the quote {character} is never closed; double a quote that belongs inside"
        )
    plain = _STRAIGHT.get(character, unicodedata.normalize("NFKC", character))
    hint = f"write {plain} instead" if plain != character else "put text between quotes"
    _fail(place + 1, f"{text[place : place + 12]!r} is not understood; {hint}")


def _fail(position: int, message: str) -> NoReturn:
    raise FilterError(f"filter, character {position}: {message}")


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    @property
    def _now(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._now
        self._place += token.kind != "end"
        return token

    def _took(self, *keywords: str) -> bool:
        found = self._now.keyword in keywords
        self._place += found
        return found

    def _expect(self, keyword: str, reason: str) -> None:
        if not self._took(keyword):
            self._refuse(f"expected {keyword} {reason}")

    def _refuse(self, message: str) -> NoReturn:
        came = repr(self._now.value[:40]) if self._now.kind != "end" else "the end"
        _fail(self._now.position, f"{message}; got {came}")

    def expect_end(self) -> None:
        if self._now.kind != "end":
            self._refuse("expected and, or, or the end here (quote text that holds spaces)")

    def either(self) -> Node:
        children = self._chain("or", self.both)
        return children[0] if len(children) == 1 else Either(children)

    def both(self) -> Node:
        children = self._chain("and", self.single)
        return children[0] if len(children) == 1 else Both(children)

    def _chain(self, word: str, part: Callable[[], Node]) -> tuple[Node, ...]:
        children = [part()]
        while self._took(word):
            children.append(part())
        return tuple(children)

    def single(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            _fail(self._now.position, f"nested deeper than {MAX_DEPTH}; remove brackets or not")
        node = self._single()
        self._depth -= 1
        return node

    def _single(self) -> Node:
        if self._took("not"):
            return Not(self.single())
        if self._took("("):
            node = self.either()
            self._expect(")", "to close the bracket")
            return node
        return self._test()

    def _test(self) -> Node:
        column = self._take()
        if column.kind not in ("word", "quoted") or column.keyword in _KEYWORDS:
            self._place -= column.kind != "end"
            self._refuse(
                "expected a column name (in backticks when it holds spaces), as in color = 'Black'"
            )
        if self._took("is"):
            negated = self._took("not")
            self._expect("missing", "after is")
            return _maybe_not(negated, Missing(column.value, column.position))
        return self._comparison(column)

    def _comparison(self, column: _Token) -> Node:
        negated = self._took("not")
        word = self._now.keyword
        if word == "in":
            self._take()
            return _maybe_not(negated, Test(column.value, "=", self._values(), column.position))
        if word in ("contains", "under"):
            self._take()
            operator: Operator = "contains" if word == "contains" else "under"
            test = Test(column.value, operator, (self._value(),), column.position)
            return _maybe_not(negated, test)
        if negated or self._now.kind != "operator":
            self._refuse(
                "expected = != < <= > >= in contains under or is missing after the column, "
                "as in price < 500"
            )
        self._take()
        test = Test(column.value, _ORDER.get(word, "="), (self._value(),), column.position)
        return _maybe_not(word in ("!=", "<>"), test)

    def _values(self) -> tuple[Value, ...]:
        self._expect("(", "after in, as in color in ('Black', 'White')")
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        self._expect(")", "to close the list")
        return tuple(values)

    def _value(self) -> Value:
        token = self._now
        if token.kind not in ("number", "text"):
            self._refuse("expected a number, or text between quotes as in 'Black'")
        self._take()
        if token.kind == "text":
            return token.value
        number = float(token.value)
        if not math.isfinite(number):
            _fail(token.position, f"the number {token.value[:40]} is too large")
        return number


def _maybe_not(negated: bool, node: Node) -> Node:
    return Not(node) if negated else node
