"""C-GET of others, tries that are repeated, and how many calls there are at a time."""

import threading
from contextlib import contextmanager, suppress

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE, evt
from pynetdicom.presentation import DEFAULT_TRANSFER_SYNTAXES, StoragePresentationContexts

from repertory.actors.crew import ThreadCrew
from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.client_actor import DicomClientActor
from repertory.actors.dicom.options import ClientOptions, StorageRules
from repertory.actors.jobs import retrying
from repertory.actors.messages.instances import BeginUpload, StoreInstance
from repertory.actors.messages.jobs import DescribeJob, SubmitJob
from repertory.actors.messages.metadata import ListMetadata
from repertory.actors.messages.modalities import EchoModality, GetResource
from repertory.actors.messages.resources import ListResources
from repertory.errors import ArchiveFull, BadParameter, NetworkFailed, UnknownItem
from repertory.jobs import JobState
from repertory.modalities import Modality
from repertory.model import Level, Metadata
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"
JPEG = "1.2.840.10008.1.2.4.50"
KEYS = {"StudyInstanceUID": "1.1"}

pytestmark = pytest.mark.usefixtures("no_thread_stays")


class Peer:
    """Somebody who has instances and sends them by C-GET."""

    def __init__(self):
        self.port = free_port()
        self.contents = [
            make_dicom(study="1.1", instance=f"1.1.{number}", seed=number) for number in (1, 2, 3)
        ]
        self.asked = []
        self.find_status = 0x0000
        self.echoes = threading.Semaphore(0)
        self.open = 0
        self.most = 0
        self._lock = threading.Lock()

    def on_get(self, event):
        self.asked.append(event.identifier)
        yield len(self.contents)
        for content in self.contents:
            yield 0xFF00, dcmread(DicomBytesIO(content))

    def on_find(self, event):
        self.asked.append(event.identifier)
        yield self.find_status, None

    def on_echo(self, _event):
        with self._lock:
            self.open += 1
            self.most = max(self.most, self.open)
        self.echoes.acquire()
        with self._lock:
            self.open -= 1
        return 0x0000

    @contextmanager
    def listening(self, syntaxes=DEFAULT_TRANSFER_SYNTAXES):
        entity = AE("PEER")
        entity.add_supported_context(STUDY_GET)
        entity.add_supported_context(VERIFICATION)
        for context in StoragePresentationContexts:
            entity.add_supported_context(
                context.abstract_syntax, syntaxes, scu_role=True, scp_role=True
            )
        entity.add_supported_context(STUDY_FIND)
        handlers = [
            (evt.EVT_C_GET, self.on_get),
            (evt.EVT_C_ECHO, self.on_echo),
            (evt.EVT_C_FIND, self.on_find),
        ]
        server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        try:
            yield self
        finally:
            server.shutdown()


@pytest.fixture
def peer():
    return Peer()


@pytest.fixture
def client(archive, peer):
    """The archive, that knows the peer."""
    crew = ThreadCrew(4, name="client")
    book = ModalityBook({"peer": Modality("PEER", "127.0.0.1", peer.port)})
    ref = archive.stage.put_on(
        DicomClientActor, book=book, options=ClientOptions(timeout=5.0), crew=crew, width=2
    )
    yield archive
    archive.stage.take_off(ref)


def get(archive, **keys):
    command = GetResource(target="peer", level=Level.STUDY, keys=keys or KEYS)
    return archive.stage.ask(command)


def instances(archive):
    return archive.stage.ask(ListResources(level=Level.INSTANCE))


def test_what_a_peer_has_comes_over_our_own_association(client, peer):
    with peer.listening():
        assert get(client) == 3

    assert len(instances(client)) == 3
    assert peer.asked[0].StudyInstanceUID == "1.1"
    metadata = client.stage.ask(ListMetadata(level=Level.INSTANCE, id=instances(client)[0]))
    assert metadata[Metadata.ORIGIN] == "DicomProtocol"
    assert "PEER" in metadata.values()


def test_large_files_go_to_the_disk_while_they_come(archive, peer):
    book = ModalityBook({"peer": Modality("PEER", "127.0.0.1", peer.port)})
    options = ClientOptions(timeout=5.0, spool_threshold=100)
    crew = ThreadCrew(1, name="client")
    ref = archive.stage.put_on(DicomClientActor, book=book, options=options, crew=crew)
    with peer.listening():
        assert get(archive) == 3
        assert len(instances(archive)) == 3

        archive.stage.understudy(BeginUpload, answer=ArchiveFull("There is no room."))
        with pytest.raises(NetworkFailed, match="0 instances came, 3 did not"):
            get(archive)
    archive.stage.take_off(ref)


@pytest.mark.parametrize(("accepted_only", "came"), [(True, 0), (False, 3)])
def test_syntaxes_that_are_not_accepted_come_where_all_are_proposed(
    archive, peer, accepted_only, came
):
    book = ModalityBook({"peer": Modality("PEER", "127.0.0.1", peer.port)})
    options = ClientOptions(
        timeout=5.0,
        storage=StorageRules(transfer_syntaxes=(IMPLICIT,)),
        accepted_only=accepted_only,
    )
    peer.contents = [
        make_dicom(study="1.1", instance=f"1.1.{it}", transfer_syntax=JPEG) for it in (1, 2, 3)
    ]
    crew = ThreadCrew(1, name="client")
    ref = archive.stage.put_on(DicomClientActor, book=book, options=options, crew=crew)
    with peer.listening([JPEG]), suppress(NetworkFailed):
        get(archive)
    archive.stage.take_off(ref)

    assert len(instances(archive)) == came


def test_what_cannot_be_archived_is_told_to_both_sides(client, peer):
    client.stage.understudy(StoreInstance, answer=ArchiveFull("There is no room."))

    with peer.listening(), pytest.raises(NetworkFailed, match="0 instances came, 3 did not"):
        get(client)


def test_a_peer_that_is_not_there_is_told(client):
    with pytest.raises(NetworkFailed):
        get(client)
    with pytest.raises(BadParameter):
        get(client, Nonsense="1")
    with pytest.raises(UnknownItem):
        client.stage.ask(GetResource(target="nobody", level=Level.STUDY, keys=KEYS))


def test_a_peer_that_breaks_off_leaves_what_has_come(client, peer):
    def breaks_off(event):
        yield 3
        yield 0xFF00, dcmread(DicomBytesIO(peer.contents[0]))
        event.assoc.abort()
        yield 0xFF00, dcmread(DicomBytesIO(peer.contents[1]))

    peer.on_get = breaks_off
    with peer.listening(), pytest.raises(NetworkFailed):
        get(client)

    assert len(instances(client)) == 1


def test_an_echo_checks_queries_where_it_is_asked_to(client, peer):
    for _ in range(3):
        peer.echoes.release()
    with peer.listening():
        client.stage.ask(EchoModality(target="peer"))
        assert peer.asked == []

        client.stage.ask(EchoModality(target="peer", check_find=True))
        assert peer.asked[0].QueryRetrieveLevel == "STUDY"
        assert peer.asked[0].StudyInstanceUID.startswith("2.25.")

        peer.find_status = 0xA900
        with pytest.raises(NetworkFailed, match="A900"):
            client.stage.ask(EchoModality(target="peer", check_find=True))


def submit(archive, type_="DicomGetScu", **parameters):
    parameters = {"Modality": "peer", "Level": "Study", "Resources": [KEYS], **parameters}
    return archive.stage.ask(SubmitJob(type=type_, parameters=parameters))


def state(archive, job):
    return archive.stage.ask(DescribeJob(id=job)).state


def test_a_job_retrieves_by_c_get(client, peer):
    with peer.listening():
        job = submit(client)
        until(lambda: state(client, job) is JobState.SUCCESS)

    content = client.stage.ask(DescribeJob(id=job)).content
    assert (content["Description"], content["RemoteAet"]) == ("DICOM C-GET", "peer")
    assert "TargetAet" not in content
    assert len(instances(client)) == 3


def test_a_job_is_tried_again_until_the_peer_is_there(client, peer):
    job = submit(client, Retries=2)
    until(lambda: state(client, job) is JobState.RETRY)
    client.stage.clock.advance(retrying.FIRST_DELAY - 1)
    assert state(client, job) is JobState.RETRY

    with peer.listening():
        client.stage.clock.advance(1)
        until(lambda: state(client, job) is JobState.SUCCESS)


@pytest.mark.parametrize(
    ("type_", "more"),
    [
        ("DicomGetScu", {}),
        ("DicomMoveScu", {}),
        ("DicomModalityStore", {"Instances": ["x"]}),
    ],
)
def test_a_job_is_given_up_after_as_many_tries(client, type_, more):
    if more:
        content = make_dicom()
        more = {"Instances": [client.stage.ask(StoreInstance(content=content)).ids.instance]}
    job = submit(client, type_, Retries=1, **more)
    until(lambda: state(client, job) is JobState.RETRY)

    client.stage.clock.advance(retrying.FIRST_DELAY)
    until(lambda: state(client, job) is JobState.FAILURE)

    assert client.stage.ask(DescribeJob(id=job)).record.error.kind == "NetworkFailed"


def test_tries_are_counted_anew_for_each_resource(client, peer, monkeypatch):
    monkeypatch.setattr(retrying, "FIRST_DELAY", 0.0)
    turns = iter([0xA702, 0x0000, 0xA702, 0x0000])

    def answers(_event):
        status = next(turns)
        yield 0
        yield status, None

    peer.on_get = answers
    with peer.listening():
        job = submit(client, Resources=[KEYS, KEYS], Retries=1)
        until(lambda: (client.stage.clock.advance(1), state(client, job))[1].is_final)

    assert state(client, job) is JobState.SUCCESS


@pytest.mark.parametrize("retries", [-1, 1001])
def test_nobody_tries_for_ever(client, retries):
    with pytest.raises(BadParameter):
        submit(client, Retries=retries)


def test_a_slow_modality_does_not_keep_all_threads(client, peer):
    with peer.listening():
        echoes = [client.stage.ask_soon(EchoModality(target="peer")) for _ in range(4)]
        until(lambda: peer.open == 2)
        other = Modality("NOBODY", "127.0.0.1", free_port())
        with pytest.raises(NetworkFailed):  # at once: there are threads left
            client.stage.ask(EchoModality(target=other))
        assert peer.most == 2

        for _ in echoes:
            peer.echoes.release()
        for echo in echoes:
            echo.get(timeout=20)

    assert peer.most == 2
