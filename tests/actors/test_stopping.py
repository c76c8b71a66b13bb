import io
import threading
import zipfile

import pytest

from repertory.actors.crew import ThreadCrew
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.instances import (
    AppendToUpload,
    BeginUpload,
    RecordInstance,
    StoreZip,
)
from repertory.actors.storage import IDLE_LIMIT, StorageActor
from repertory.errors import ShuttingDown, UnknownItem
from repertory.model import Origin, OriginKind
from repertory.storage.areas import FilesystemArea
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing import Stage
from repertory.testing.files import make_dicom

API = Origin(kind=OriginKind.REST_API)


@message
class SomethingHappened(Event):
    """Something happened."""


def test_work_that_comes_while_a_crew_closes_is_done_or_refused():
    for _ in range(50):
        crew = ThreadCrew(2, name="test")
        replies = []
        begin = threading.Barrier(2)

        def bring(crew=crew, replies=replies, begin=begin):
            begin.wait()
            replies.extend(crew.do(int) for _ in range(100))

        bringer = threading.Thread(target=bring)
        bringer.start()
        begin.wait()
        crew.close()
        bringer.join()

        assert len(replies) == 100
        for reply in replies:
            try:
                assert reply.get(timeout=5) == 0
            except ShuttingDown:
                assert reply.error is not None


def test_a_zip_archive_that_is_being_stored_when_the_archive_stops_is_answered(tmp_path):
    with Stage() as stage:
        crew = ThreadCrew(1, name="test")
        waiting, going_on = threading.Event(), threading.Event()

        def hold(_command):
            waiting.set()
            going_on.wait(10)
            raise ShuttingDown

        stage.understudy(RecordInstance, answer=hold)
        area = FilesystemArea(tmp_path, synchronize=False)
        storage = stage.put_on(StorageActor, area=area, crew=crew, main_tags=MAIN_DICOM_TAGS)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number in range(200):
                archive.writestr(f"{number}.dcm", make_dicom())

        reply = stage.ask_soon(StoreZip(content=packed.getvalue(), origin=API))
        assert waiting.wait(10)
        ended = threading.Thread(target=storage.stop)
        ended.start()
        going_on.set()

        with pytest.raises(ShuttingDown):
            reply.get(timeout=10)
        ended.join(10)
        assert not ended.is_alive()


def test_an_upload_that_its_owner_forgot_is_abandoned(archive):
    stage = archive.stage
    forgotten = stage.ask(BeginUpload())
    stage.ask(AppendToUpload(upload=forgotten, content=b"forgotten"))
    stage.clock.advance(IDLE_LIMIT - 10)
    slow = stage.ask(BeginUpload())
    staged = archive.area.staging_path
    assert staged(forgotten).exists()

    stage.clock.advance(11)
    assert not staged(forgotten).exists()
    for _ in range(5):
        stage.clock.advance(IDLE_LIMIT / 2)
        stage.ask(AppendToUpload(upload=slow, content=b"slow"))
    assert staged(slow).read_bytes() == b"slow" * 5
    with pytest.raises(UnknownItem):
        stage.ask(AppendToUpload(upload=forgotten, content=b"more"))

    stage.clock.advance(3 * IDLE_LIMIT)
    assert list(staged("x").parent.iterdir()) == []


def test_a_listener_that_fails_keeps_an_event_from_nobody(stage):
    heard = []

    def fail(_event):
        raise ZeroDivisionError

    stage.board.listen(SomethingHappened, fail)
    stage.board.listen(SomethingHappened, heard.append)

    stage.board.publish(SomethingHappened())

    assert heard == [SomethingHappened()]
