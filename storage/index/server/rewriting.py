"""Statements in SQLite's words, taken apart so that they can be put in another database's."""

import re
from collections.abc import Callable, Iterator, Mapping

Rewrite = Callable[[list[str]], str]
"""Makes the text of a call of its arguments, which are rewritten already."""

_WORD = re.compile(r"'(?:[^']|'')*'|[A-Za-z_][A-Za-z_0-9]*|[(),]|.", re.DOTALL)
_COMMENT = re.compile(r"--[^\n]*")


def rewrite_calls(sql: str, rewrites: Mapping[str, Rewrite]) -> str:
    """Replace calls such as ``json_extract(a, b)``, the innermost first; case counts.

    Args:
        sql: a statement, or a part of one.
        rewrites: by the name of a function, what becomes of a call.
    """
    if not any(f"{name}(" in sql for name in rewrites):
        return sql
    return _Rewriter(sql, rewrites).text()


class _Rewriter:
    def __init__(self, sql: str, rewrites: Mapping[str, Rewrite]) -> None:
        self._tokens = _WORD.findall(sql)
        self._rewrites = rewrites
        self._place = 0

    def text(self) -> str:
        parts = []
        while self._place < len(self._tokens):
            parts.append(self._next())
        return "".join(parts)

    def _next(self) -> str:
        word: str = self._tokens[self._place]
        self._place += 1
        is_call = self._place < len(self._tokens) and self._tokens[self._place] == "("
        rewrite = self._rewrites.get(word)
        if rewrite is None or not is_call:
            return word
        self._place += 1
        return rewrite(self._arguments())

    def _arguments(self) -> list[str]:
        found = [""]
        depth = 0
        while True:
            word = self._tokens[self._place]
            if word == ")" and depth == 0:
                self._place += 1
                return [each.strip() for each in found]
            depth += (word == "(") - (word == ")")
            if word == "," and depth == 0:
                self._place += 1
                found.append("")
            else:
                found[-1] += self._next()


def number_marks(sql: str) -> str:
    """``$1``, ``$2`` and so on in the place of each ``?``."""
    parts = re.split(r"('(?:[^']|'')*'|\?)", sql)
    number = 0
    for place, part in enumerate(parts):
        if part == "?":
            number += 1
            parts[place] = f"${number}"
    return "".join(parts)


def statements_in(script: str) -> Iterator[str]:
    """The statements of a script, without comments; a trigger is one, with those in it."""
    rest = _COMMENT.sub("", script)
    statement = ""
    in_trigger = False
    for word in re.findall(r"'(?:[^']|'')*'|[A-Za-z_]+|;|[^A-Za-z_';]+", rest):
        statement += word
        if word == "BEGIN":
            in_trigger = True
        elif word == "END" and in_trigger and not _is_case(statement):
            in_trigger = False
        elif word == ";" and not in_trigger:
            if text := statement.strip(" \n;"):
                yield text
            statement = ""
    if statement.strip():
        yield statement.strip()


def _is_case(statement: str) -> bool:
    """Whether the END at the end belongs to a CASE."""
    body = statement.partition("BEGIN")[2]
    return len(re.findall(r"\bCASE\b", body)) >= len(re.findall(r"\bEND\b", body))


def split_list(text: str) -> list[str]:
    """The parts of a list between commas, where these are not within brackets or quotes."""
    parts = [""]
    depth = 0
    for word in _WORD.findall(text):
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += word
    return [part.strip() for part in parts if part.strip()]


def json_path(literal: str) -> list[str]:
    """The steps of a path: ``'$."15"[0]'`` leads to ``15``, then ``0``."""
    return [
        quoted or plain or number
        for quoted, plain, number in re.findall(
            r'\."([^"]*)"|\.([A-Za-z_]+)|\[(\d+)\]', literal.strip("'")
        )
    ]
