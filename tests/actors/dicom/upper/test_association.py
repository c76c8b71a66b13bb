import socket
import struct
from contextlib import closing
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import P_DATA_TF

from repertory.actors.dicom.upper import stream as upper_stream
from repertory.actors.dicom.upper.association import LARGEST_IN_MEMORY, Association, Context
from repertory.actors.dicom.upper.commands import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_STORE_RQ,
    RESPONSE,
    write_command,
)
from repertory.actors.dicom.upper.pdus import (
    BadPdu,
    Fragmenter,
    abort,
    fragments,
    release_reply,
    release_request,
)
from repertory.actors.dicom.upper.stream import Ended, PduStream, Silent

CONTEXT = Context(1, "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1", as_scu=True)
OTHER = Context(3, "1.2.840.10008.1.1", "1.2.840.10008.1.2")
CONTEXTS = {it.number: it for it in (CONTEXT, OTHER)}
ECHO = {"CommandField": C_ECHO_RQ, "MessageID": 7, "AffectedSOPClassUID": "1.2.840.10008.1.1"}
STORE = {"CommandField": C_STORE_RQ, "MessageID": 8}


class Pair:
    """An association, and the bare connection at its other end."""

    def __init__(self, *, timeout=5.0, largest=16384):
        ours, self.peer = socket.socketpair()
        self.peer.settimeout(5)
        self.stream = PduStream(ours, timeout=timeout)
        self.association = Association(self.stream, CONTEXTS, largest=largest)

    def close(self):
        self.stream.close()
        self.peer.close()


@pytest.fixture
def pair():
    with closing(Pair()) as pair:
        yield pair


def pdu(*items):
    """A P-DATA-TF of (context, control, content)."""
    body = b"".join(
        struct.pack(">IBB", len(content) + 2, number, control) + content
        for number, control, content in items
    )
    return struct.pack(">BxI", 4, len(body)) + body


def command(fields, *, has_data=False):
    return write_command(fields, has_data=has_data)


def message(fields, data=None, *, context=CONTEXT, largest=16384):
    cut = Fragmenter(largest)
    parts = [*cut.command(context.number, command(fields, has_data=data is not None))]
    if data is not None:
        parts += cut.data(context.number, data)
    return b"".join(parts)


def read_all(association):
    return list(iter(association.receive, None))


@given(
    st.binary(min_size=1, max_size=300).map(bytes),
    st.binary(max_size=300),
    st.integers(min_value=16, max_value=600),
)
def test_a_small_message_has_one_pdu_that_pynetdicom_reads(content, data, largest):
    whole = Fragmenter(largest).both(5, content, data)

    if whole is None:
        assert len(content) + len(data) + 12 > (largest - 6) // 2 * 2 + 6
        return
    read = P_DATA_TF()
    read.decode(whole)
    assert len(whole) - 6 == struct.unpack_from(">I", whole, 2)[0] <= largest
    assert [it.context_id for it in read.presentation_data_value_items] == [5, 5]
    assert [it.presentation_data_value for it in read.presentation_data_value_items] == [
        b"\x03" + content,
        b"\x02" + data,
    ]
    assert [(control, bytes(it)) for _, control, it in fragments(memoryview(whole)[6:])] == [
        (3, content),
        (2, data),
    ]


@given(
    st.binary(max_size=5000), st.integers(7, 600).filter(lambda it: it >= 8), st.integers(1, 255)
)
def test_pieces_are_what_pynetdicom_reads_and_no_longer_than_they_may_be(content, largest, number):
    stream = b"".join(Fragmenter(largest).data(number, content))
    found, last = b"", []
    while stream:
        (length,) = struct.unpack_from(">I", stream, 2)
        assert length <= largest
        read = P_DATA_TF()
        read.decode(stream[: 6 + length])
        for item in read.presentation_data_value_items:
            assert item.context_id == number
            last.append(item.message_control_header_byte)
            found += item.presentation_data_value[1:]
        ours = list(fragments(memoryview(stream[6 : 6 + length])))
        assert [bytes(it) for _, _, it in ours] == [
            it.presentation_data_value[1:] for it in read.presentation_data_value_items
        ]
        stream = stream[6 + length :]

    assert found == content
    assert last == ["00000000"] * (len(last) - 1) + ["00000010"]


@pytest.mark.parametrize("largest", [1, 5, 7])
def test_pdus_that_hold_nothing_are_refused(largest):
    with pytest.raises(BadPdu):
        Fragmenter(largest)


@pytest.mark.parametrize("largest", [8, 64, 16384])
@pytest.mark.parametrize("size", [0, 1, 100, 100_000])
def test_a_message_comes_as_it_was_sent_however_it_is_cut(pair, largest, size):
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    pair.peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    pair.peer.sendall(message(STORE, content, largest=largest) + message(ECHO))

    first, second = pair.association.receive(), pair.association.receive()

    assert (first.command["MessageID"], first.data) == (8, content)
    assert (second.command["MessageID"], second.data) == (7, None)


def test_a_message_may_share_its_pdu_with_the_next(pair):
    both = pdu((1, 3, command(STORE, has_data=True)), (1, 2, b"ab"), (3, 3, command(ECHO)))
    pair.peer.sendall(both)

    assert pair.association.receive().data == b"ab"
    assert pair.association.receive().context is OTHER


def test_it_is_known_whether_anything_of_a_further_message_was_read(pair):
    association, echo = pair.association, command(ECHO)
    pair.peer.sendall(pdu((3, 3, echo), (3, 3, echo)) + pdu((3, 3, echo)) + pdu((3, 1, echo[:5])))

    known = []
    for _ in range(3):
        association.receive()
        known.append(association.is_between_messages)
    pair.peer.sendall(pdu((3, 3, echo[5:])))
    association.receive()

    assert known == [False, False, False]
    assert association.is_between_messages
    pair.peer.sendall(release_request())
    assert association.receive() is None
    assert not association.is_between_messages


def test_messages_that_wait_are_sent_together_in_their_order(pair):
    for number in range(3):
        fields = {**ECHO, "MessageID": number}
        pair.association.send(CONTEXT, fields, b"ab", more=number < 2)

    received = pair.peer.recv(10_000)

    # Those of many have one PDU each; the last one, two, as old devices expect.
    words = [command({**ECHO, "MessageID": it}, has_data=True) for it in range(2)]
    together = [pdu((1, 3, it), (1, 2, b"ab")) for it in words]
    assert received == b"".join([*together, message({**ECHO, "MessageID": 2}, b"ab")])


def test_a_message_too_long_for_one_pdu_is_cut_as_ever():
    with closing(Pair(largest=64)) as pair:
        pair.association.send(CONTEXT, ECHO, bytes(100), more=True)
        pair.association.flush()

        assert pair.peer.recv(10_000) == message(ECHO, bytes(100), largest=64)


@pytest.mark.parametrize(
    "words",
    [
        pdu((5, 3, command(ECHO))),  # a context nobody agreed on
        pdu((1, 2, b"ab")),  # a data set without a command
        pdu((1, 3, command(STORE, has_data=True)), (3, 2, b"ab")),  # of another context
        pdu((1, 3, command(STORE, has_data=True)), (1, 3, command(ECHO))),  # none at all
        pdu((1, 1, command(ECHO)[:20]), (3, 3, command(ECHO)[20:])),  # a command of two contexts
        pdu((1, 3, b"no command")),
        pdu((1, 1, bytes(60_000))) * 2,  # a command without end
        struct.pack(">BxI", 4, 3) + bytes(3),  # half a head
        struct.pack(">BxIIBB", 4, 6, 1, 1, 3),  # shorter than it can be
        struct.pack(">BxIIBB", 4, 6, 900, 1, 3),  # longer than its PDU
        struct.pack(">BxI", 4, 0xFFFFFFF0),
        struct.pack(">BxI", 9, 4) + bytes(4),
        struct.pack(">BxI", 1, 4) + bytes(4),  # an association within an association
        pdu((1, 3, command(STORE, has_data=True))) + release_request(),
    ],
)
def test_what_breaks_the_protocol_is_refused(pair, words):
    pair.peer.sendall(words)

    with pytest.raises(BadPdu):
        pair.association.receive()


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=5), st.binary(max_size=40))
def test_whatever_comes_is_a_message_or_refused(bodies, rest):
    with closing(Pair()) as pair:
        for body in bodies:
            pair.peer.sendall(struct.pack(">BxI", 4, len(body)) + body)
        pair.peer.sendall(rest)
        pair.peer.shutdown(socket.SHUT_WR)

        with pytest.raises((BadPdu, Ended)):
            read_all(pair.association)


def test_an_identifier_without_end_is_refused(pair):
    sink = pair.association._sink(None)
    sink.write(memoryview(bytes(LARGEST_IN_MEMORY)))

    with pytest.raises(BadPdu):
        sink.write(memoryview(b"a"))


def test_a_release_is_agreed_to_after_what_came_before_it(pair):
    pair.peer.sendall(message(ECHO) + release_request())

    assert pair.association.receive() is not None
    assert pair.association.receive() is None
    pair.peer.shutdown(socket.SHUT_WR)
    pair.association.answer_release()
    assert pair.peer.recv(100) == release_reply()


@pytest.mark.parametrize("words", [b"", abort(), message(STORE, bytes(1000))[:-1]])
def test_who_breaks_off_is_gone(pair, words):
    pair.peer.sendall(words)
    pair.peer.shutdown(socket.SHUT_WR)

    with pytest.raises(Ended):
        pair.association.receive()


def test_who_is_silent_is_told_from_who_is_gone():
    with closing(Pair(timeout=0.01)) as pair, pytest.raises(Silent):
        pair.association.receive()


def test_who_does_not_listen_is_not_waited_for_without_end():
    with closing(Pair(timeout=0.01)) as pair, pytest.raises(Silent):
        pair.association.send(CONTEXT, STORE, bytes(8 << 20))


def test_a_request_within_time_is_not_stretched_by_bytes_that_trickle_in():
    with closing(Pair(timeout=60)) as pair:
        pair.peer.sendall(b"\1\0\0")

        with pytest.raises(Silent):
            pair.stream.read(within=0.01)


def test_a_cancel_is_noticed_while_something_is_answered(pair):
    assert not pair.association.is_cancelled(7)

    cancel = {"CommandField": C_CANCEL_RQ, "MessageIDBeingRespondedTo": 7}
    pair.peer.sendall(message(cancel) + message(ECHO))

    assert pair.association.is_cancelled(7)
    assert not pair.association.is_cancelled(8)
    assert pair.association.receive().command["MessageID"] == 7
    pair.association.forget_cancels()
    assert not pair.association.is_cancelled(7)


def test_who_asks_without_waiting_for_answers_is_refused_some_time(pair):
    pair.peer.sendall(message(ECHO) * 20)
    assert not pair.association.is_cancelled(1)  # looks only so far ahead
    many = pdu(*[(3, 3, command(ECHO))] * 50)
    pair.peer.sendall(many)

    with pytest.raises(BadPdu):
        read_all(pair.association)


def test_an_answer_to_our_own_request_may_come_after_a_cancel(pair):
    cancel = {"CommandField": C_CANCEL_RQ, "MessageIDBeingRespondedTo": 3}
    answer = {
        "CommandField": C_STORE_RQ | RESPONSE,
        "MessageIDBeingRespondedTo": 8,
        "Status": 0,
    }
    pair.peer.sendall(message(cancel) + message(answer))

    found = pair.association.call(CONTEXT, STORE, b"ab")

    assert found.command["Status"] == 0
    assert pair.association.is_cancelled(3)


def test_a_request_in_the_place_of_an_answer_is_refused(pair):
    pair.peer.sendall(message(ECHO))

    with pytest.raises(BadPdu):
        pair.association.call(CONTEXT, STORE, b"ab")


class Dripping(socket.socket):
    """A connection by which one byte comes in a second, as ``clock`` tells it."""

    seconds = 0.0

    def recv_into(self, buffer, *_):
        Dripping.seconds += 1
        buffer[:1] = b"\x04"
        return 1


def test_a_pdu_that_comes_byte_by_byte_is_not_waited_for_for_ever(monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: Dripping.seconds)
    monkeypatch.setattr(upper_stream, "time", clock)
    ours, theirs = socket.socketpair()
    with theirs, Dripping(fileno=ours.detach()) as connection, pytest.raises(Silent):
        PduStream(connection, timeout=3.0).read()

    assert Dripping.seconds == 5
