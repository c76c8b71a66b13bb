import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.actors.lua.machine import LuaMachine


class Quiet:
    """A host that does nothing."""

    def say(self, way, text):
        raise AssertionError(text)

    call_failed = wait = set_credentials = set_timeout = None


MACHINE = LuaMachine(Quiet(), configuration={})
MACHINE.load(b"function again(v) return DumpJson(v, true) end", "again.lua")

SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
# An empty object is an empty array to Lua, and null leaves a gap.
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(st.text(), inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_json_holds_comes_back_from_lua(value):
    assert json.loads(MACHINE.call(1, "again", value).value) == value


@pytest.mark.parametrize(
    ("value", "again"),
    [({}, []), ([], []), ([1, None, 2], {"1": 1, "3": 2}), ({"a": None}, []), (2.0, 2)],
)
def test_what_lua_cannot_tell_apart(value, again):
    assert json.loads(MACHINE.call(1, "again", value).value) == again


@given(st.text())
def test_a_text_that_looks_like_a_number_becomes_one_as_lua_sees_it(text):
    MACHINE.load(b"function plain(v) return DumpJson(v), tonumber(v) ~= nil end", "plain.lua")

    dumped = json.loads(MACHINE.call(1, "plain", text).value)

    assert (dumped == text) or not isinstance(dumped, str)


@given(st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_text_becomes_that_number(number):
    MACHINE.load(b"function plain(v) return DumpJson(v) end", "plain.lua")

    assert json.loads(MACHINE.call(1, "plain", repr(number)).value) == number
