"""JSON with comments, as Orthanc's parser takes it.

Orthanc's files are read by JsonCpp, which takes more than RFC 8259 allows: comments of both
kinds, a comma before a closing bracket, control characters within texts, a name set twice (the
last one counts) and anything after the end. So do we; what is probably a slip becomes a doubt.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

Keys = tuple[str, ...]
"""Where a value is: the names that lead to it."""

VARIABLE = re.compile(r"\$\{([^{}:]+)(?::-([^}]*))?\}")
"""A variable of the environment: ``${NAME}`` or ``${NAME:-what to take if it is not set}``."""

_DEEPEST = 100  # the sections of Orthanc's files go four deep
_BLANK = re.compile(r"[ \t\r\n\f\v]+")


class BadSyntax(ValueError):
    """The text is not JSON; ``reason`` says why in plain words, ``line`` and ``column`` where."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {reason}")
        self.reason = reason
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says.

    ``lines`` tells in which line each member of each object stands; ``doubts`` are lines with
    what is odd there, as whole sentences.
    """

    value: Any
    lines: dict[Keys, int] = field(default_factory=dict)
    doubts: list[tuple[int, str]] = field(default_factory=list)


def parse(text: str, *, expand: Callable[["re.Match[str]"], str] | None = None) -> Document:
    """Read a text of JSON with comments.

    Args:
        text: the whole text.
        expand: gives the value of each ``VARIABLE``; without it they are texts like any other.

    Raises:
        BadSyntax: it cannot be read.
    """
    return _Parser(text, expand).document()


class _Parser:
    """Reads one text from the beginning to the end."""

    def __init__(self, text: str, expand: Callable[["re.Match[str]"], str] | None) -> None:
        self._text = text
        self._expand = expand
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._decoder = json.JSONDecoder(strict=False, parse_constant=self._no_constant)
        self._lines: dict[Keys, int] = {}
        self._doubts: list[tuple[int, str]] = []

    def document(self) -> Document:
        self._skip()
        value = self._value(())
        self._skip()
        if self._at < len(self._text):
            line, _ = self._place(self._at)
            self._doubts.append((line, "What follows the end of the object is ignored."))
        return Document(value, self._lines, self._doubts)

    def _value(self, keys: Keys) -> Any:
        start = self._at
        character = self._text[start : start + 1]
        if character in ("{", "["):
            if len(keys) >= _DEEPEST:
                self._fail("this is nested too deeply")
            self._at += 1
            return self._object(keys) if character == "{" else self._list(keys)
        variable = VARIABLE.match(self._text, start) if self._expand else None
        if variable:
            return self._variable(variable)
        return self._scalar()

    def _object(self, keys: Keys) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not self._closed("}", first=not members):
            start = self._at
            if self._text[start : start + 1] != '"':
                self._fail("the name of an option is expected here, in double quotes")
            name = self._scalar()
            self._skip()
            if self._text[self._at : self._at + 1] != ":":
                self._fail(f'a colon is missing after "{name}"')
            self._at += 1
            self._skip()
            here = (*keys, name)
            line, _ = self._place(start)
            if name in members:
                self._doubts.append((line, f"{'.'.join(here)} is set twice: the last one counts."))
            self._lines[here] = line
            members[name] = self._value(here)
        return members

    def _list(self, keys: Keys) -> list[Any]:
        members: list[Any] = []
        while not self._closed("]", first=not members):
            members.append(self._value((*keys, str(len(members)))))
        return members

    def _closed(self, bracket: str, *, first: bool) -> bool:
        """Go to the next member, or behind the bracket that ends them."""
        self._skip()
        comma = self._text[self._at : self._at + 1] == ","
        if comma and not first:
            self._at += 1
            self._skip()
        if self._text[self._at : self._at + 1] == bracket:
            self._at += 1
            return True
        if self._at >= len(self._text):
            self._fail(f"the end of the file comes before the closing {bracket}")
        if not (comma or first):
            self._fail("a comma is missing before this")
        return False

    def _scalar(self) -> Any:
        start = self._at
        try:
            value, self._at = self._decoder.raw_decode(self._text, start)
        except json.JSONDecodeError as error:
            if self._text[start : start + 1] != '"':
                self._fail("a value is expected here (texts need double quotes)")
            if error.msg.startswith("Unterminated"):
                self._fail("this text has no end: a double quote is missing")
            self._at = error.pos
            self._fail("the backslash begins nothing that is known: write two for one")
        except ValueError:  # a number with thousands of digits
            self._fail("this number is too large")
        if isinstance(value, str) and self._expand:
            return VARIABLE.sub(self._expand, value)
        return value

    def _variable(self, variable: "re.Match[str]") -> Any:
        """The value of a variable that stands for a value, not for a part of a text."""
        assert self._expand is not None  # noqa: S101 - for the type checker
        try:
            value = parse(self._expand(variable)).value
        except BadSyntax:
            self._fail(
                f"the environment variable {variable[1]} holds no JSON value "
                f'(if it is a text, write "{variable[0]}")'
            )
        self._at = variable.end()
        return value

    def _skip(self) -> None:
        """Go behind blanks and comments."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            if blank:
                self._at = blank.end()
            if self._text.startswith("//", self._at):
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif self._text.startswith("/*", self._at):
                end = self._text.find("*/", self._at + 2)
                if end < 0:
                    self._fail("this comment has no end: */ is missing")
                self._at = end + 2
            else:
                return

    def _no_constant(self, word: str) -> NoReturn:
        raise json.JSONDecodeError(f"{word} is not JSON", self._text, self._at)

    def _place(self, position: int) -> tuple[int, int]:
        """The line and the column of a position, counted from 1."""
        row = bisect_left(self._ends, position)
        begin = self._ends[row - 1] + 1 if row else 0
        return row + 1, position - begin + 1

    def _fail(self, reason: str) -> NoReturn:
        raise BadSyntax(reason, *self._place(self._at))
