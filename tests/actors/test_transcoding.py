import os
import signal
import threading

import pytest
import structlog

from repertory.actors.crew import InlineCrew, ThreadCrew
from repertory.actors.messages.attachments import DescribeAttachment, ReadAttachment
from repertory.actors.messages.instances import AppendToUpload, BeginUpload, StoreInstance
from repertory.actors.messages.pictures import Depict
from repertory.actors.messages.reconstruction import ReconstructResource
from repertory.actors.messages.transcoding import ReadTranscoded, Transcode, TranscodedFile
from repertory.actors.storage import StorageActor
from repertory.actors.transcoding import IDLE_LIMIT, PATIENCE, TranscoderActor
from repertory.errors import BadParameter, ShuttingDown, TranscodingFailed, Unsupported
from repertory.model import Level, Metadata, StoreStatus
from repertory.pictures import Depiction, PictureOrder
from repertory.storage import dicom
from repertory.storage.pixels.processes import Worker, WorkerLost
from repertory.storage.pixels.rules import IngestRules
from repertory.storage.pixels.syntaxes import DEFLATED, EXPLICIT, IMPLICIT, JPEG_BASELINE, RLE
from repertory.testing.files import make_dicom

IMAGE = make_dicom(seed=1)


class FakeWorker:
    """A worker that hangs, or answers what it was told to."""

    def __init__(self, answer=None):
        self.pid = 0
        self.answer = answer
        self.asked = threading.Event()
        self.killed = threading.Event()
        self.ended = False

    def ask(self, header, content):
        self.asked.set()
        if self.answer is None:
            self.killed.wait()
            raise WorkerLost
        return self.answer

    def kill(self):
        self.killed.set()

    def end(self):
        self.ended = True
        self.kill()


@pytest.fixture
def workers():
    """The processes that were started."""
    return []


@pytest.fixture
def transcoder(stage, workers):
    def start():
        workers.append(Worker())
        return workers[-1]

    crew = ThreadCrew(2, name="transcoder")
    yield stage.put_on(TranscoderActor, crew=crew, make_worker=start)
    stage.close()


def is_running(worker):
    try:
        os.kill(worker.pid, 0)
    except ProcessLookupError:
        return False
    return True


def into(syntax, **options):
    return Transcode(content=IMAGE, syntaxes=(syntax,), **options)


def test_a_file_gets_another_transfer_syntax(stage, transcoder):
    made = stage.ask(into(RLE))

    assert made.transfer_syntax == RLE
    assert made.instance == ""
    assert dicom.summarize(made.content).transfer_syntax == RLE


def test_processes_are_started_when_they_are_needed_and_used_again(stage, transcoder, workers):
    assert workers == []

    for _ in range(3):
        stage.ask(into(RLE))

    assert len(workers) == 1


def test_processes_that_have_nothing_to_do_are_ended(stage, transcoder, workers):
    stage.ask(into(RLE))

    stage.clock.advance(2 * IDLE_LIMIT)
    stage.settle()

    assert not is_running(workers[0])
    assert stage.ask(into(RLE)).transfer_syntax == RLE


def test_a_codec_that_crashes_costs_one_file_alone(stage, transcoder, workers):
    stage.ask(into(RLE))
    os.kill(workers[0].pid, signal.SIGKILL)

    with pytest.raises(TranscodingFailed):
        stage.ask(into(RLE))

    assert stage.ask(into(RLE)).transfer_syntax == RLE
    assert len(workers) == 2


def test_a_codec_that_hangs_is_ended(stage):
    hanging = FakeWorker()
    crew = ThreadCrew(1, name="transcoder")
    stage.put_on(TranscoderActor, crew=crew, make_worker=lambda: hanging)
    reply = stage.ask_soon(into(RLE))
    assert hanging.asked.wait(30)

    stage.clock.advance(PATIENCE)

    with pytest.raises(TranscodingFailed):
        reply.get(timeout=30)
    assert hanging.ended


def test_whoever_stops_waits_for_no_codec(stage):
    hanging = FakeWorker()
    crew = ThreadCrew(1, name="transcoder")
    actor = stage.put_on(TranscoderActor, crew=crew, make_worker=lambda: hanging)
    reply = stage.ask_soon(into(RLE))
    waiting = stage.ask_soon(into(RLE))
    assert hanging.asked.wait(30)

    stage.take_off(actor)

    for refused in (reply, waiting):
        with pytest.raises(ShuttingDown):
            refused.get(timeout=30)
    assert hanging.ended


def test_a_transcoder_that_stopped_leaves_no_process(stage, transcoder, workers):
    stage.ask(into(RLE))

    stage.take_off(transcoder)

    assert not is_running(workers[0])


def test_a_process_that_cannot_be_started_is_told_of(stage):
    def fail():
        raise WorkerLost

    stage.put_on(TranscoderActor, crew=InlineCrew(), make_worker=fail)

    with pytest.raises(TranscodingFailed):
        stage.ask(into(RLE))


@pytest.mark.parametrize("quality", [0, 101, -1])
def test_a_quality_is_from_1_to_100(stage, transcoder, quality):
    with pytest.raises(BadParameter):
        stage.ask(into(JPEG_BASELINE, quality=quality))


def test_a_syntax_that_nobody_knows_is_no_syntax(stage, transcoder, workers):
    with pytest.raises(BadParameter):
        stage.ask(into("1.2.3"))

    assert workers == []


def test_what_cannot_be_had_is_refused_and_the_process_goes_on(stage, transcoder, workers):
    with pytest.raises(Unsupported):
        stage.ask(into("1.2.840.10008.1.2.4.100"))

    assert stage.ask(into(RLE)).transfer_syntax == RLE
    assert len(workers) == 1


# Files that come in


@pytest.fixture
def receiving(archive):
    """The archive on a stage, which gives files a transfer syntax; gives the stage."""

    def start(syntax=RLE, *, answer=None, **rules):
        archive.ingest = IngestRules(syntax, **rules)
        stage = archive.restart()
        if answer is None:
            stage.put_on(TranscoderActor, crew=InlineCrew())
        else:
            stage.understudy(Transcode, answer=answer)
        return stage

    return start


def stored(stage, receipt):
    return stage.ask(ReadAttachment(level=Level.INSTANCE, id=receipt.ids.instance)).content


def test_a_file_is_kept_in_the_transfer_syntax_that_files_shall_have(receiving):
    stage = receiving()

    receipt = stage.ask(StoreInstance(content=IMAGE))

    assert receipt.status is StoreStatus.SUCCESS
    assert dicom.summarize(stored(stage, receipt)).transfer_syntax == RLE
    assert stage.ask(StoreInstance(content=IMAGE)).status is StoreStatus.ALREADY_STORED


def test_an_upload_is_transcoded_too(receiving, archive):
    stage = receiving()
    upload = stage.ask(BeginUpload())
    stage.ask(AppendToUpload(upload=upload, content=IMAGE))

    receipt = stage.ask(StoreInstance(content=upload))

    assert dicom.summarize(stored(stage, receipt)).transfer_syntax == RLE
    assert len(archive.files()) == 1
    assert archive.area.leftovers() == ()


@pytest.mark.parametrize("refusal", [Unsupported(), TranscodingFailed()])
def test_what_cannot_be_transcoded_is_kept_as_it_came_and_told_of(receiving, refusal):
    stage = receiving(answer=refusal)

    with structlog.testing.capture_logs() as lines:
        receipt = stage.ask(StoreInstance(content=IMAGE))

    assert stored(stage, receipt) == IMAGE
    told = [line for line in lines if line["event"] == "instance_not_transcoded"]
    assert [line["id"] for line in told] == [receipt.ids.instance]


def test_what_is_another_instance_by_mistake_is_not_kept(receiving):
    other = TranscodedFile(content=make_dicom(seed=2), transfer_syntax=RLE)
    stage = receiving(answer=other)

    assert stored(stage, stage.ask(StoreInstance(content=IMAGE))) == IMAGE


def test_what_is_no_dicom_file_any_more_is_not_kept(receiving):
    stage = receiving(answer=TranscodedFile(content=b"nothing", transfer_syntax=RLE))

    assert stored(stage, stage.ask(StoreInstance(content=IMAGE))) == IMAGE


def test_an_archive_that_stops_keeps_nothing(receiving, archive):
    stage = receiving(answer=ShuttingDown())

    with pytest.raises(ShuttingDown):
        stage.ask(StoreInstance(content=IMAGE))

    assert archive.files() == []


def test_a_file_that_loses_something_is_told_by_its_new_identifiers(receiving):
    new = make_dicom(seed=1, instance="1.2.3.4", transfer_syntax=RLE)
    plain = dicom.summarize(IMAGE).identity
    assert dicom.summarize(new).identity.sop_instance_uid == "1.2.3.4"
    stage = receiving(answer=TranscodedFile(content=new, transfer_syntax=RLE, instance="1.2.3.4"))

    receipt = stage.ask(StoreInstance(content=IMAGE))

    assert stored(stage, receipt) == new
    assert plain.sop_instance_uid != "1.2.3.4"


@pytest.mark.parametrize(
    ("content", "rules"),
    [
        (make_dicom(seed=1, transfer_syntax=RLE), {}),
        (IMAGE, {"of_uncompressed": False}),
        (make_dicom(seed=1, transfer_syntax=JPEG_BASELINE), {"of_compressed": False}),
        (make_dicom(seed=1, tags={"PixelData": None}), {}),
        (make_dicom(seed=1, transfer_syntax="1.2.840.10008.1.2.4.999"), {}),
    ],
    ids=["as wanted", "uncompressed", "compressed", "without pixels", "unknown"],
)
def test_files_that_need_no_transcoding_are_never_sent_there(receiving, content, rules):
    stage = receiving(answer=AssertionError("nobody should ask"), **rules)

    receipt = stage.ask(StoreInstance(content=content))

    assert stored(stage, receipt) == content
    assert stage.heard(Transcode) == []


def test_a_file_without_pixels_may_be_written_otherwise(receiving):
    stage = receiving(IMPLICIT)

    receipt = stage.ask(StoreInstance(content=make_dicom(seed=1, tags={"PixelData": None})))

    assert dicom.summarize(stored(stage, receipt)).transfer_syntax == IMPLICIT


# Files that go out


def test_a_file_is_read_in_another_transfer_syntax_and_stays_as_it_is(receiving):
    stage = receiving("")
    receipt = stage.ask(StoreInstance(content=IMAGE))

    made = stage.ask(ReadTranscoded(id=receipt.ids.instance, syntaxes=(DEFLATED,)))

    assert dicom.summarize(made.content).transfer_syntax == DEFLATED
    assert stored(stage, receipt) == IMAGE


def test_a_file_that_is_as_wanted_is_read_and_no_more(receiving):
    stage = receiving("", answer=AssertionError("nobody should ask"))
    receipt = stage.ask(StoreInstance(content=IMAGE))

    made = stage.ask(ReadTranscoded(id=receipt.ids.instance, syntaxes=(RLE, EXPLICIT)))

    assert made == TranscodedFile(content=IMAGE, transfer_syntax=EXPLICIT)


def test_a_file_that_is_wanted_in_no_syntax_that_is_known_is_refused(receiving):
    stage = receiving("")
    receipt = stage.ask(StoreInstance(content=IMAGE))

    with pytest.raises(BadParameter):
        stage.ask(ReadTranscoded(id=receipt.ids.instance, syntaxes=("1.2.3",)))


def test_the_storage_area_waits_for_no_codec():
    assert TranscoderActor.rank < StorageActor.rank


# Files that are there


def reconstruct(stage, receipt):
    return stage.ask(
        ReconstructResource(level=Level.STUDY, id=receipt.ids.study, rewrite_files=True)
    )


def syntax_of(stage, receipt):
    question = DescribeAttachment(level=Level.INSTANCE, id=receipt.ids.instance)
    return stage.ask(question).metadata[Metadata.TRANSFER_SYNTAX]


def test_a_reconstruction_that_rewrites_files_transcodes_them(receiving, archive):
    receipt = receiving("").ask(StoreInstance(content=IMAGE))
    stage = receiving(RLE)

    report = reconstruct(stage, receipt)

    assert (report.reconstructed, report.failures) == (1, ())
    assert dicom.summarize(stored(stage, receipt)).transfer_syntax == RLE
    assert syntax_of(stage, receipt) == RLE
    stage.settle()
    assert len(archive.files()) == 1


def test_a_reconstruction_keeps_what_cannot_be_transcoded(receiving):
    receipt = receiving("").ask(StoreInstance(content=IMAGE))
    stage = receiving(RLE, answer=Unsupported())

    report = reconstruct(stage, receipt)

    assert (report.reconstructed, report.failures) == (1, ())
    assert stored(stage, receipt) == IMAGE
    assert syntax_of(stage, receipt) == EXPLICIT


def test_a_reconstruction_loses_nothing(receiving):
    receipt = receiving("").ask(StoreInstance(content=IMAGE))
    stage = receiving(JPEG_BASELINE, answer=AssertionError("nobody should ask"))

    reconstruct(stage, receipt)

    assert stored(stage, receipt) == IMAGE


def test_a_picture_is_made_by_a_process(stage, transcoder, workers):
    picture = stage.ask(Depict(content=IMAGE, order=PictureOrder(Depiction.PREVIEW)))

    assert picture.media_type == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    with pytest.raises(Unsupported, match="no such frame"):
        stage.ask(Depict(content=IMAGE, order=PictureOrder(Depiction.PREVIEW, frame=1)))
    with pytest.raises(BadParameter, match="no such frame"):
        stage.ask(Depict(content=IMAGE, order=PictureOrder(Depiction.RAW, frame=1)))
    assert len(workers) == 1


def test_a_codec_that_crashes_costs_one_picture_alone(stage, transcoder, workers):
    order = PictureOrder(Depiction.PREVIEW)
    stage.ask(Depict(content=IMAGE, order=order))
    os.kill(workers[0].pid, signal.SIGKILL)

    with pytest.raises(TranscodingFailed):
        stage.ask(Depict(content=IMAGE, order=order))
    assert stage.ask(Depict(content=IMAGE, order=order)).media_type == "image/png"
