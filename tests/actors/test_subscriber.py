import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from repertory.actors.messages.changes import ChangesLogged, ClearChanges
from repertory.actors.messages.following import HoldLog, LetGoOfLog, ListEvents
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DeleteResource
from repertory.actors.subscriber import PAGE, SubscriberActor
from repertory.errors import IndexBusy
from repertory.events import (
    ArchiveEvent,
    EventPage,
    InstanceStored,
    NewStudy,
    ResourceDeleted,
    ResourceStabilized,
    StudyStabilized,
    types_of,
)
from repertory.model import ChangeType, Level, ResourceId
from repertory.testing.files import make_dicom, make_study


@pytest.fixture
def subscribe(archive):
    """Put a callback on the archive's stage, from here on."""

    def subscribe(callback, *kinds, **parts):
        position = archive.stage.ask(HoldLog(reader="callback"))
        return archive.stage.put_on(
            SubscriberActor,
            name="callback",
            callback=callback,
            types=types_of(*(kinds or (ArchiveEvent,))),
            position=position,
            **parts,
        )

    return subscribe


def store(archive, content=None):
    return archive.stage.ask(StoreInstance(content=content or make_dicom()))


def test_a_callback_is_told_of_what_it_wants_after_it_was_subscribed(archive, subscribe):
    store(archive)
    told = []
    subscribe(told.append, InstanceStored, NewStudy)
    ids = store(archive).ids
    archive.stage.settle()

    assert [type(event) for event in told] == [InstanceStored, NewStudy]
    assert (told[0].instance, told[0].study) == (ids.instance, ids.study)


def test_the_class_above_stands_for_all_below_it():
    stable = {ChangeType.STABLE_PATIENT, ChangeType.STABLE_STUDY, ChangeType.STABLE_SERIES}

    assert types_of(ResourceStabilized) == stable
    assert types_of(StudyStabilized) == {ChangeType.STABLE_STUDY}
    assert ChangeType.DELETED in types_of(ArchiveEvent)


def test_a_stable_study_is_told_once(archive, subscribe):
    told = []
    subscribe(told.append, StudyStabilized)
    for content in make_study(instances=3):
        ids = store(archive, content).ids
    archive.stage.clock.advance(61)
    archive.stage.clock.advance(61)

    assert [event.study for event in told] == [ids.study]


def test_a_callback_runs_in_a_thread_of_its_own(archive, subscribe):
    threads = []
    subscribe(lambda _: threads.append(threading.current_thread()), InstanceStored)
    store(archive)
    archive.stage.settle()

    index = threads[0]
    assert index is not threading.current_thread()
    assert "SubscriberActor" in index.name


@pytest.mark.parametrize("error", [ValueError("DOE^JOHN"), SystemExit(1), KeyboardInterrupt()])
def test_a_callback_that_raises_is_logged_without_its_words_and_told_of_the_next(
    archive, subscribe, error
):
    told = []

    def fail(event):
        told.append(event)
        raise error

    subscribe(fail, InstanceStored)
    with capture_logs() as logs:
        store(archive)
        store(archive)
        archive.stage.settle()

    assert len(told) == 2
    failed = [line for line in logs if line["event"] == "callback_failed"]
    assert [line["error"] for line in failed] == [type(error).__name__] * 2
    assert failed[0]["at"].startswith("test_subscriber.py:")
    assert "DOE" not in str(logs)


def test_a_coroutine_is_run_to_its_end_and_may_ask_the_archive(archive, subscribe):
    told = []

    async def callback(event):
        await asyncio.sleep(0)
        page = await archive.stage.board.ask_async(ListEvents(since=event.number - 1, limit=1))
        told.append(page.events[0])

    subscribe(callback, InstanceStored)
    store(archive)
    store(archive)
    archive.stage.settle()

    assert [type(event) for event in told] == [InstanceStored] * 2


def test_a_slow_callback_keeps_nobody_waiting_and_nothing_piles_up_in_memory(archive, subscribe):
    reached, go_on = threading.Event(), threading.Event()
    told = []

    def slow(event):
        reached.set()
        go_on.wait(20)
        told.append(event.number)

    ref = subscribe(slow, InstanceStored)
    store(archive)
    assert reached.wait(20)
    for _ in range(3 * PAGE):
        store(archive)  # each is answered while the callback hangs
    waiting = ref.actor_inbox.qsize()
    go_on.set()
    archive.stage.settle()

    assert waiting <= 1
    assert len(told) == 3 * PAGE + 1
    assert told == sorted(set(told))


def test_a_slow_callback_misses_nothing_that_is_deleted_or_cleared_meanwhile(archive, subscribe):
    reached, go_on = threading.Event(), threading.Event()
    told = []

    def slow(event):
        reached.set()
        go_on.wait(20)
        told.append(event)

    subscribe(slow)
    store(archive)
    assert reached.wait(20)
    for _ in range(2):
        ids = store(archive).ids
        archive.stage.ask(DeleteResource(level=Level.STUDY, id=ids.study))
    archive.stage.ask(ClearChanges())
    go_on.set()
    archive.stage.settle()

    numbers = [event.number for event in told]
    assert numbers == [*range(1, numbers[-1] + 1)]
    assert told[-1].type is ChangeType.DELETED
    deleted = [event for event in told if isinstance(event, ResourceDeleted)]
    assert deleted[-3].study == ids.study


def test_an_index_that_is_busy_is_asked_again(stage):
    answers = [IndexBusy(), EventPage((an_event(1),), done=True, last=1)]
    stage.understudy(ListEvents, answer=lambda _: answers.pop(0))
    stage.understudy(HoldLog, LetGoOfLog)
    told = []
    put_on(stage, told.append)
    stage.settle()
    assert told == []
    stage.clock.advance(1)

    assert [event.number for event in told] == [1]


def test_a_callback_that_was_taken_off_is_called_no_more(archive, subscribe):
    cancelled = []
    told = []
    subscribe(told.append, is_cancelled=lambda: bool(cancelled))
    cancelled.append(True)
    store(archive)
    archive.stage.settle()

    assert told == []


def test_what_is_left_when_the_archive_stops_is_told_unless_it_takes_long(stage):
    events = tuple(an_event(number) for number in range(1, 10))
    stage.understudy(HoldLog, LetGoOfLog)
    pages = {0: EventPage((), done=True, last=0)}
    stage.understudy(ListEvents, answer=lambda q: pages.get(q.since, EventPage((), True, 9)))
    told = []

    def slow(event):
        told.append(event.number)
        stage.clock._elapsed += 0.5

    ref = put_on(stage, slow)
    stage.settle()
    pages[0] = EventPage(events, done=True, last=9)
    stage.take_off(ref)

    assert told == [1, 2, 3, 4]
    assert stage.heard(LetGoOfLog)


def test_the_bell_may_ring_as_often_as_it_likes(stage):
    stage.understudy(HoldLog, LetGoOfLog)
    stage.understudy(ListEvents, answer=EventPage((), done=True, last=0))
    ref = put_on(stage, lambda _: None)
    stage.settle()
    before = len(stage.heard(ListEvents))
    for _ in range(5):
        stage.board.publish(ChangesLogged())
        stage.settle()
    assert len(stage.heard(ListEvents)) == before + 5
    stage.take_off(ref)
    stage.board.publish(ChangesLogged())

    assert len(stage.heard(ListEvents)) <= before + 6


def an_event(number):
    return InstanceStored(
        number=number,
        type=ChangeType.NEW_INSTANCE,
        level=Level.INSTANCE,
        id=ResourceId("x"),
        date="20260101T000000",
    )


def put_on(stage, callback):
    return stage.put_on(
        SubscriberActor,
        name="callback",
        callback=callback,
        types=types_of(ArchiveEvent),
        position=0,
    )
