"""Instances are sent as the other side takes them: by C-STORE, C-MOVE and C-GET."""

from contextlib import contextmanager

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE, build_role, evt

from repertory.actors.crew import ThreadCrew
from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.client_actor import DicomClientActor
from repertory.actors.dicom.options import AccessRules, ClientOptions
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.modalities import SendInstances
from repertory.actors.messages.transcoding import Transcode
from repertory.actors.transcoding import TranscoderActor
from repertory.modalities import Modality
from repertory.storage.pixels.syntaxes import EXPLICIT, IMPLICIT, JPEG_BASELINE, RLE
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port

MR = "1.2.840.10008.5.1.4.1.1.4"
STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"
MPEG = "1.2.840.10008.1.2.4.100"

pytestmark = pytest.mark.usefixtures("no_thread_stays")


class Receiver:
    """Somebody who takes MR images in some transfer syntaxes alone."""

    def __init__(self):
        self.port = free_port()
        self.received = []

    def on_store(self, event):
        self.received.append((str(event.context.transfer_syntax), event.dataset))
        event.dataset.file_meta = event.file_meta
        return 0x0000

    @contextmanager
    def taking(self, *syntaxes):
        entity = AE("RECEIVER")
        entity.add_supported_context(MR, list(syntaxes))
        server = entity.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self.on_store)]
        )
        try:
            yield self
        finally:
            server.shutdown()

    @property
    def syntaxes(self):
        return sorted(syntax for syntax, _ in self.received)


@pytest.fixture
def receiver():
    return Receiver()


def rle(stage, content):
    return stage.ask(Transcode(content=content, syntaxes=(RLE,))).content


@pytest.fixture
def ready(server, receiver):
    """An archive with two instances, one uncompressed and one in RLE."""
    stage = server.stage
    refs = [stage.put_on(TranscoderActor, crew=ThreadCrew(2, name="transcoder"))]

    def start(*, allowed=True, **calls):
        calls = ClientOptions(timeout=10.0, **calls)
        entry = Modality("RECEIVER", "127.0.0.1", receiver.port, transcoding=allowed)
        book = ModalityBook({"receiver": entry})
        crew = ThreadCrew(1, name="client")
        refs.append(stage.put_on(DicomClientActor, book=book, options=calls, crew=crew))
        always = frozenset({"Get", "Move"})
        return server.start(calls=calls, access=AccessRules(modalities=book, always=always))

    server.images = [make_dicom(study="1.1", instance=f"1.1.{it}", seed=it) for it in (1, 2)]
    server.ids = [
        stage.ask(StoreInstance(content=content)).ids.instance
        for content in (server.images[0], rle(stage, server.images[1]))
    ]
    yield start
    server.close()
    while refs:
        stage.take_off(refs.pop())


def pixels(dataset):
    return dataset.pixel_array.tolist()


def send(server):
    command = SendInstances(target="receiver", instances=tuple(server.ids))
    return server.stage.ask(command)


def identifier():
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.StudyInstanceUID = "1.1"
    return asked


def move(server):
    association = server.peer(STUDY_MOVE, title="ANYBODY")
    return list(association.send_c_move(identifier(), "RECEIVER", STUDY_MOVE))[-1][0]


def get(server, receiver, *syntaxes):
    entity = AE("RECEIVER")
    entity.dimse_timeout = entity.acse_timeout = entity.network_timeout = 20
    entity.add_requested_context(STUDY_GET)
    for syntax in syntaxes:
        entity.add_requested_context(MR, [syntax])
    association = entity.associate(
        "127.0.0.1",
        server.port,
        ae_title="ORTHANC",
        ext_neg=[build_role(MR, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, receiver.on_store)],
    )
    assert association.is_established
    server.associations.append(association)
    return list(association.send_c_get(identifier(), STUDY_GET))[-1][0]


def by_any_way(way, server, receiver, *syntaxes):
    """How many failed that were sent to somebody who takes these transfer syntaxes."""
    if way == "get":
        return get(server, receiver, *syntaxes).NumberOfFailedSuboperations
    with receiver.taking(*syntaxes):
        if way == "move":
            return move(server).NumberOfFailedSuboperations
        return len(send(server))


EVERY_WAY = pytest.mark.parametrize("way", ["store", "move", "get"])


@EVERY_WAY
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_who_takes_one_syntax_gets_all_in_it_pixel_for_pixel(ready, receiver, way, syntax):
    server = ready()

    assert by_any_way(way, server, receiver, syntax) == 0

    assert receiver.syntaxes == [syntax] * 2
    originals = {str(it.SOPInstanceUID): it for it in map(read, server.images)}
    for _, dataset in receiver.received:
        assert pixels(dataset) == pixels(originals[str(dataset.SOPInstanceUID)])


def read(content):
    return dcmread(DicomBytesIO(content))


@EVERY_WAY
def test_what_is_taken_as_it_is_stored_is_not_touched(ready, receiver, way):
    server = ready()
    server.stage.understudy(Transcode, answer=ZeroDivisionError())

    assert by_any_way(way, server, receiver, RLE, EXPLICIT) == 0

    assert receiver.syntaxes == sorted([RLE, EXPLICIT])


@EVERY_WAY
@pytest.mark.parametrize("rule", [{"allowed": False}, {"transcodes": False}])
def test_nothing_is_transcoded_where_that_is_not_allowed(ready, receiver, way, rule):
    server = ready(**rule)

    assert by_any_way(way, server, receiver, EXPLICIT) == 1

    assert receiver.syntaxes == [EXPLICIT]


def test_the_preferred_syntax_is_taken_first(ready, receiver):
    server = ready(preferred_syntax=RLE)

    with receiver.taking(RLE):
        assert send(server) == ()

    assert receiver.syntaxes == [RLE, RLE]


def test_nothing_is_lost_on_the_way(ready, receiver):
    server = ready(preferred_syntax=JPEG_BASELINE)

    with receiver.taking(JPEG_BASELINE, IMPLICIT):
        assert send(server) == ()

    assert receiver.syntaxes == [IMPLICIT, IMPLICIT]


def test_what_cannot_be_decoded_fails_alone(ready, receiver):
    server = ready()
    film = make_dicom(study="1.1", instance="1.1.3", seed=3, transfer_syntax=MPEG)
    server.ids.append(server.stage.ask(StoreInstance(content=film)).ids.instance)

    with receiver.taking(IMPLICIT):
        (unsent,) = send(server)

    assert unsent.id == server.ids[2]
    assert len(receiver.received) == 2
