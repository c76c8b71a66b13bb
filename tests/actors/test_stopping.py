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
    StoreInstance,
    StoreZip,
)
from repertory.actors.reply import Reply
from repertory.actors.storage import IDLE_LIMIT, StorageActor
from repertory.errors import LimitReached, ShuttingDown, UnknownItem
from repertory.model import (
    ContentType,
    Origin,
    OriginKind,
    StoreReceipt,
    StoreStatus,
)
from repertory.storage.areas import FilesystemArea
from repertory.storage.dicom import summarize
from repertory.storage.files import FileOptions, Files
from repertory.storage.identifiers import resource_ids
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


def test_a_closed_crew_still_tidies_up():
    crew = ThreadCrew(1, name="test")
    crew.close()

    assert crew.tidy(lambda: threading.current_thread().name).get(timeout=5) == "MainThread"
    assert isinstance(crew.do(int).error, ShuttingDown)


def test_the_file_of_a_duplicate_goes_though_the_archive_stops_meanwhile(tmp_path):
    with Stage() as stage:
        asked, answered = threading.Event(), Reply()
        stage.understudy(RecordInstance, answer=lambda _: asked.set() or answered)
        area = FilesystemArea(tmp_path, synchronize=False)
        crew = ThreadCrew(1, name="test")
        storage = stage.put_on(StorageActor, area=area, crew=crew, main_tags=MAIN_DICOM_TAGS)
        content = make_dicom()
        ids = resource_ids(summarize(content).identity)
        stored = Files(area, FileOptions()).write(content, ContentType.DICOM)

        reply = stage.ask_soon(StoreInstance(content=content))
        assert asked.wait(10)
        stage.take_off(storage)
        answered.set(StoreReceipt(ids, StoreStatus.ALREADY_STORED, stored=stored))

        assert reply.get(timeout=10).status is StoreStatus.ALREADY_STORED
        assert list(area.names()) == [stored.uuid]


def test_a_refused_file_goes_though_the_archive_stops_meanwhile(tmp_path):
    with Stage() as stage:
        asked, answered = threading.Event(), Reply()
        stage.understudy(RecordInstance, answer=lambda _: asked.set() or answered)
        area = FilesystemArea(tmp_path, synchronize=False)
        crew = ThreadCrew(1, name="test")
        storage = stage.put_on(StorageActor, area=area, crew=crew, main_tags=MAIN_DICOM_TAGS)

        reply = stage.ask_soon(StoreInstance(content=make_dicom()))
        assert asked.wait(10)
        stage.take_off(storage)
        answered.refuse(LimitReached())

        with pytest.raises(LimitReached):
            reply.get(timeout=10)
        assert list(area.names()) == []
