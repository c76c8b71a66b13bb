"""Front-ends serve the associations over which instances come."""

import os
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE

from repertory.front_ends.process import DIRECT
from repertory.storage import dicom
from repertory.testing.dcmtk import find_tool
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

MR = "1.2.840.10008.5.1.4.1.1.4"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
CANNOT_UNDERSTAND = 0xC000
COUNT = 2
PATIENCE = 120
"""Seconds that an association may be idle: some wait here for dozens of others."""

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "send_fds"), reason="sockets cannot be handed to other processes here"
)


@pytest.fixture
def server(serve):
    return serve(
        FrontEndProcesses=COUNT,
        DicomServerEnabled=True,
        DicomPort=free_port(),
        DicomScpTimeout=PATIENCE,
    )


@pytest.fixture
def call(server):
    """Ask for an association, which is released at the end."""
    begun = []

    def associate(*classes):
        entity = AE("SENDER")
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = PATIENCE
        for sop_class in classes:
            entity.add_requested_context(sop_class)
        association = entity.associate("127.0.0.1", server.options["DicomPort"])
        assert association.is_established
        begun.append(association)
        return association

    associate.begun = begun
    associate(MR)  # while it is the only one it is the main process's
    yield associate
    for association in begun:
        if association.is_established:
            association.release()
        association.join(10)


def children(server):
    found = []
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        with suppress(FileNotFoundError):
            found += map(int, (task / "children").read_text().split())
    return found


def send(association, seed, *, without=None):
    instance = dcmread(DicomBytesIO(make_dicom(seed=seed)))
    if without is not None:
        del instance[without]
    return association.send_c_store(instance).Status


def told(server, event):
    return [it for it in server.events() if it["event"] == event]


def serves(server, association):
    """Which front-end refuses what is incomplete: it says so in the log."""
    before = len(told(server, "instance_refused"))
    assert send(association, 0, without="SeriesInstanceUID") == CANNOT_UNDERSTAND
    until(lambda: len(told(server, "instance_refused")) > before)
    return told(server, "instance_refused")[-1].get("front_end")


def test_associations_are_dealt_to_the_processes(server, call):
    associations = [call(MR) for _ in range(2 * COUNT)]

    assert sorted(serves(server, it) for it in associations) == [0, 0, 1, 1]
    assert serves(server, call(MR, STUDY_FIND)) is None  # the main process

    for number, association in enumerate(associations, start=1):
        assert send(association, number) == 0x0000
    assert len(server.get("/instances").json) == len(associations)


def test_more_associations_than_have_lines_of_their_own_to_the_index_are_served(server, call):
    count = COUNT * DIRECT + 4
    files = Path(f"/proc/{server.pid}/fd")
    before = len(list(files.iterdir()))
    associations = [call(MR) for _ in range(count)]
    for number, association in enumerate(associations, start=1):
        assert send(association, number) == 0x0000

    assert len(server.get("/instances").json) == count
    # All connections are open, and so many lines; each association has been answered.
    assert len(list(files.iterdir())) >= before + count + COUNT * DIRECT
    for association in associations:
        association.release()
    # Nothing is left of them: neither connections nor lines, but for what all share.
    until(lambda: len(list(files.iterdir())) < before + COUNT * DIRECT // 2)


def test_the_only_association_is_served_by_the_main_process(server, call):
    call(MR).release()
    (only,) = call.begun[:1]

    assert serves(server, only) is None
    assert send(only, 1) == 0x0000


def test_whoever_was_alone_moves_to_a_front_end_when_another_comes(server, call):
    (first,) = call.begun
    assert serves(server, first) is None
    second = call(MR)

    assert send(first, 1) == 0x0000  # still by the main process, which then hands it on
    assert serves(server, first) in range(COUNT)
    for number, association in enumerate([first, second] * 3, start=2):
        assert send(association, number) == 0x0000

    assert len(server.get("/instances").json) == 7


def test_what_was_acknowledged_survives_the_death_of_who_acknowledged_it(server, call):
    association = call(MR)
    for number in range(1, 6):
        assert send(association, number) == 0x0000

    for pid in children(server):
        os.kill(pid, signal.SIGKILL)

    association.join(20)
    assert association.is_aborted
    until(lambda: len(told(server, "front_end_replaced")) == COUNT)
    assert send(call(MR), 6) == 0x0000
    stored = server.get("/instances").json
    assert len(stored) == 6
    assert len(server.files()) == 6
    assert server.staged() == set()


@pytest.mark.skipif(find_tool("storescu") is None, reason="DCMTK is not installed")
def test_it_survives_the_death_of_the_main_process_in_the_midst_of_others(server, tmp_path):
    uids, tools = {}, []
    for sender in range(4):
        folder = tmp_path / f"sender-{sender}"
        folder.mkdir()
        for number in range(300):
            content = make_dicom(seed=1 + sender * 300 + number)
            (path := folder / f"{number}.dcm").write_bytes(content)
            uids[str(path)] = dicom.summarize(content).identity.sop_instance_uid
        words = [
            find_tool("storescu"),
            "-v",
            "+sd",
            "127.0.0.1",
            server.options["DicomPort"],
            folder,
        ]
        tools.append(
            subprocess.Popen(
                list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )

    until(lambda: len(server.files()) >= 60)
    server.kill()
    acknowledged = set()
    for tool in tools:
        said, _ = tool.communicate(timeout=PATIENCE)
        for piece in said.split("Sending file: ")[1:]:
            if "Received Store Response (Success)" in piece:
                acknowledged.add(uids[piece.split()[0]])
    server.start()

    assert 0 < len(acknowledged) < len(uids)
    stored = server.get("/instances?expand").json
    there = {it["MainDicomTags"]["SOPInstanceUID"] for it in stored}
    assert acknowledged <= there
    # One of each association may be there that was not acknowledged, and nothing is half there.
    assert len(there) == len(stored) <= len(acknowledged) + len(tools)
    for instance in stored:
        assert server.get(f"/instances/{instance['ID']}/file").status == 200


def test_a_stop_ends_the_associations_of_all_processes(server, call):
    association = call(MR)
    assert send(association, 1) == 0x0000

    assert server.stop() == 0

    association.join(20)
    assert association.is_aborted
    assert {event["level"] for event in server.events()} <= {"debug", "info"}
