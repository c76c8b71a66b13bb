"""Values of Lua and of JSON, one from the other."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

Table = Any
"""A table of Lua: lupa's class is made when the machine is."""

DEEPEST = 100
"""How deep tables may lie within each other: a table that holds itself has no end."""

_LARGEST = 1 << 63
_DECIMAL = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
_WHOLE = re.compile(r"\s*[-+]?\d+\s*")
_HEXADECIMAL = re.compile(r"\s*[-+]?0[xX][0-9a-fA-F]+\s*")


class NoJson(ValueError):
    """A value that cannot be written as JSON."""


def to_lua(value: Any, table: Callable[[Mapping[Any, Any]], Table]) -> Any:
    """A value of JSON for Lua: texts as UTF-8, null as nil, which leaves a gap in a table.

    Args:
        value: the value.
        table: makes a table of Lua from its keys and values.
    """
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, Mapping):
        return table({to_lua(str(key), table): to_lua(it, table) for key, it in value.items()})
    if isinstance(value, list | tuple):
        return table({place: to_lua(it, table) for place, it in enumerate(value, 1)})
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return float(value)
    return value


def parse_json(text: bytes, table: Callable[[Mapping[Any, Any]], Table]) -> tuple[bool, Any]:
    """Whether a text is JSON, and its value for Lua."""
    try:
        return True, to_lua(json.loads(text), table)
    except (ValueError, RecursionError):
        return False, None


def dump_json(
    value: Any, kind_of: Callable[[Any], str | None], *, keep_strings: bool
) -> tuple[bool, bytes]:
    """Whether a value can be written as JSON, and its text, or the reason.

    As in Orthanc, a table whose keys are 1, 2, 3 and so on is an array, and an empty one too; and
    a text that looks like a number becomes one, unless ``keep_strings``.
    """
    try:
        plain = to_json(value, kind_of, keep_strings=keep_strings)
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except NoJson as error:
        return False, str(error).encode()
    return True, text.encode()


def to_json(
    value: Any, kind_of: Callable[[Any], str | None], *, keep_strings: bool, depth: int = 0
) -> Any:
    """A value of Lua as one of JSON; what JSON cannot say, such as a function, is null."""
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
        return text if keep_strings else _number_or(text)
    if isinstance(value, float):
        return _number(value)
    if value is None or isinstance(value, int):
        return value
    if kind_of(value) != "table":
        return None
    if depth == DEEPEST:
        raise NoJson(f"tables lie more than {DEEPEST} deep within each other")
    members = {
        key: to_json(it, kind_of, keep_strings=keep_strings, depth=depth + 1)
        for key, it in value.items()
    }
    if all(type(key) is int for key in members) and set(members) == set(range(1, len(members) + 1)):
        return [members[place] for place in sorted(members)]
    return {_name(key): it for key, it in members.items()}


def text_of(value: Any) -> str:
    """A text of Lua; what is no UTF-8 is replaced."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _name(key: Any) -> str:
    return text_of(_number(key) if isinstance(key, float) else key)


def _number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < _LARGEST else value


def _number_or(text: str) -> str | float | int | None:
    if _WHOLE.fullmatch(text):
        return int(text) if len(text) < 1000 else text
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16) if len(text) < 1000 else text
    return _number(float(text)) if _DECIMAL.fullmatch(text) else text
