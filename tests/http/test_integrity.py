import json

import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck, DescribeIntegrity
from repertory.errors import IndexBusy, NoReplyInTime
from repertory.integrity import (
    Damage,
    DamagedFile,
    IntegrityReport,
    IntegrityState,
    OrphanFile,
    WrongCounter,
)
from repertory.model import Level, StoreReceipt, StoreStatus

UUID = "5c5c5c5c-0000-4000-8000-000000000000"


@pytest.fixture
def report(ids):
    return IntegrityReport(
        started=1_800_000_000.0,
        finished=1_800_000_060.0,
        with_checksums=True,
        with_repair=True,
        files=3,
        size=4_000_000_000,
        damaged=(
            DamagedFile(Level.INSTANCE, ids.instance, 1, UUID, Damage.WRONG_SIZE, 1000, 998),
            DamagedFile(Level.STUDY, ids.study, 1024, UUID, Damage.LOST, 10, None),
        ),
        orphans=(OrphanFile(UUID, 7),),
        foreign=2,
        counters=(
            WrongCounter(Level.PATIENT, ids.patient, "instances", 3, 2),
            WrongCounter(None, None, "disk_size", 5, 4),
        ),
        marked=2,
        cleared=1,
        moved=1,
        corrected=2,
    )


IDLE = IntegrityState("", 0, 0, None)
RUNNING = IntegrityState("Files", 12, 256, None)


def test_the_last_report_is_told_in_full(archive, client, report, ids):
    archive.plays(DescribeIntegrity, IntegrityState("", 0, 0, report))
    answer = client.json("/integrity")

    assert answer["Running"] is False
    told = answer["Report"]
    assert (told["Sound"], told["Files"], told["Size"]) == (False, 3, "4000000000")
    assert (told["Started"], told["Finished"]) == ("20270115T080000", "20270115T080100")
    assert (told["Checksums"], told["Repair"], told["ForeignFiles"]) == (True, True, 2)
    assert told["Damaged"][0] == {
        "ContentType": 1,
        "Damage": "WrongSize",
        "Found": 998,
        "ID": ids.instance,
        "Path": f"/instances/{ids.instance}",
        "ResourceType": "Instance",
        "Size": 1000,
        "Uuid": UUID,
    }
    assert told["Damaged"][1]["Found"] is None
    assert told["Orphans"] == [{"Uuid": UUID, "Size": 7}]
    assert told["Counters"] == [
        {
            "ResourceType": "Patient",
            "ID": ids.patient,
            "Counter": "instances",
            "Kept": 3,
            "Counted": 2,
        },
        {"ResourceType": None, "ID": None, "Counter": "disk_size", "Kept": 5, "Counted": 4},
    ]
    assert told["Repaired"] == {
        "FilesMarked": 2,
        "MarksCleared": 1,
        "OrphansMoved": 1,
        "CountersCorrected": 2,
    }


def test_who_asks_first_gets_a_check(archive, client, report):
    archive.plays(DescribeIntegrity, IDLE)
    archive.plays(BeginCheck, RUNNING)
    archive.plays(AwaitCheck, IntegrityState("", 0, 0, report))

    assert client.json("/integrity")["Report"]["Files"] == 3
    assert archive.heard(BeginCheck) == [BeginCheck()]


def test_a_check_that_takes_long_is_not_waited_for(archive, client):
    states = iter([IDLE, RUNNING])
    archive.plays(DescribeIntegrity, lambda _: next(states))
    archive.plays(BeginCheck, RUNNING)
    archive.plays(AwaitCheck, NoReplyInTime())

    assert client.json("/integrity") == {
        "Done": 12,
        "Phase": "Files",
        "Report": None,
        "Running": True,
        "Total": 256,
    }


def test_a_check_that_failed_tells_why(archive, client, report):
    archive.plays(DescribeIntegrity, IntegrityState("", 0, 0, report, "The storage is gone."))

    assert client.json("/integrity")["Problem"] == "The storage is gone."


@pytest.mark.parametrize(
    ("route", "body", "expected"),
    [
        ("check", "", BeginCheck()),
        ("check", "{}", BeginCheck()),
        ("check", '{"Checksums": true}', BeginCheck(checksums=True)),
        ("repair", "", BeginCheck(repair=True)),
        ("repair", '{"Checksums": true}', BeginCheck(checksums=True, repair=True)),
    ],
)
def test_a_check_is_begun_and_not_waited_for(archive, client, route, body, expected):
    archive.plays(BeginCheck, RUNNING)
    response = client("POST", f"/integrity/{route}", body)

    assert json.loads(response.content)["Running"] is True
    assert archive.heard(BeginCheck) == [expected]


def test_a_synchronous_check_is_waited_for(archive, client, report):
    archive.plays(BeginCheck, RUNNING)
    archive.plays(AwaitCheck, IntegrityState("", 0, 0, report))
    response = client("POST", "/integrity/check", '{"Synchronous": true}')

    assert json.loads(response.content)["Report"]["Files"] == 3


@pytest.mark.parametrize("body", ["{", "[]", "3", '{"Checksum": true}', '{"Checksums": 1}'])
def test_a_body_that_makes_no_sense_is_refused(archive, client, body):
    archive.plays(BeginCheck, RUNNING)

    assert client("POST", "/integrity/repair", body).status == 400
    assert archive.heard(BeginCheck) == []


def test_a_second_check_is_told_to_wait(archive, client):
    archive.plays(BeginCheck, IndexBusy("The archive is being checked already."))
    response = client("POST", "/integrity/check", "")

    assert response.status == 503
    assert b"being checked already" in response.content


@pytest.mark.parametrize("repaired", [True, False])
def test_an_upload_that_mended_something_says_so(archive, client, ids, repaired):
    receipt = StoreReceipt(ids, StoreStatus.ALREADY_STORED, repaired=repaired)
    archive.plays(StoreInstance, receipt)
    answer = json.loads(client("POST", "/instances", b"DICOM").content)

    assert answer["Status"] == "AlreadyStored"
    assert answer.get("Repaired", False) is repaired
