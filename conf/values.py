"""From JSON values to the types that options are declared with."""

import json
import math
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin


class Mismatch(ValueError):
    """A value is not of an option's type.

    ``inner`` are the names that lead from the option to the value; ``text`` says what it must
    be, as the end of a sentence; ``value`` is what it is.
    """

    def __init__(self, text: str, value: Any, inner: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.value = value
        self.inner = inner


def convert(value: Any, annotation: Any) -> Any:
    """Give a JSON value the type of ``annotation``.

    A whole number may be written as ``60.0``; true and false are no numbers, and numbers are not
    true or false: Orthanc refuses them too.

    Raises:
        Mismatch: it cannot be done without guessing.
    """
    if annotation is Any:
        return value
    origin = get_origin(annotation) or annotation
    if origin in (Union, types.UnionType):
        return _convert_union(value, get_args(annotation))
    return _CONVERTERS[origin](value, get_args(annotation))


def show(value: Any) -> str:
    """A value as it would be written in the configuration, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def describe(annotation: Any) -> str:
    """A type in the words of the configuration: ``whole number``."""
    if hasattr(annotation, "__section__"):
        return "object"
    origin = get_origin(annotation) or annotation
    if origin in (Union, types.UnionType):
        return " or ".join(describe(member) for member in get_args(annotation))
    members = get_args(annotation)
    if origin is dict and members[1] is not Any:
        return f"object of {describe(members[1])}s"
    if origin in (list, tuple) and members:
        return f"list of {describe(members[0])}s"
    return _WORDS[origin]


def _convert_union(value: Any, members: tuple[Any, ...]) -> Any:
    failures = []
    for member in members:
        try:
            return convert(value, member)
        except Mismatch as failure:
            failures.append(failure)
    # The deepest failure is about the member that was meant.
    deepest = max(failures, key=lambda failure: len(failure.inner))
    if deepest.inner:
        raise deepest
    wanted = [failure.text for failure in failures if failure.text != _NULL]
    raise Mismatch(" or ".join(wanted), value)


def _boolean(value: Any, _members: tuple[Any, ...]) -> bool:
    if not isinstance(value, bool):
        raise Mismatch("true or false", value)
    return value


def _integer(value: Any, _members: tuple[Any, ...]) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Mismatch("a whole number", value)
    return value


def _number(value: Any, _members: tuple[Any, ...]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Mismatch("a number", value)
    return float(value)


def _text(value: Any, _members: tuple[Any, ...]) -> str:
    if not isinstance(value, str):
        raise Mismatch("a text in double quotes", value)
    return value


def _nothing(value: Any, _members: tuple[Any, ...]) -> None:
    if value is not None:
        raise Mismatch(_NULL, value)


def _object(value: Any, members: tuple[Any, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Mismatch("an object in braces", value)
    annotation = members[1] if members else Any
    return {name: _member(item, annotation, name) for name, item in value.items()}


def _list(value: Any, members: tuple[Any, ...]) -> list[Any]:
    if not isinstance(value, list):
        raise Mismatch("a list in brackets", value)
    annotation = members[0] if members else Any
    return [_member(item, annotation, str(place)) for place, item in enumerate(value, start=1)]


def _tuple(value: Any, members: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_list(value, members))


def _member(value: Any, annotation: Any, name: str) -> Any:
    try:
        return convert(value, annotation)
    except Mismatch as failure:
        raise Mismatch(failure.text, failure.value, (name, *failure.inner)) from None


_NULL = "null"

_CONVERTERS: dict[Any, Callable[[Any, tuple[Any, ...]], Any]] = {
    bool: _boolean,
    int: _integer,
    float: _number,
    str: _text,
    dict: _object,
    list: _list,
    tuple: _tuple,
    types.NoneType: _nothing,
}

_WORDS = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    dict: "object",
    list: "list",
    tuple: "list",
    types.NoneType: "null",
}
