import dataclasses
import importlib
import inspect
import itertools
import pickle
import pkgutil
import struct
import types
import typing
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import repertory.actors.messages
from repertory import errors
from repertory.actors.messages.base import Message
from repertory.actors.messages.instances import RecordInstance
from repertory.actors.portal.frames import BrokenFrame, Defect, FrameReader, encode, portable
from repertory.conf.settings import Settings
from repertory.errors import Failed, RepertoryError, ShuttingDown, UnknownResource
from repertory.model import StoreReceipt

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def of_type(kind):  # noqa: C901 - a case for each kind of type
    """Values of a type that a message's field may have."""
    if kind is typing.Any or kind is object:
        return JSON
    if isinstance(kind, typing.NewType):
        return of_type(kind.__supertype__)
    if dataclasses.is_dataclass(kind):
        return built(kind)
    origin, words = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(of_type, words))
    if origin is tuple:
        if len(words) == 2 and words[1] is Ellipsis:
            return st.lists(of_type(words[0]), max_size=3).map(tuple)
        return st.tuples(*map(of_type, words))
    if origin is list:
        return st.lists(of_type(words[0]), max_size=3)
    if origin in (frozenset, set):
        return st.frozensets(of_type(words[0]), max_size=3)
    if origin in (dict, Mapping):
        return st.dictionaries(of_type(words[0]), of_type(words[1]), max_size=3)
    if kind is Path:
        return st.text().map(Path)
    if kind is float:
        return st.floats(allow_nan=False)
    return st.from_type(kind)


def built(kind):
    hints = typing.get_type_hints(kind)
    return st.builds(
        kind, **{field.name: of_type(hints[field.name]) for field in dataclasses.fields(kind)}
    )


def words_in(package):
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        module = importlib.import_module(info.name)
        for kind in vars(module).values():
            if inspect.isclass(kind) and kind.__module__ == module.__name__:
                yield kind


MESSAGES = sorted(
    (kind for kind in words_in(repertory.actors.messages) if dataclasses.is_dataclass(kind)),
    key=lambda kind: kind.__name__,
)
ERRORS = sorted(
    (
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, RepertoryError)
    ),
    key=lambda kind: kind.__name__,
)


def read(*pieces):
    reader = FrameReader()
    return [letter for piece in pieces for letter in reader.feed(piece)]


def test_every_message_is_looked_at():
    assert len(MESSAGES) > 100
    assert sum(issubclass(kind, Message) for kind in MESSAGES) > 90


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@settings(max_examples=15)
@given(data=st.data())
def test_every_message_arrives_as_it_was_sent(kind, data):
    message = data.draw(built(kind))

    (arrived,) = read(encode(message))

    assert arrived == message
    assert type(arrived) is kind


@pytest.mark.parametrize("kind", [RecordInstance, StoreReceipt])
@settings(max_examples=100)
@given(data=st.data())
def test_what_every_file_takes_arrives_whole_and_is_shorter(kind, data):
    letter = data.draw(built(kind))

    (arrived,) = read(encode(letter))

    assert arrived == letter
    assert repr(arrived) == repr(letter)  # the same types, too
    assert len(encode(letter)) < len(pickle.dumps(letter, protocol=5))


@given(letters=st.lists(JSON, max_size=5), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_letters_are_put_together_from_any_pieces(letters, cuts):
    stream = b"".join(encode(letter) for letter in letters)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]

    assert read(*pieces) == letters


def test_a_long_letter_comes_in_many_pieces():
    content = bytes(range(256)) * 20_000
    frame = encode(content)

    assert read(*(frame[at : at + 65_536] for at in range(0, len(frame), 65_536))) == [content]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_arrives_as_what_it_was(kind):
    (arrived,) = read(encode(portable(kind("what happened"))))

    assert type(arrived) is kind
    assert str(arrived) == "what happened"


def test_an_error_leaves_its_causes_at_home():
    error = UnknownResource()
    error.__cause__ = ValueError("SECRET^NAME")

    assert b"SECRET" not in encode(portable(error))


def test_a_bug_arrives_as_one_without_its_words():
    (arrived,) = read(encode(portable(KeyError("SECRET^NAME"))))

    assert type(arrived) is Defect
    assert str(arrived) == "KeyError"


def test_an_error_of_a_stopping_actor_arrives_as_one_that_the_other_side_knows():
    class ActorGone(ShuttingDown):
        pass

    assert type(portable(ActorGone("it stops"))) is ShuttingDown


def test_an_error_that_cannot_be_written_arrives_as_a_failure():
    class Peculiar(RepertoryError):
        def __init__(self):
            super().__init__("too much")
            self.held = lambda: None

    arrived = portable(Peculiar())

    assert type(arrived) is Failed
    assert str(arrived) == "too much"


def test_the_settings_arrive_as_they_are():
    wanted = Settings(registered_users={"a": "b"}, name="X")

    assert read(encode(wanted)) == [wanted]


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack("!I", 0xFFFFFFFF),
        struct.pack("!I", 5) + b"hello",
        struct.pack("!I", 0),
        struct.pack("!I", 20) + pickle.dumps(["cut"])[:-1] + bytes(20),
        b"GET / HTTP/1.1\r\n\r\n" + bytes(1 << 20),
    ],
)
def test_what_is_no_letter_is_told(frame):
    with pytest.raises(BrokenFrame):
        read(frame)


@given(st.binary(min_size=1, max_size=200))
def test_no_bytes_make_the_reader_fail_in_another_way(content):
    with suppress(BrokenFrame):
        read(content)
