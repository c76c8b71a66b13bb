import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.tag import Tag
from pynetdicom.dsutils import decode, encode

from repertory.actors.dicom.upper.commands import read_command, write_command
from repertory.actors.dicom.upper.pdus import BadPdu

numbers = st.integers(0, 0xFFFF)
uids = st.lists(st.integers(0, 10**9), min_size=1, max_size=6).map(
    lambda parts: ".".join(map(str, parts))
)
titles = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", min_size=1, max_size=16)
tags = st.lists(st.integers(0, 0xFFFFFFFF), min_size=2, max_size=4).map(tuple)
commands = st.fixed_dictionaries(
    {"CommandField": numbers},
    optional={
        "AffectedSOPClassUID": uids,
        "RequestedSOPClassUID": uids,
        "MessageID": numbers,
        "MessageIDBeingRespondedTo": numbers,
        "MoveDestination": titles,
        "Priority": st.integers(0, 2),
        "Status": numbers,
        "OffendingElement": tags,
        "ErrorComment": titles,
        "ErrorID": numbers,
        "AffectedSOPInstanceUID": uids,
        "RequestedSOPInstanceUID": uids,
        "EventTypeID": numbers,
        "AttributeIdentifierList": tags,
        "ActionTypeID": numbers,
        "NumberOfRemainingSuboperations": numbers,
        "NumberOfCompletedSuboperations": numbers,
        "NumberOfFailedSuboperations": numbers,
        "NumberOfWarningSuboperations": numbers,
        "MoveOriginatorApplicationEntityTitle": titles,
        "MoveOriginatorMessageID": numbers,
    },
)


def as_pydicom(command, *, has_data):
    found = Dataset()
    for keyword, value in command.items():
        setattr(found, keyword, list(value) if isinstance(value, tuple) else value)
    found.CommandDataSetType = 0x0001 if has_data else 0x0101
    found.CommandGroupLength = 0
    found.CommandGroupLength = len(encode(found, True, True)) - 12
    return encode(found, True, True)


@given(commands, st.booleans())
def test_what_is_written_is_what_pynetdicom_writes(command, has_data):
    assert write_command(command, has_data=has_data) == as_pydicom(command, has_data=has_data)


@given(commands, st.booleans())
def test_what_pynetdicom_writes_is_read(command, has_data):
    found = read_command(as_pydicom(command, has_data=has_data))

    assert found.pop("CommandDataSetType") == (0x0001 if has_data else 0x0101)
    assert found == command


@given(commands)
def test_what_is_written_is_read_by_pynetdicom(command):
    found = decode(BytesIO(write_command(command, has_data=False)), True, True)

    for keyword, value in command.items():
        element = found[keyword].value
        assert (tuple(map(Tag, value)) if isinstance(value, tuple) else value) == (
            tuple(element) if isinstance(value, tuple) else element
        )


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(content):
    try:
        command = read_command(content)
    except BadPdu:
        return
    assert {"CommandField", "CommandDataSetType"} <= command.keys()


@given(commands, st.data())
def test_a_command_that_is_cut_off_is_refused(command, data):
    whole = write_command(command, has_data=False)
    # The last element says whether a data set follows, or comes after that.
    end = data.draw(st.integers(0, len(whole) - 1))

    try:
        found = read_command(whole[:end])
    except BadPdu:
        return
    assert found.items() <= read_command(whole).items()  # cut between two elements


@pytest.mark.parametrize(
    "content",
    [
        b"",
        struct.pack("<HHIH", 0, 0x0100, 2, 1),  # says not whether a data set follows
        struct.pack("<HHIH", 8, 0x0100, 2, 1),  # of another group
        struct.pack("<HHII", 0, 0x0100, 4, 1),  # a number that is too long
        struct.pack("<HHI", 0, 0x0100, 0xFFFFFFFF),
    ],
)
def test_what_is_no_command_is_refused(content):
    with pytest.raises(BadPdu):
        read_command(content)
