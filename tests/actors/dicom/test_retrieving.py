import socket
from contextlib import closing

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt

from repertory.actors.dicom.options import AccessRules, ClientOptions
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.jobs import SubmitJob
from repertory.errors import IndexBusy
from repertory.jobs import JobId
from repertory.modalities import Modality, Service
from repertory.storage.dicom.wire import data_set_of
from repertory.testing.files import make_dicom

MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
MR = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4.50"


class Receiver:
    """A storage SCP of pynetdicom, which answers as it is told to."""

    def __init__(self, *, syntaxes=(EXPLICIT, JPEG), statuses=()):
        self.received = []
        self.statuses = list(statuses)
        entity = AE("RECEIVER")
        entity.add_supported_context(MR, list(syntaxes))
        self.server = entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self.store)]
        )
        self.port = self.server.server_address[1]

    def store(self, event):
        self.received.append(event)
        return self.statuses.pop(0) if self.statuses else 0x0000

    def close(self):
        self.server.shutdown()


@pytest.fixture
def receiver():
    with closing(Receiver()) as receiver:
        yield receiver


@pytest.fixture
def ready(server):
    """A server with four instances of one study, which may be asked by anybody."""

    def start(port, **more):
        modality = Modality(aet="RECEIVER", host="127.0.0.1", port=port)
        rules = AccessRules(
            always=frozenset({"Echo", "Get", "Move", "Store"}),
            modalities={"receiver": modality},
        )
        calls = ClientOptions(timeout=5)
        server.start(access=rules, calls=calls, **more)
        server.contents = [
            make_dicom(
                patient_id="P",
                study="1.1",
                series=f"1.1.{number % 2}",
                instance=f"1.1.9.{number}",
                number=number,
                transfer_syntax=JPEG if number == 3 else EXPLICIT,
            )
            for number in range(4)
        ]
        for content in server.contents:
            server.stage.ask(StoreInstance(content=content))
        return server

    return start


def identifier(level="STUDY", **keys):
    asked = Dataset()
    asked.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(asked, name, value)
    return asked


def move(server, asked, destination="RECEIVER"):
    return list(server.peer(MOVE).send_c_move(asked, destination, MOVE))


def test_a_study_is_moved_byte_for_byte(ready, receiver):
    server = ready(receiver.port)

    answers = move(server, identifier(StudyInstanceUID="1.1"))

    assert [status.Status for status, _ in answers] == [0xFF00] * 3 + [0x0000]
    assert answers[-1][0].NumberOfCompletedSuboperations == 4
    sent = sorted(it.request.DataSet.getvalue() for it in receiver.received)
    assert sent == sorted(data_set_of(it) for it in server.contents)


def test_who_is_sent_to_is_told_who_asked_for_it(ready, receiver):
    move(ready(receiver.port), identifier(StudyInstanceUID="1.1"))

    asked = receiver.received[0].request
    assert asked.MoveOriginatorApplicationEntityTitle == "PEER"
    assert asked.MoveOriginatorMessageID == 1


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ({"level": "SERIES", "StudyInstanceUID": "1.1", "SeriesInstanceUID": "1.1.1"}, 2),
        ({"level": "IMAGE", "SOPInstanceUID": ["1.1.9.0", "1.1.9.2"]}, 2),
        ({"level": "STUDY", "StudyInstanceUID": "9.9"}, 0),
    ],
)
def test_what_the_keys_name_is_moved_and_nothing_else(ready, receiver, keys, count):
    answers = move(ready(receiver.port), identifier(**keys))

    assert answers[-1][0].Status == 0x0000
    assert len(receiver.received) == count


@pytest.mark.parametrize(
    "keys",
    [
        {"level": "STUDY"},
        {"level": "STUDY", "PatientID": "P"},
        {"level": "STUDY", "StudyInstanceUID": "*"},
        {"level": "FRAME", "StudyInstanceUID": "1.1"},
    ],
)
def test_keys_that_name_nothing_for_sure_move_nothing(ready, receiver, keys):
    answers = move(ready(receiver.port), identifier(**keys))

    assert [status.Status for status, _ in answers] == [0xA900]
    assert receiver.received == []


def test_an_unknown_destination_is_told(ready, receiver):
    answers = move(ready(receiver.port), identifier(StudyInstanceUID="1.1"), "NOBODY")

    assert [status.Status for status, _ in answers] == [0xA801]


@pytest.mark.usefixtures("no_thread_stays")
def test_a_destination_that_cannot_be_reached_is_told(ready):
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        server = ready(nobody.getsockname()[1])

        answers = move(server, identifier(StudyInstanceUID="1.1"))

    assert [status.Status for status, _ in answers] == [0xA702]
    assert answers[0][0].NumberOfFailedSuboperations == 4
    server.close()


def test_what_the_destination_refuses_is_listed(ready):
    with closing(Receiver(statuses=[0x0000, 0xA700, 0xB000])) as receiver:
        answers = move(ready(receiver.port), identifier(StudyInstanceUID="1.1"))

    final, failed = answers[-1]
    assert final.Status == 0xB000
    assert (
        final.NumberOfCompletedSuboperations,
        final.NumberOfWarningSuboperations,
        final.NumberOfFailedSuboperations,
    ) == (2, 1, 1)
    assert failed.FailedSOPInstanceUIDList == "1.1.9.1"


def test_a_syntax_that_the_destination_does_not_take_fails_alone(ready):
    with closing(Receiver(syntaxes=[EXPLICIT])) as receiver:
        answers = move(ready(receiver.port), identifier(StudyInstanceUID="1.1"))

    assert answers[-1][0].Status == 0xB000
    assert answers[-1][1].FailedSOPInstanceUIDList == "1.1.9.3"
    assert len(receiver.received) == 3


def test_a_move_that_is_deferred_is_answered_at_once_and_becomes_a_job(ready, receiver):
    server = ready(receiver.port, defers_moves=3)
    server.stage.understudy(SubmitJob, answer=JobId("1"))

    ((status, _),) = move(server, identifier(StudyInstanceUID="1.1"))

    assert (status.Status, status.NumberOfCompletedSuboperations) == (0x0000, 4)
    (submitted,) = server.stage.heard(SubmitJob)
    assert submitted.type == "DicomModalityStore"
    told = dict(submitted.parameters)
    assert len(set(told.pop("Instances"))) == 4
    assert told == {
        "Modality": "receiver",
        "Description": "C-MOVE",
        "LocalAet": "ORTHANC",
        "MoveOriginatorAet": "PEER",
        "MoveOriginatorID": 1,
        "Retries": 3,
    }
    assert receiver.received == []


def test_a_move_whose_job_is_not_kept_is_refused(ready, receiver):
    server = ready(receiver.port, defers_moves=0)
    server.stage.understudy(SubmitJob, answer=IndexBusy())

    ((status, _),) = move(server, identifier(StudyInstanceUID="1.1"))

    assert status.Status == 0xA700


def test_a_deferred_move_of_nothing_makes_no_job(ready, receiver):
    server = ready(receiver.port, defers_moves=0)

    ((nothing, _),) = move(server, identifier(StudyInstanceUID="9.9"))
    ((unknown, _),) = move(server, identifier(StudyInstanceUID="1.1"), "NOBODY")

    assert (nothing.Status, unknown.Status) == (0x0000, 0xA801)
    assert server.stage.heard(SubmitJob) == []


def get(server, asked, *, syntaxes=(EXPLICIT,)):
    received = []
    entity = AE("PEER")
    entity.dimse_timeout = 10
    entity.add_requested_context(GET)
    for syntax in syntaxes:
        entity.add_requested_context(MR, [syntax])

    def store(event):
        received.append(event.request.DataSet.getvalue())
        return 0x0000

    association = entity.associate(
        "127.0.0.1",
        server.port,
        ext_neg=[build_role(MR, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, store)],
    )
    server.associations.append(association)
    answers = [it for it in association.send_c_get(asked, GET) if "Status" in it[0]]
    return answers, received


def test_a_series_is_got_over_the_same_association(ready, receiver):
    server = ready(receiver.port)

    answers, received = get(server, identifier("SERIES", SeriesInstanceUID="1.1.0"))

    assert answers[-1][0].Status == 0x0000
    assert sorted(received) == sorted(data_set_of(server.contents[it]) for it in (0, 2))


def test_an_archive_that_is_read_only_still_gives(ready, receiver):
    server = ready(receiver.port, read_only=True)

    answers, received = get(server, identifier(StudyInstanceUID="1.1"))

    assert answers[-1][0].Status == 0xB000  # one is in JPEG
    assert len(received) == 3


@pytest.mark.parametrize(("model", "service"), [(MOVE, Service.MOVE), (GET, Service.GET)])
def test_who_may_not_retrieve_gets_nothing(server, model, service):
    modality = Modality(aet="PEER", host="127.0.0.1", port=104, denied=frozenset({service}))
    server.start(access=AccessRules(modalities={"peer": modality}))
    association = server.peer(model)
    asked = identifier(StudyInstanceUID="1.1")

    if service is Service.MOVE:
        answers = list(association.send_c_move(asked, "PEER", model))
    else:
        answers = list(association.send_c_get(asked, model))

    assert [status.Status for status, _ in answers] == [0x0124]
