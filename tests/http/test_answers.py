import json
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.http.answers import to_json
from repertory.model import Level, ResourceId

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_json_is_written_as_orthanc_writes_it():
    value = {
        "Type": "Study",
        "ID": "é",
        "IsStable": True,
        "Labels": [],
        "Nothing": None,
        "Empty": {},
        "MainDicomTags": {"B": "2", "A": 'a "quoted" \\ word'},
        "Series": ["x", "y"],
        "Seq": 12,
    }

    assert to_json(value) == (
        b"{\n"
        b'   "Empty" : {},\n'
        b'   "ID" : "\\u00e9",\n'
        b'   "IsStable" : true,\n'
        b'   "Labels" : [],\n'
        b'   "MainDicomTags" : \n'
        b"   {\n"
        b'      "A" : "a \\"quoted\\" \\\\ word",\n'
        b'      "B" : "2"\n'
        b"   },\n"
        b'   "Nothing" : null,\n'
        b'   "Seq" : 12,\n'
        b'   "Series" : \n'
        b"   [\n"
        b'      "x",\n'
        b'      "y"\n'
        b"   ],\n"
        b'   "Type" : "Study"\n'
        b"}"
    )


@pytest.mark.parametrize("number", [23, 24, 60, 191, 192])
def test_what_has_many_members_is_written_like_what_has_few(number):
    few = {"A": "é", "B": {"C": [1, {}, []]}, "D": None, "E": 5, "F": [], "G": {}, "H": True}
    many = {f"{name}{copy:02}": it for name, it in few.items() for copy in range(30)}
    many = dict(list(many.items())[:number])
    one_by_one = [to_json({name: it})[2:-2] for name, it in sorted(many.items())]

    assert to_json(many) == b"{\n" + b",\n".join(one_by_one) + b"\n}"
    assert to_json(many) == to_json(dict(reversed(many.items())))
    assert to_json([many])[5:-2].replace(b"\n   ", b"\n") == to_json(many)


def test_objects_in_an_array_begin_on_its_lines():
    assert to_json([{"A": 1}, {}, [2]]) == (
        b'[\n   {\n      "A" : 1\n   },\n   {},\n   [\n      2\n   ]\n]'
    )


@given(JSON_VALUES)
def test_what_is_written_is_read_again(value):
    assert json.loads(to_json(value)) == value


@given(JSON_VALUES)
def test_what_is_written_is_ascii_and_ends_without_a_newline(value):
    written = to_json(value)

    assert written.isascii()
    assert not written.endswith(b"\n")


@given(st.dictionaries(st.text(), st.integers()))
def test_keys_are_sorted(value):
    assert list(json.loads(to_json(value))) == sorted(value)


def test_types_derived_from_those_of_json_are_written_as_those():
    class Number(IntEnum):
        SEVEN = 7

    class Word(str):
        __slots__ = ()

    value = {"number": Number.SEVEN, "level": Level.STUDY, "word": Word("w"), "id": ResourceId("x")}

    assert json.loads(to_json(value)) == {"number": 7, "level": 2, "word": "w", "id": "x"}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_json_cannot_hold_is_null(number):
    assert to_json([number]) == b"[\n   null\n]"


def test_what_is_no_json_at_all_is_a_mistake():
    with pytest.raises(TypeError):
        to_json({"when": object()})
