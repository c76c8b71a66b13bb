"""Others who do not answer, answer nonsense, or come in crowds; nothing of them stays."""

import selectors
import socket
import struct
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE, evt
from pynetdicom.presentation import StoragePresentationContexts

from repertory.actors.crew import ThreadCrew
from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.client_actor import DicomClientActor
from repertory.actors.dicom.options import AccessRules, ClientOptions
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.modalities import (
    EchoModality,
    GetResource,
    MoveResource,
    QueryModality,
    SendInstances,
)
from repertory.actors.messages.resources import ListResources
from repertory.errors import NetworkFailed
from repertory.modalities import Modality
from repertory.model import Level
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

HERE = "127.0.0.1"
VERIFICATION = "1.2.840.10008.1.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"
PUSH = "1.2.840.10008.1.20.1"
KEYS = {"StudyInstanceUID": "1.1"}


def sockets():
    """The sockets of this process."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@pytest.fixture(autouse=True)
def nothing_stays():
    """Afterwards there are no more threads and sockets than before."""
    threads, connections = set(threading.enumerate()), sockets()
    yield
    until(lambda: set(threading.enumerate()) <= threads)
    until(lambda: sockets() <= connections)


@pytest.fixture
def calling(server):
    """The archive, that calls somebody at a port, and waits for half a second."""
    port = free_port()
    book = ModalityBook({"other": Modality("OTHER", HERE, port)})
    calls = ClientOptions(timeout=0.5)
    content = make_dicom(study="1.1", instance="1.1.1")
    server.instance = server.stage.ask(StoreInstance(content=content)).ids.instance
    server.ref_of_client = server.stage.put_on(
        DicomClientActor, book=book, options=calls, crew=ThreadCrew(2, name="client")
    )
    server.other = port
    always = frozenset({"Echo", "Store", "Move"})
    server.start(calls=calls, access=AccessRules(modalities=book, always=always))
    yield server
    server.close()
    server.stage.take_off(server.ref_of_client)


def questions(server):
    return [
        EchoModality(target="other"),
        SendInstances(target="other", instances=(server.instance,)),
        QueryModality(modality="other", level=Level.STUDY, keys=KEYS),
        MoveResource(target="other", level=Level.STUDY, keys=KEYS),
        GetResource(target="other", level=Level.STUDY, keys=KEYS),
    ]


@contextmanager
def listener(port, words):
    """Somebody who takes connections, says something, and nothing more."""
    connections = []
    with socket.create_server((HERE, port)) as listening:

        def take():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                connections.append(connection)
                connection.sendall(words)

        taking = threading.Thread(target=take)
        taking.start()
        try:
            yield connections
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            taking.join(10)
            for connection in connections:
                connection.close()


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x02\x00\x00\x00\x00\x10" + bytes(16),
        b"\x02\x00\xff\xff\xff\xff",
        b"\x03\x00\x00\x00\x00\x04\x00\x01\x01\x01",
        b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00",
    ],
    ids=["nothing", "HTTP", "damaged", "endless", "rejection", "abort"],
)
def test_who_does_not_take_our_association_is_given_up(calling, words):
    with listener(calling.other, words):
        for question in questions(calling):
            with pytest.raises(NetworkFailed):
                calling.stage.ask(question)


class Slow:
    """Somebody who takes associations, and answers nothing until told to."""

    def __init__(self, port):
        self.port = port
        self.may_go_on = threading.Event()

    def wait(self, _event):
        self.may_go_on.wait(30)
        return 0x0000

    def wait_and_yield(self, event):
        self.wait(event)
        yield 0x0000, None

    @contextmanager
    def listening(self):
        entity = AE("OTHER")
        for sop_class in (VERIFICATION, STUDY_FIND, STUDY_MOVE, STUDY_GET):
            entity.add_supported_context(sop_class)
        entity.add_supported_context(MR, scu_role=True, scp_role=True)
        server = entity.start_server(
            (HERE, self.port),
            block=False,
            evt_handlers=[
                (evt.EVT_C_ECHO, self.wait),
                (evt.EVT_C_STORE, self.wait),
                (evt.EVT_C_FIND, self.wait_and_yield),
                (evt.EVT_C_MOVE, self.wait_and_yield),
                (evt.EVT_C_GET, self.wait_and_yield),
            ],
        )
        try:
            yield self
        finally:
            self.may_go_on.set()
            until(lambda: server.active_associations == [])
            server.shutdown()


def test_who_answers_too_slowly_is_given_up(calling):
    with Slow(calling.other).listening():
        for question in questions(calling):
            with pytest.raises(NetworkFailed):
                calling.stage.ask(question)


def test_a_move_to_somebody_slow_ends_by_failures(calling):
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.StudyInstanceUID = "1.1"
    with Slow(calling.other).listening():
        association = calling.peer(STUDY_MOVE)
        status = list(association.send_c_move(asked, "OTHER", STUDY_MOVE))[-1][0]

    assert status.Status == 0xA702
    assert status.NumberOfFailedSuboperations == 1


def test_what_comes_by_c_get_under_a_wrong_name_is_not_archived(calling):
    def sends(event):
        content = dcmread(DicomBytesIO(make_dicom(study="1.1", instance="1.1.9")))
        content.file_meta.MediaStorageSOPInstanceUID = "1.1.8"
        yield 1
        # pynetdicom takes the names of the command from the data set: this one lies later.
        original = event.assoc.dimse.send_msg

        def lies(primitive, context_id):
            if type(primitive).__name__ == "C_STORE":
                primitive.AffectedSOPInstanceUID = "1.1.8"
            original(primitive, context_id)

        event.assoc.dimse.send_msg = lies
        yield 0xFF00, content

    entity = AE("OTHER")
    entity.add_supported_context(STUDY_GET)
    for context in StoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax, scu_role=True, scp_role=True)
    handlers = [(evt.EVT_C_GET, sends)]
    other = entity.start_server((HERE, calling.other), block=False, evt_handlers=handlers)
    question = GetResource(target="other", level=Level.STUDY, keys=KEYS, timeout=10)
    try:
        with pytest.raises(NetworkFailed, match="0 instances came, 1 did not"):
            calling.stage.ask(question)
    finally:
        other.shutdown()

    assert calling.stage.ask(ListResources(level=Level.INSTANCE)) == (calling.instance,)


def item(kind, content):
    return struct.pack(">BBH", kind, 0, len(content)) + content


def associate(sop_class=VERIFICATION):
    """An A-ASSOCIATE-RQ PDU (PS3.8 9.3.2)."""
    syntax = item(0x40, b"1.2.840.10008.1.2")
    context = bytes((1, 0, 0, 0)) + item(0x30, sop_class.encode()) + syntax
    user = item(0x51, struct.pack(">I", 16384)) + item(0x52, b"2.25.1")
    body = struct.pack(">HH", 1, 0) + b"ORTHANC".ljust(16) + b"RAW".ljust(16) + bytes(32)
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, context) + item(0x50, user)
    return struct.pack(">BBI", 1, 0, len(body)) + body


def test_five_hundred_associations_at_once_leave_nothing(server):
    server.start(associations=50, timeout=20.0)
    crowd = []
    answers = {}
    with selectors.DefaultSelector() as selector:
        for _ in range(500):
            connection = socket.create_connection((HERE, server.port), timeout=20)
            connection.sendall(associate())
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ)
            crowd.append(connection)
        while len(answers) < 500:
            ready = selector.select(timeout=20)
            assert ready, "somebody was not answered"
            for key, _ in ready:
                try:
                    answers[key.fileobj] = key.fileobj.recv(1)
                except ConnectionResetError:
                    answers[key.fileobj] = b""
                selector.unregister(key.fileobj)

    accepted = [it for it, word in answers.items() if word == b"\x02"]
    assert len(accepted) == 50
    assert set(answers.values()) <= {b"\x02", b"\x03", b""}  # accepted, rejected, cut off
    for connection in crowd:
        connection.close()
    until(lambda: server.open_associations() == 0)
    assert server.peer(VERIFICATION).send_c_echo().Status == 0x0000
    server.close()


def send_action(connection, content):
    """An N-ACTION request whose data set is what it is (PS3.7 10.3.5)."""

    def element(number, raw):
        return struct.pack("<HHI", 0, number, len(raw)) + raw

    def uid(text):
        return text.encode() + b"\0" * (len(text) % 2)

    elements = [
        element(0x0003, uid(PUSH)),
        element(0x0100, struct.pack("<H", 0x0130)),
        element(0x0110, struct.pack("<H", 1)),
        element(0x0800, struct.pack("<H", 0x0001)),
        element(0x1001, uid(f"{PUSH}.1")),
        element(0x1008, struct.pack("<H", 1)),
    ]
    command = b"".join(elements)
    command = element(0x0000, struct.pack("<I", len(command))) + command
    for control, piece in ((0x03, command), (0x02, content)):
        value = struct.pack(">IBB", len(piece) + 2, 1, control) + piece
        connection.sendall(struct.pack(">BBI", 4, 0, len(value)) + value)


@pytest.mark.parametrize(
    "content", [b"", b"\x08", b"\xff" * 100, b"\x08\x00\x99\x11\xff\xff\xff\xff", bytes(1000)]
)
def test_a_request_for_commitment_that_is_nonsense_harms_nobody(server, content):
    modality = Modality("RAW", HERE, 104)
    server.start(access=AccessRules(modalities={"raw": modality}), timeout=5.0)

    with socket.create_connection((HERE, server.port), timeout=10) as connection:
        connection.sendall(associate(PUSH))
        assert connection.recv(6, socket.MSG_WAITALL)[0] == 0x02
        connection.recv(4096)
        send_action(connection, content)
        assert connection.recv(1) in (b"\x04", b"\x07")  # an answer, or an abort

    until(lambda: server.open_associations() == 0)
    server.close()
