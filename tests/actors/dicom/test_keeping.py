"""Associations by which instances were sent, kept for the next ones."""

from contextlib import contextmanager

import pytest
from pynetdicom import AE, evt

from repertory.actors.crew import ThreadCrew
from repertory.actors.dicom import keeping
from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.client_actor import DicomClientActor
from repertory.actors.dicom.options import ClientOptions
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.modalities import EchoModality, SendInstances
from repertory.errors import NetworkFailed
from repertory.modalities import Modality
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

MR = "1.2.840.10008.5.1.4.1.1.4"
VERIFICATION = "1.2.840.10008.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
JPEG = "1.2.840.10008.1.2.4.50"
DELAY = 5

pytestmark = pytest.mark.usefixtures("no_thread_stays")


class Peer:
    """Somebody who takes instances, and notes by which associations."""

    def __init__(self):
        self.port = free_port()
        self.events = []
        self.associations = []
        self.breaks_off_at = 0

    @property
    def stored(self):
        return self.events.count("store")

    @property
    def released(self):
        return self.events.count("release")

    def on_store(self, event):
        self.events.append("store")
        if self.stored == self.breaks_off_at:
            event.assoc.abort()
        return 0x0000

    @contextmanager
    def listening(self):
        entity = AE("PEER")
        entity.add_supported_context(MR, [EXPLICIT, IMPLICIT, JPEG])
        entity.add_supported_context(VERIFICATION)
        handlers = [
            (evt.EVT_ACCEPTED, lambda event: self.associations.append(event.assoc)),
            (evt.EVT_C_STORE, self.on_store),
            (evt.EVT_RELEASED, lambda _event: self.events.append("release")),
            (evt.EVT_ABORTED, lambda _event: self.events.append("abort")),
        ]
        server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        try:
            yield self
        finally:
            server.shutdown()


@pytest.fixture
def peer():
    peer = Peer()
    with peer.listening():
        yield peer


class Client:
    """The archive, that has instances and knows the peer."""

    def __init__(self, archive, port, delay):
        self.stage = archive.stage
        book = ModalityBook({"peer": Modality("PEER", "127.0.0.1", port)})
        self.ref = self.stage.put_on(
            DicomClientActor,
            book=book,
            options=ClientOptions(timeout=5.0, close_delay=delay),
            crew=ThreadCrew(2, name="client"),
        )
        self.instances = [
            self.stage.ask(
                StoreInstance(content=make_dicom(seed=seed, transfer_syntax=syntax))
            ).ids.instance
            for seed, syntax in enumerate((EXPLICIT, JPEG, EXPLICIT), start=1)
        ]

    def send(self, *numbers, **more):
        chosen = tuple(self.instances[it] for it in numbers)
        return self.stage.ask(SendInstances(target="peer", instances=chosen, **more))

    def stop(self):
        if self.ref is not None:
            self.stage.take_off(self.ref)
            self.ref = None


@pytest.fixture
def make(archive, peer):
    clients = []

    def make(delay=DELAY):
        clients.append(Client(archive, peer.port, delay))
        return clients[-1]

    yield make
    for it in clients:
        it.stop()


def test_the_next_instances_go_over_the_association_of_the_last_ones(make, peer):
    client = make()
    for number in (0, 2, 0):
        assert client.send(number) == ()
        client.stage.clock.advance(DELAY - 1)

    assert len(peer.associations) == 1
    assert peer.stored == 3
    assert peer.released == 0


def test_an_association_ends_when_nothing_was_sent_for_a_while(make, peer):
    client = make()
    client.send(0)
    client.stage.clock.advance(DELAY)
    until(lambda: peer.events == ["store", "release"])

    client.send(0)
    assert len(peer.associations) == 2


def test_an_association_ends_at_once_where_none_is_kept(make, peer):
    client = make(delay=0)
    client.send(0)
    until(lambda: peer.events == ["store", "release"])
    client.send(2)

    assert len(peer.associations) == 2


def test_an_association_serves_where_it_has_what_is_needed(make, peer):
    client = make()
    client.send(0)
    client.send(0, 1)
    assert len(peer.associations) == 2
    client.send(1)
    client.send(2)

    assert len(peer.associations) == 2
    assert peer.stored == 5


def test_other_titles_and_times_have_associations_of_their_own(make, peer):
    client = make()
    client.send(0)
    client.send(0, local_aet="OTHER")
    client.send(0, timeout=3)

    assert [it.requestor.ae_title for it in peer.associations] == ["ORTHANC", "OTHER", "ORTHANC"]


def test_an_echo_is_asked_over_an_association_of_its_own(make, peer):
    client = make()
    client.send(0)
    client.stage.ask(EchoModality(target="peer"))

    assert len(peer.associations) == 2


def test_a_new_association_is_asked_for_where_the_other_side_has_ended_it(make, peer):
    client = make()
    client.send(0)
    (first,) = peer.associations
    first.abort()
    first.join()
    assert client.send(2) == ()

    assert len(peer.associations) == 2
    assert peer.stored == 2


def test_what_was_to_go_over_one_that_breaks_off_goes_over_another(make, peer):
    client = make()
    client.send(0)
    peer.breaks_off_at = 2
    assert client.send(2) == ()

    assert len(peer.associations) == 2
    assert peer.stored == 3


def test_what_breaks_off_a_new_association_is_told(make, peer):
    client = make()
    peer.breaks_off_at = 1
    with pytest.raises(NetworkFailed):
        client.send(0)

    assert len(peer.associations) == 1
    assert client.send(0) == ()
    assert len(peer.associations) == 2


def test_what_is_kept_ends_in_good_order_with_the_archive(make, peer):
    client = make()
    client.send(0)
    client.stop()

    until(lambda: peer.events == ["store", "release"])


def test_no_more_associations_are_kept_than_make_sense(make, peer, monkeypatch):
    monkeypatch.setattr(keeping, "MOST", 1)
    client = make()
    client.send(0)
    client.send(0, local_aet="OTHER")
    until(lambda: peer.released == 1)
    client.send(2)

    assert len(peer.associations) == 2
