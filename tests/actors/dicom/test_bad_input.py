import socket
import struct

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from repertory.actors.messages.resources import ListResources
from repertory.model import Level
from repertory.testing.files import make_dicom
from repertory.testing.server import until

MR = "1.2.840.10008.5.1.4.1.1.4"
VERIFICATION = "1.2.840.10008.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"

pytestmark = pytest.mark.usefixtures("no_thread_stays")


@pytest.fixture(params=[False, True], ids=["here", "elsewhere"])
def elsewhere(request):
    """Both bear the same."""
    return request.param


def item(kind, content):
    return struct.pack(">BBH", kind, 0, len(content)) + content


def associate(sop_class=MR, syntax=EXPLICIT):
    """An A-ASSOCIATE-RQ PDU (PS3.8 9.3.2)."""
    context = bytes((1, 0, 0, 0)) + item(0x30, sop_class.encode()) + item(0x40, syntax.encode())
    user = item(0x51, struct.pack(">I", 16384)) + item(0x52, b"2.25.1")
    body = (
        struct.pack(">HH", 1, 0)
        + b"ORTHANC".ljust(16)
        + b"RAW".ljust(16)
        + bytes(32)
        + item(0x10, b"1.2.840.10008.3.1.1.1")
        + item(0x20, context)
        + item(0x50, user)
    )
    return struct.pack(">BBI", 1, 0, len(body)) + body


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def read_pdu(connection):
    """The type of the next PDU; ``None`` where the connection ends."""
    head = connection.recv(6, socket.MSG_WAITALL)
    if len(head) < 6:
        return None
    connection.recv(struct.unpack(">I", head[2:])[0], socket.MSG_WAITALL)
    return head[0]


def is_well(server):
    assert server.peer(VERIFICATION).send_c_echo().Status == 0x0000


def is_cut_off(connection):
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


def test_a_connection_that_says_nothing_is_closed(server):
    server.start(timeout=0.3)

    with connect(server) as connection:
        assert is_cut_off(connection)

    until(lambda: server.open_associations() == 0)
    server.stop()


def test_an_association_that_says_nothing_is_aborted(server):
    server.start(timeout=0.3)

    with connect(server) as connection:
        connection.sendall(associate())
        assert read_pdu(connection) == 0x02  # accepted
        assert read_pdu(connection) == 0x07  # aborted

    until(lambda: server.open_associations() == 0)
    server.stop()


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(100),
        b"\xff" * 100,
        struct.pack(">BBI", 1, 0, 0xFFFFFFFF) + bytes(10),
        struct.pack(">BBI", 1, 0, 4) + bytes(4),
        struct.pack(">BBI", 9, 0, 4) + bytes(4),
        associate()[:-3] + b"\xff\xff\xff",
        associate()[:40],
    ],
    ids=[
        "HTTP",
        "zeros",
        "ones",
        "endless request",
        "empty request",
        "unknown PDU",
        "damaged request",
        "half a request",
    ],
)
def test_what_is_not_the_protocol_ends_its_own_connection_alone(server, words):
    server.start(timeout=0.5)

    with connect(server) as connection:
        connection.sendall(words)
        assert is_cut_off(connection)

    is_well(server)
    server.close()


def test_a_pdu_that_lies_about_its_length_costs_no_memory_and_no_thread(server):
    server.start(timeout=0.5)

    with connect(server) as connection:
        connection.sendall(associate())
        assert read_pdu(connection) == 0x02
        connection.sendall(struct.pack(">BBI", 4, 0, 0xFFFFFFF0) + bytes(100))
        assert is_cut_off(connection)

    is_well(server)
    server.close()


@pytest.mark.parametrize("threshold", [10_000, 1 << 20])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_connection_that_breaks_within_an_instance_leaves_nothing(server, part, threshold):
    stage = server.start(spool_threshold=threshold).stage
    before = server.archive.files()
    sent = []
    association = server.peer(MR)
    reader = association.dul.socket
    original = reader.send

    def until_then(data):
        sent.append(data)
        if sum(map(len, sent)) > 40_000 * part:
            connection = reader.socket
            connection.shutdown(socket.SHUT_RDWR)
            reader.close()
            connection.close()  # pynetdicom leaves open what was shut down before
            return
        original(data)

    reader.send = until_then
    content = dcmread(DicomBytesIO(make_dicom(size=40_000)))
    association.dimse_timeout = 5
    assert "Status" not in association.send_c_store(content)

    until(lambda: server.open_associations() == 0)
    assert stage.ask(ListResources(level=Level.INSTANCE)) == ()
    assert server.archive.files() == before
    until(lambda: server.archive.staged() == set())
    server.close()


def test_unknown_abstract_syntaxes_are_refused_one_by_one(server):
    server.start()

    association = server.peer(VERIFICATION, "1.2.3.4", "1.2.840.10008.5.1.1.9")

    assert [it.abstract_syntax for it in association.accepted_contexts] == [VERIFICATION]
    assert [it.result for it in association.rejected_contexts] == [3, 3]
    server.close()


def test_more_associations_than_there_may_be_are_turned_away(server):
    server.start(associations=2, timeout=5)
    connections = [connect(server) for _ in range(2)]
    for connection in connections:
        connection.sendall(associate(VERIFICATION))
    assert [read_pdu(it) for it in connections] == [0x02, 0x02]

    with connect(server) as another:
        another.sendall(associate(VERIFICATION))
        assert read_pdu(another) == 0x03  # rejected

    for connection in connections:
        connection.close()
    until(lambda: server.open_associations() == 0)
    is_well(server)
    server.close()


def test_a_crowd_of_connections_is_cut_off_and_forgotten(server):
    server.start(associations=4, timeout=1)
    crowd = [connect(server) for _ in range(200)]
    until(lambda: 0 < server.open_associations() <= 20)

    for connection in crowd:
        connection.close()

    until(lambda: server.open_associations() == 0)
    is_well(server)
    server.close()


def test_a_server_stops_while_associations_are_open(server):
    server.start()
    connections = [connect(server) for _ in range(3)]
    for connection in connections:
        connection.sendall(associate(VERIFICATION))
    assert [read_pdu(it) for it in connections] == [0x02] * 3

    server.stop()

    assert all(is_cut_off(it) for it in connections)
    for connection in connections:
        connection.close()
