"""Storage commitment: others ask the archive, and the archive asks others."""

import threading
from contextlib import contextmanager

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt

from repertory.actors.crew import ThreadCrew
from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.client_actor import DicomClientActor
from repertory.actors.dicom.options import AccessRules, ClientOptions
from repertory.actors.jobs import commitment
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.messages.commitment import DescribeCommitment, RequestCommitment
from repertory.actors.messages.instances import SopPair, StoreInstance
from repertory.actors.messages.jobs import DescribeJob, ListJobs
from repertory.errors import NetworkFailed, UnknownItem
from repertory.jobs import JobState
from repertory.modalities import Modality, Service
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

PUSH = "1.2.840.10008.1.20.1"
WELL_KNOWN = "1.2.840.10008.1.20.1.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"

pytestmark = pytest.mark.usefixtures("no_thread_stays")


def request_for(transaction, *pairs):
    asked = Dataset()
    if transaction:
        asked.TransactionUID = transaction
    asked.ReferencedSOPSequence = []
    for sop_class, uid in pairs:
        item = Dataset()
        item.ReferencedSOPClassUID = sop_class
        item.ReferencedSOPInstanceUID = uid
        asked.ReferencedSOPSequence.append(item)
    return asked


def uids(sequence):
    return [it.ReferencedSOPInstanceUID for it in sequence or ()]


class Peer:
    """Somebody who asks for commitment, and listens for the report."""

    def __init__(self):
        self.port = free_port()
        self.reports = []
        self.status = 0x0000
        self.asked = []
        self.answers = 0x0000
        self.arrived = threading.Event()

    def on_event(self, event):
        self.reports.append((event.request.EventTypeID, event.event_information))
        self.arrived.set()
        return self.status, None

    def on_action(self, event):
        self.asked.append(event.action_information)
        return self.answers, None

    @contextmanager
    def listening(self):
        entity = AE("PEER")
        entity.add_supported_context(PUSH, [EXPLICIT], scu_role=True, scp_role=True)
        handlers = [(evt.EVT_N_EVENT_REPORT, self.on_event), (evt.EVT_N_ACTION, self.on_action)]
        server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        try:
            yield self
        finally:
            server.shutdown()


@pytest.fixture
def peer():
    return Peer()


@pytest.fixture
def committed(server, peer):
    """An archive with three instances, that knows the peer."""

    def start(**modality):
        book = ModalityBook({"peer": Modality("PEER", "127.0.0.1", peer.port, **modality)})
        crew = ThreadCrew(2, name="client")
        options = ClientOptions(timeout=5.0)
        server.client = server.stage.put_on(
            DicomClientActor, book=book, options=options, crew=crew, kept_commitments=2
        )
        server.start(access=AccessRules(modalities=book))
        return server

    for number in (1, 2, 3):
        server.stage.ask(StoreInstance(content=make_dicom(instance=f"1.1.{number}", seed=number)))
    yield start
    server.close()
    if server.client:
        server.stage.take_off(server.client)


@pytest.fixture
def server(server):
    server.client = None
    return server


def ask(server, asked, *, title="PEER", action=1, instance=WELL_KNOWN):
    association = server.peer(PUSH, title=title)
    return association.send_n_action(asked, action, PUSH, instance)[0].Status


def the_job(server):
    return server.stage.ask(ListJobs(types=("StorageCommitmentScp",)))[-1]


def test_what_is_there_is_committed_by_a_report(committed, peer):
    server = committed()
    with peer.listening():
        assert ask(server, request_for("1.9", (MR, "1.1.1"), (MR, "1.1.2"))) == 0x0000
        assert peer.arrived.wait(20)
        until(lambda: the_job(server).state is JobState.SUCCESS)

    ((kind, report),) = peer.reports
    assert (kind, report.TransactionUID) == (1, "1.9")
    assert uids(report.ReferencedSOPSequence) == ["1.1.1", "1.1.2"]
    assert "FailedSOPSequence" not in report


def test_what_is_not_there_or_damaged_or_something_else_is_named(committed, peer):
    server = committed()
    content = make_dicom(instance="1.1.4", seed=4)
    server.stage.ask(StoreInstance(content=content))
    files = [it for it in server.archive.folder.glob("files/**/*") if it.is_file()]
    (damaged,) = [it for it in files if it.read_bytes() == content]
    damaged.write_bytes(b"x" * len(content))
    pairs = [(MR, "1.1.1"), (CT, "1.1.2"), (MR, "1.1.9"), (MR, "1.1.4")]
    with peer.listening():
        assert ask(server, request_for("1.9", *pairs)) == 0x0000
        assert peer.arrived.wait(20)
        until(lambda: the_job(server).state is JobState.SUCCESS)

    ((kind, report),) = peer.reports
    assert kind == 2
    assert uids(report.ReferencedSOPSequence) == ["1.1.1"]
    failed = {it.ReferencedSOPInstanceUID: it.FailureReason for it in report.FailedSOPSequence}
    assert failed == {"1.1.2": 0x0119, "1.1.9": 0x0112, "1.1.4": 0x0110}


def test_a_report_is_tried_again_until_somebody_is_there(committed, peer):
    server = committed()
    assert ask(server, request_for("1.9", (MR, "1.1.1"))) == 0x0000
    until(lambda: the_job(server).state is JobState.RETRY)
    assert the_job(server).content["Attempts"] == 1

    server.stage.clock.advance(commitment.FIRST_DELAY)
    until(lambda: the_job(server).content["Attempts"] == 2)
    until(lambda: the_job(server).state is JobState.RETRY)
    with peer.listening():
        server.stage.clock.advance(commitment.FIRST_DELAY * 2)
        assert peer.arrived.wait(20)
        until(lambda: the_job(server).state is JobState.SUCCESS)

    assert the_job(server).content["Attempts"] == 3


def test_a_peer_that_does_not_want_to_know_is_given_up(committed, peer, monkeypatch):
    monkeypatch.setattr(commitment, "ATTEMPTS", 2)
    server = committed()
    peer.status = 0x0110
    with peer.listening():
        assert ask(server, request_for("1.9", (MR, "1.1.1"))) == 0x0000
        until(lambda: the_job(server).state is JobState.RETRY)
        server.stage.clock.advance(commitment.FIRST_DELAY)
        until(lambda: the_job(server).state is JobState.FAILURE)

    assert len(peer.reports) == 2
    assert the_job(server).record.error.kind == "NetworkFailed"


def test_a_report_survives_a_restart(committed, peer):
    server = committed()
    assert ask(server, request_for("1.9", (MR, "1.1.1"))) == 0x0000
    until(lambda: the_job(server).state is JobState.RETRY)
    job = the_job(server).record.id
    server.close()
    server.stage.take_off(server.client)
    server.client = None

    server.archive.restart(without=(JobsActor,))
    server.stage = server.archive.stage
    book = ModalityBook({"peer": Modality("PEER", "127.0.0.1", peer.port)})
    with peer.listening():
        crew = ThreadCrew(1, name="client")
        server.client = server.stage.put_on(
            DicomClientActor, book=book, options=ClientOptions(timeout=5.0), crew=crew
        )
        server.stage.put_on(JobsActor, **server.archive.jobs)
        assert peer.arrived.wait(20)
        until(lambda: server.stage.ask(DescribeJob(id=job)).state is JobState.SUCCESS)


@pytest.mark.parametrize(
    ("changes", "asked", "status"),
    [
        ({"action": 2}, request_for("1.9", (MR, "1.1.1")), 0x0123),
        ({"instance": "1.2.3"}, request_for("1.9", (MR, "1.1.1")), 0x0112),
        ({}, request_for("1.9"), 0x0115),
        ({}, request_for("", (MR, "1.1.1")), 0x0115),
        ({"title": "STRANGER"}, request_for("1.9", (MR, "1.1.1")), 0x0124),
    ],
)
def test_a_request_that_means_nothing_is_refused(committed, changes, asked, status):
    server = committed()

    assert ask(server, asked, **changes) == status
    assert server.stage.ask(ListJobs()) == ()


def test_a_modality_may_be_denied_it(committed):
    server = committed(denied=frozenset({Service.N_ACTION, Service.EVENT_REPORT}))

    assert ask(server, request_for("1.9", (MR, "1.1.1"))) == 0x0124
    assert report(server, "1.9", [(MR, "1.1.1")]) == 0x0124


def report(server, transaction, committed=(), failed=()):
    told = request_for(transaction, *committed)
    kind = 1
    if failed:
        kind = 2
        told.FailedSOPSequence = request_for("", *failed).ReferencedSOPSequence
        for it in told.FailedSOPSequence:
            it.FailureReason = 0x0112
    entity = AE("PEER")
    entity.add_requested_context(PUSH, [EXPLICIT])
    association = entity.associate(
        "127.0.0.1",
        server.port,
        ae_title="ORTHANC",
        ext_neg=[build_role(PUSH, scp_role=True)],
    )
    assert association.is_established
    server.associations.append(association)
    status, _ = association.send_n_event_report(told, kind, PUSH, WELL_KNOWN)
    return status.Status


def request(server, *names):
    pairs = tuple(SopPair(sop_class=MR, sop_instance=it) for it in names)
    return server.stage.ask(RequestCommitment(target="peer", instances=pairs))


def described(server, transaction):
    return server.stage.ask(DescribeCommitment(transaction=transaction))


def test_a_peer_is_asked_and_its_report_is_kept(committed, peer):
    server = committed()
    with peer.listening():
        transaction = request(server, "1.1.1", "1.1.2")
    (asked,) = peer.asked
    assert asked.TransactionUID == transaction
    assert uids(asked.ReferencedSOPSequence) == ["1.1.1", "1.1.2"]
    assert described(server, transaction).status == "Pending"

    assert report(server, transaction, [(MR, "1.1.1"), (MR, "1.1.2")]) == 0x0000

    found = described(server, transaction)
    assert (found.status, found.remote_aet, found.failures) == ("Success", "PEER", ())
    assert [it.sop_instance for it in found.committed] == ["1.1.1", "1.1.2"]


def test_what_a_peer_does_not_commit_itself_to_is_told(committed, peer):
    server = committed()
    with peer.listening():
        transaction = request(server, "1.1.1", "1.1.2", "1.1.3")

    assert report(server, transaction, [(MR, "1.1.1")], [(MR, "1.1.2")]) == 0x0000

    found = described(server, transaction)
    assert found.status == "Failure"
    reasons = {it.instance.sop_instance: it.reason for it in found.failures}
    assert reasons == {"1.1.2": 0x0112, "1.1.3": 0x0110}  # of the third it said nothing


def test_a_report_about_nothing_that_was_asked_is_refused(committed):
    assert report(committed(), "1.9", [(MR, "1.1.1")]) == 0x0112


def test_a_peer_that_refuses_leaves_no_transaction(committed, peer):
    server = committed()
    peer.answers = 0x0110
    with peer.listening(), pytest.raises(NetworkFailed, match="N-ACTION by status 0110"):
        request(server, "1.1.1")

    with pytest.raises(UnknownItem):
        described(server, peer.asked[0].TransactionUID)


def test_the_oldest_reports_are_forgotten(committed, peer):
    server = committed()
    with peer.listening():
        transactions = []
        for _ in range(3):
            transactions.append(request(server, "1.1.1"))
            server.stage.clock.advance(1)

    with pytest.raises(UnknownItem):
        described(server, transactions[0])
    assert [described(server, it).status for it in transactions[1:]] == ["Pending", "Pending"]


def test_a_job_that_waits_to_report_keeps_no_other_from_running(committed, peer):
    server = committed()
    for number in range(5):
        assert ask(server, request_for(f"1.9.{number}", (MR, "1.1.1"))) == 0x0000

    jobs = lambda: server.stage.ask(ListJobs(types=("StorageCommitmentScp",)))  # noqa: E731
    until(lambda: [it.state for it in jobs()] == [JobState.RETRY] * 5)
