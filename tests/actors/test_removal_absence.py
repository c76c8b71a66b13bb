"""The deletion queue while a storage cannot be reached."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.messages.attachments import (
    AttachmentsReleased,
    CountReleased,
    RemoveAttachment,
    RemoveAttachments,
    RemoveReleased,
)
from repertory.actors.messages.deletion import (
    DescribeDeletionQueue,
    FlushReleased,
    PauseRemovals,
    ResumeRemovals,
)
from repertory.actors.messages.health import ProbeStorage
from repertory.actors.messages.places import ReleaseCopies, ReserveCopies
from repertory.actors.removal_absence import SLOW
from repertory.actors.reply import Reply
from repertory.deletion import LAST_RETRY, AbsentStorage
from repertory.errors import ShuttingDown, StorageFailed, StorageUnavailable
from repertory.model import Attachment
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.storage.naming import new_uuid
from repertory.testing import ManualClock, Stage

DISK, FAR = 0, 2
DOWN = "The bucket cannot be reached."


class Queue:
    """A real index and a real queue; storages that go, come, hang, and refuse single files."""

    def __init__(self, folder, *, stage=None, **options):
        self.folder = folder
        self.options = {"together": 10} | options
        self.down = set()
        self.hangs = set()
        self.refused = {}
        self.gone = []
        self.asked = []
        self.probes = []
        self.hanging = []
        self.start(stage or Stage())

    def start(self, stage):
        self.stage = stage
        engine = SqliteEngine(self.folder)
        stage.put_on(IndexActor, engine=engine)
        stage.put_on(IndexReaderActor, engine=engine)
        stage.understudy(RemoveAttachment, answer=lambda it: self._remove(it.location, [it.uuid]))
        stage.understudy(RemoveAttachments, answer=self._remove_many)
        stage.understudy(ProbeStorage, answer=self._probe)
        self.ref = stage.put_on(DeletionQueueActor, **self.options)
        stage.settle()

    def restart(self):
        self.stage.close()
        self.start(Stage(clock=ManualClock(now=self.stage.clock.now())))

    def _remove_many(self, command):
        (location,) = {file.location for file in command.files}
        return self._remove(location, [file.uuid for file in command.files])

    def _remove(self, location, uuids):
        self.asked.append((location, len(uuids)))
        if location in self.hangs:
            reply = Reply()
            self.hanging.append((reply, uuids))
            return reply
        if location in self.down:
            raise StorageUnavailable(DOWN)
        for uuid in uuids:
            if uuid in self.refused:
                raise self.refused[uuid]
        self.gone.extend(uuids)
        return None

    def _probe(self, query):
        self.probes.append((self.stage.clock.monotonic(), query.location))
        if query.location in self.down:
            raise StorageUnavailable(DOWN)

    def answer(self, error=None):
        """Let what hangs come to its end."""
        hanging, self.hanging = self.hanging, []
        for reply, uuids in hanging:
            if error is None:
                self.gone.extend(uuids)
                reply.set(None)
            else:
                reply.refuse(error)
        self.stage.settle()

    def release(self, *locations):
        """Release a file in each of these storages; their names."""
        names = [new_uuid() for _ in locations]
        for name, location in zip(names, locations, strict=True):
            file = Attachment(name, 1, 10, "", 10, "", location=location)
            self.stage.ask(ReserveCopies(copies=(file,)))
        self.stage.ask(ReleaseCopies(uuids=tuple(names)))
        self.stage.settle()
        return names

    def advance(self, seconds):
        self.stage.clock.advance(seconds)

    @property
    def left(self):
        return self.stage.ask(CountReleased())

    @property
    def state(self):
        return self.stage.ask(DescribeDeletionQueue())


@pytest.fixture
def queue(tmp_path):
    made = Queue(tmp_path)
    yield made
    made.stage.close()


def test_a_storage_that_cannot_be_reached_rests_as_a_whole_and_others_go_on(queue):
    queue.down = {FAR}
    near, far = queue.release(*[DISK, FAR] * 30)[::2], 30
    queue.advance(3600)

    assert sorted(queue.gone) == sorted(near)
    assert sum(location == FAR for location, _ in queue.asked) == 1
    assert queue.left == far
    assert queue.state.backlog.failed == 0


def test_it_is_asked_again_after_a_growing_pause_and_no_removal_is_tried_until_it_answers(queue):
    queue.down = {FAR}
    queue.release(FAR, FAR)
    queue.advance(2000)

    times = [round(moment) for moment, _ in queue.probes]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, LAST_RETRY]
    assert set(pauses[9:]) == {LAST_RETRY}
    assert queue.asked == [(FAR, 2)]


def test_it_goes_on_in_batches_and_each_file_goes_once_when_the_storage_is_back(queue):
    queue.down = {FAR}
    names = queue.release(*[FAR] * 35)
    later = queue.release(*[FAR] * 5)  # these come while it is away
    queue.advance(60)
    queue.asked.clear()
    queue.down.clear()
    queue.advance(64)

    assert queue.gone == [*names, *later]
    assert queue.asked == [(FAR, 10)] * 4
    assert queue.left == 0


def test_it_is_logged_once_that_it_rests_and_once_that_it_is_back(queue):
    with capture_logs() as logs:
        queue.down = {FAR}
        queue.release(*[DISK, FAR] * 20)
        queue.advance(1000)
        queue.down.clear()
        queue.advance(300)

    told = [it for it in logs if it["event"] in {"storage_avoided", "storage_returned"}]
    assert [it["event"] for it in told] == ["storage_avoided", "storage_returned"]
    assert {it["location"] for it in told} == {FAR}
    assert 1000 <= told[1]["seconds"] <= 1300
    assert not [it for it in logs if it["event"] == "removal_failed"]


def test_the_status_names_what_cannot_be_reached_since_when_and_why(queue):
    began = queue.stage.clock.now()
    queue.down = {FAR}
    queue.release(DISK, FAR)
    queue.advance(10)
    state = queue.state

    assert state.absent == (AbsentStorage(FAR, began, DOWN, began + 15),)
    assert (state.backlog.files, state.remaining) == (1, None)
    queue.down.clear()
    queue.advance(5)
    assert queue.state.absent == ()


def test_a_file_that_a_storage_refuses_although_it_answers_holds_up_no_other(queue):
    names = queue.release(DISK)  # something that goes, so that the next come together
    queue.stage.ask(PauseRemovals())
    names += queue.release(*[FAR] * 25)
    queue.refused = {names[7]: StorageUnavailable("It refuses the access.")}
    queue.stage.ask(ResumeRemovals())
    queue.stage.settle()

    assert sorted(queue.gone) == sorted(set(names) - {names[7]})
    (failure,) = queue.state.backlog.failures
    assert (failure.file.uuid, failure.reason) == (names[7], "It refuses the access.")
    assert queue.state.absent == ()

    queue.refused.clear()
    queue.advance(1)
    assert queue.left == 0


def test_a_file_that_failed_before_waits_for_its_storage_and_then_for_its_turn(queue):
    (bad,) = queue.release(FAR)
    assert queue.gone == [bad]
    queue.refused = {}
    queue.stage.ask(PauseRemovals())
    bad, *others = queue.release(*[FAR] * 3)
    queue.refused = {bad: StorageFailed("No.")}
    queue.stage.ask(ResumeRemovals())
    queue.stage.settle()
    assert queue.left == 1
    queue.down = {FAR}
    more = queue.release(FAR)
    queue.advance(30)
    assert queue.state.backlog.failures[0].attempts == 1

    queue.down.clear()
    queue.refused.clear()
    queue.advance(64)
    assert sorted(queue.gone[1:]) == sorted([bad, *others, *more])
    assert queue.left == 0


def test_a_storage_that_hangs_keeps_those_of_others_waiting_for_some_seconds_only(queue):
    queue.hangs = {FAR}
    far, near = queue.release(FAR), queue.release(DISK, DISK)
    assert queue.gone == []
    queue.advance(SLOW)
    assert queue.gone == near
    assert queue.state.absent == ()

    more = queue.release(FAR, DISK)
    assert queue.gone == [*near, more[1]]
    queue.hangs.clear()
    queue.answer()
    assert sorted(queue.gone) == sorted([*far, *near, *more])
    assert (queue.left, queue.probes) == (0, [])


def test_a_storage_that_hangs_and_then_fails_rests(queue):
    queue.hangs = {FAR}
    far = queue.release(FAR)
    queue.advance(SLOW)
    queue.hangs.clear()
    queue.down = {FAR}
    queue.answer(StorageUnavailable(DOWN))
    assert [it.location for it in queue.state.absent] == [FAR]

    queue.down.clear()
    queue.advance(1)
    assert queue.gone == far


def test_a_storage_that_is_slow_with_a_file_that_it_refuses_goes_on_with_the_others(queue):
    queue.hangs = {FAR}
    names = queue.release(FAR)
    queue.advance(SLOW)
    names += queue.release(FAR, FAR)
    queue.hangs.clear()
    queue.answer(StorageFailed("No."))

    assert queue.gone == names[1:]
    assert queue.state.backlog.failed == 1


def test_whoever_waits_for_files_waits_for_a_slow_storage_and_not_for_one_that_is_away(queue):
    queue.hangs = {FAR}
    queue.release(FAR)
    waiting = queue.stage.ask_soon(RemoveReleased())
    queue.advance(2 * SLOW)
    queue.release(DISK)
    assert not waiting.done
    queue.hangs.clear()
    queue.answer()
    assert waiting.done

    queue.down = {FAR}
    queue.release(FAR)
    assert queue.stage.ask(RemoveReleased()) is None
    assert queue.left == 1


def test_a_flush_asks_at_once(queue):
    queue.down = {FAR}
    names = queue.release(FAR, FAR)
    queue.advance(1000)
    queue.down.clear()
    queue.stage.ask(FlushReleased())
    queue.stage.settle()

    assert queue.gone == names


def test_a_flush_in_vain_does_not_make_it_ask_twice(queue):
    queue.down = {FAR}
    queue.release(FAR)
    queue.advance(100)
    before = len(queue.probes)
    queue.stage.ask(FlushReleased())
    queue.stage.settle()
    assert len(queue.probes) == before + 1
    queue.advance(1000)

    assert len(queue.probes) <= before + 5


def test_what_waits_is_paused_with_all_others_and_goes_afterwards(queue):
    queue.down = {FAR}
    names = queue.release(FAR)
    queue.stage.ask(PauseRemovals())
    queue.down.clear()
    queue.advance(100)
    assert queue.gone == []
    queue.stage.ask(ResumeRemovals())
    queue.stage.settle()

    assert queue.gone == names


def test_the_next_run_tries_again_at_once(queue):
    queue.down = {FAR}
    names = queue.release(FAR, FAR)
    queue.advance(1000)
    queue.down.clear()
    queue.restart()

    assert queue.gone == names
    assert queue.left == 0


def test_a_queue_that_stops_while_it_asks_says_nothing(queue):
    asked = Reply()
    queue.stage.understudy(ProbeStorage, answer=lambda _: asked)
    queue.down = {FAR}
    queue.release(FAR)
    with capture_logs() as logs:
        asked.refuse(ShuttingDown())
        queue.stage.settle()

    assert logs == []
    assert queue.left == 1


def test_what_waits_is_not_gone_through_again_with_each_file_that_comes(tmp_path, monkeypatch):
    queue = Queue(tmp_path)
    queue.down = {FAR}
    queue.release(*[FAR] * 20)
    cursor = queue.stage.ask(DescribeDeletionQueue()).backlog.last
    queue.release(DISK)
    actor = queue.ref._actor_weakref()

    assert actor._cursor >= cursor
    queue.stage.close()


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([1, 2, 3])), max_size=6),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=8),
    st.sampled_from([0.0, 0.5]),
)
def test_whatever_goes_and_comes_each_file_goes_exactly_once(
    tmp_path_factory, outages, arrivals, throttle
):
    queue = Queue(tmp_path_factory.mktemp("queue"), throttle=throttle)
    names = []
    for second in range(50):
        for at, location in outages:
            if at == second:
                queue.down ^= {location}
        for at, count in arrivals:
            if at == second:
                names += queue.release(*[(number * 7 + at) % 4 for number in range(count)])
        queue.advance(1)
    queue.down.clear()
    queue.stage.board.publish(AttachmentsReleased())
    queue.advance(2 * LAST_RETRY)

    assert sorted(queue.gone) == sorted(names)
    assert queue.left == 0
    assert queue.state.backlog.failed == 0
    queue.stage.close()
