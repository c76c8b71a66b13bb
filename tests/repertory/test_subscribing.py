import threading

import pytest

from repertory import Repertory, Settings
from repertory.actors.messages.instances import InstanceStored as InternalEvent
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DescribeResource
from repertory.events import ArchiveEvent, InstanceStored, NewStudy, StudyStabilized
from repertory.model import Level
from repertory.testing import ManualClock
from repertory.testing.files import make_dicom
from repertory.testing.server import until


@pytest.fixture
def settings(tmp_path):
    return Settings(storage_directory=str(tmp_path), http_server_enabled=False)


def test_a_callback_that_is_registered_before_the_start_is_told_of_all(settings):
    archive = Repertory(settings)
    told = []

    @archive.on(InstanceStored, main_tags=True)
    def note(event):
        told.append(archive.ask(DescribeResource(level=Level.STUDY, id=event.study)).id)
        assert event.main_tags["0008,0018"]

    with archive:
        ids = archive.ask(StoreInstance(content=make_dicom())).ids

    assert told == [ids.study]
    with archive:  # it stays over a stop
        archive.ask(StoreInstance(content=make_dicom()))
    assert len(told) == 2


def test_a_callback_comes_and_goes_while_the_archive_runs(settings):
    told = []
    with Repertory(settings) as archive:
        archive.ask(StoreInstance(content=make_dicom()))
        archive.on(NewStudy)(told.append)
        archive.ask(StoreInstance(content=make_dicom()))
        until(lambda: told)
        assert archive.off(told.append)
        assert not archive.off(told.append)
        archive.ask(StoreInstance(content=make_dicom()))

    assert len(told) == 1


def test_a_callback_may_take_itself_off(settings):
    told = []
    with Repertory(settings) as archive:

        @archive.on(InstanceStored)
        def once(event):
            told.append(event)
            archive.off(once)

        for _ in range(3):
            archive.ask(StoreInstance(content=make_dicom()))

    assert len(told) == 1


def test_a_stable_study_is_told(settings):
    clock = ManualClock()
    told = []
    with Repertory(settings, clock=clock) as archive:
        archive.on(StudyStabilized)(told.append)
        ids = archive.ask(StoreInstance(content=make_dicom())).ids
        until(lambda: (clock.advance(61), told)[1])

    assert [event.study for event in told] == [ids.study]


@pytest.mark.parametrize(
    "kind",
    [
        InternalEvent,
        ArchiveEvent(**dict.fromkeys(("number", "type", "level", "id", "date"))),
        "StudyStabilized",
    ],
)
def test_what_is_no_event_is_refused_at_once(settings, kind):
    with pytest.raises(TypeError, match=r"repertory\.events"):
        Repertory(settings).on(kind)


def test_nothing_to_listen_to_and_nothing_to_call_are_refused(settings):
    with pytest.raises(TypeError):
        Repertory(settings).on()
    with pytest.raises(TypeError):
        Repertory(settings).on(ArchiveEvent)("callback")


def test_a_callback_that_hangs_does_not_keep_the_archive_from_stopping(settings, monkeypatch):
    monkeypatch.setattr("repertory.subscribing.STOP_PATIENCE", 0.05)
    hangs, release = threading.Event(), threading.Event()

    def hang(_):
        hangs.set()
        release.wait(20)

    archive = Repertory(settings)
    archive.on(InstanceStored)(hang)
    with archive:
        archive.ask(StoreInstance(content=make_dicom()))
        assert hangs.wait(20)
    release.set()


def test_a_read_only_archive_has_nothing_to_tell(tmp_path, settings):
    with Repertory(settings):
        pass
    told = []
    archive = Repertory(
        Settings(storage_directory=str(tmp_path), http_server_enabled=False, read_only=True)
    )
    archive.on(ArchiveEvent)(told.append)
    with archive:
        pass

    assert told == []
