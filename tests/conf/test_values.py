from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.conf.values import Mismatch, convert, describe, show


@pytest.mark.parametrize(
    ("value", "annotation", "converted"),
    [
        (True, bool, True),
        (3, int, 3),
        (60.0, int, 60),
        (3, float, 3.0),
        ("x", str, "x"),
        ({"a": "b"}, dict[str, str], {"a": "b"}),
        ({"a": 1024.0}, dict[str, int], {"a": 1024}),
        ({"a": [1, {"b": None}]}, dict[str, Any], {"a": [1, {"b": None}]}),
        (["a"], list[str], ["a"]),
        (["a"], tuple[str, ...], ("a",)),
        (None, bool | None, None),
        (False, bool | None, False),
        ("Never", bool | str, "Never"),
        ({"a": ["b"]}, dict[str, list[str]] | None, {"a": ["b"]}),
    ],
)
def test_values_get_the_type_they_are_declared_with(value, annotation, converted):
    result = convert(value, annotation)

    assert (type(result), result) == (type(converted), converted)


@pytest.mark.parametrize(
    ("value", "annotation", "text", "inner"),
    [
        (1, bool, "true or false", ()),
        (0, bool | None, "true or false", ()),
        ("true", bool, "true or false", ()),
        (True, int, "a whole number", ()),
        (1.5, int, "a whole number", ()),
        ("60", int, "a whole number", ()),
        (float("inf"), int, "a whole number", ()),
        (True, float, "a number", ()),
        (float("inf"), float, "a number", ()),
        (3, str, "a text in double quotes", ()),
        (None, str, "a text in double quotes", ()),
        ([], dict[str, str], "an object in braces", ()),
        ({}, list[str], "a list in brackets", ()),
        ({"alice": 3}, dict[str, str], "a text in double quotes", ("alice",)),
        (["a", 2], list[str], "a text in double quotes", ("2",)),
        ({"a": [1]}, dict[str, list[str]], "a text in double quotes", ("a", "1")),
        ({"a": 1}, dict[str, str] | None, "a text in double quotes", ("a",)),
        (3, bool | str, "true or false or a text in double quotes", ()),
    ],
)
def test_values_of_another_type_are_refused_with_their_place(value, annotation, text, inner):
    with pytest.raises(Mismatch) as caught:
        convert(value, annotation)

    assert (caught.value.text, caught.value.inner) == (text, inner)


@given(st.integers(-(2**53), 2**53))
def test_whole_numbers_may_be_written_with_a_point(number):
    assert convert(float(number), int) == number


def test_types_are_described_in_the_words_of_the_configuration():
    assert describe(dict[str, int]) == "object of whole numbers"
    assert describe(bool | None) == "true or false or null"
    assert describe(list[str]) == "list of texts"
    assert describe(dict[str, Any]) == "object"


def test_long_values_are_shown_shortened():
    assert show("é") == '"é"'
    assert len(show("x" * 1000)) == 60
