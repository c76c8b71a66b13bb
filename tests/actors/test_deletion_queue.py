import os
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.messages.attachments import (
    AttachmentsReleased,
    CountReleased,
    ForgetReleased,
    ListReleased,
    RemoveAttachment,
    RemoveAttachments,
    RemoveReleased,
)
from repertory.actors.messages.deletion import (
    DescribeBacklog,
    DescribeDeletionQueue,
    FlushReleased,
    ListFailedRemovals,
    PauseRemovals,
    RecordFailedRemovals,
    RecordPause,
    ResumeRemovals,
)
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DeleteResource
from repertory.actors.reply import Reply
from repertory.deletion import Backlog, FailedRemoval, ReleasedFile, retry_delay
from repertory.errors import Forbidden, IndexBusy, IndexFailed, StorageFailed
from repertory.model import Level
from repertory.testing import Stage
from repertory.testing.files import make_study


class Index:
    """An understudy's memory of the queue."""

    def __init__(self, stage, count):
        self.stage = stage
        self.queue = [ReleasedFile(n, f"file-{n}", 1, 10) for n in range(1, count + 1)]
        self.failed = {}
        self.paused = False
        stage.understudy(ListReleased, answer=self.released)
        stage.understudy(ForgetReleased, answer=self.forget)
        stage.understudy(DescribeBacklog, answer=lambda _: self.backlog())
        stage.understudy(ListFailedRemovals, answer=self.due)
        stage.understudy(RecordFailedRemovals, answer=self.fail)
        stage.understudy(RecordPause, answer=self.pause)

    def released(self, query):
        return tuple(file for file in self.queue if file.number > query.after)[: query.limit]

    def forget(self, command):
        self.queue = [file for file in self.queue if file.number not in command.numbers]
        self.failed = {n: it for n, it in self.failed.items() if n not in command.numbers}

    def fail(self, command):
        now = self.stage.clock.now()
        for number, reason in command.failures:
            attempts = self.failed[number].attempts + 1 if number in self.failed else 1
            (file,) = [file for file in self.queue if file.number == number]
            due = now + retry_delay(attempts)
            self.failed[number] = FailedRemoval(file, attempts, reason, now, due)

    def due(self, query):
        failed = sorted(self.failed.values(), key=lambda it: it.due)
        when = float("inf") if query.due is None else query.due
        return tuple(it for it in failed if it.due <= when)[: query.limit]

    def pause(self, command):
        self.paused = command.is_paused

    def backlog(self):
        return Backlog(
            files=len(self.queue),
            size=sum(file.size for file in self.queue),
            last=max((file.number for file in self.queue), default=0),
            oldest=self.stage.clock.now() - 90 if self.queue else None,
            failed=len(self.failed),
            failures=tuple(self.failed.values()),
            is_paused=self.paused,
        )


def removed(stage):
    return [command.uuid for command in stage.heard(RemoveAttachment)]


def test_files_go_in_the_order_in_which_they_were_released(stage):
    index = Index(stage, 250)
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor)
    stage.settle()

    assert removed(stage) == [f"file-{n}" for n in range(1, 251)]
    assert index.queue == []


def test_an_object_store_is_asked_for_many_at_once(stage):
    index = Index(stage, 250)
    stage.understudy(RemoveAttachments)
    stage.put_on(DeletionQueueActor, together=1000)
    stage.settle()

    (command,) = stage.heard(RemoveAttachments)
    assert [file.number for file in command.files] == list(range(1, 251))
    assert index.queue == []


def test_where_many_cannot_go_each_is_tried_and_those_go_that_can(stage):
    index = Index(stage, 5)

    def refuse(command):
        if command.uuid == "file-3":
            raise StorageFailed

    stage.understudy(RemoveAttachments, answer=StorageFailed())
    stage.understudy(RemoveAttachment, answer=refuse)
    stage.put_on(DeletionQueueActor, together=1000)
    stage.settle()

    assert removed(stage) == [f"file-{n}" for n in range(1, 6)]
    assert [file.number for file in index.queue] == [3]
    assert list(index.failed) == [3]


def test_files_that_are_throttled_go_one_by_one(stage):
    index = Index(stage, 2)
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor, together=1000, throttle=1.0)
    for _ in range(3):
        stage.settle()
        stage.clock.advance(1)
    stage.settle()

    assert removed(stage) == ["file-1", "file-2"]
    assert index.queue == []


def test_a_file_leaves_the_queue_only_after_it_is_gone(stage):
    index = Index(stage, 3)
    in_queue = []
    stage.understudy(
        RemoveAttachment,
        answer=lambda command: in_queue.append(command.uuid in {file.uuid for file in index.queue}),
    )
    stage.put_on(DeletionQueueActor)
    stage.settle()

    assert in_queue == [True] * 3


def test_the_throttle_spaces_the_files(stage):
    index = Index(stage, 3)
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor, throttle=2.0)
    stage.settle()
    assert removed(stage) == ["file-1"]
    stage.clock.advance(2)
    assert removed(stage) == ["file-1", "file-2"]
    assert len(index.queue) == 1
    stage.clock.advance(2)

    assert index.queue == []


def test_the_bell_wakes_the_queue(stage):
    index = Index(stage, 0)
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor)
    stage.settle()
    index.queue.append(ReleasedFile(9, "file-9", 1, 10))
    stage.board.publish(AttachmentsReleased())

    assert removed(stage) == ["file-9"]


def test_a_file_that_cannot_go_holds_nobody_up_and_is_tried_again_ever_later(stage):
    index = Index(stage, 3)
    attempts = []

    def answer(command):
        if command.uuid == "file-1":
            attempts.append(stage.clock.monotonic())
            if len(attempts) < 4:
                raise StorageFailed

    stage.understudy(RemoveAttachment, answer=answer)
    stage.put_on(DeletionQueueActor)
    stage.settle()
    assert [file.number for file in index.queue] == [1]
    stage.clock.advance(100)

    assert index.queue == []
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert len(gaps) == 3
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0]


def test_an_index_that_is_busy_postpones_the_removal(stage):
    index = Index(stage, 2)
    busy = [IndexBusy()]

    def answer(query):
        if busy:
            raise busy.pop()
        return index.released(query)

    stage.understudy(ListReleased, answer=answer)
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor)
    stage.settle()
    assert removed(stage) == []
    stage.clock.advance(5)

    assert index.queue == []


def test_whoever_asks_for_the_removal_is_answered_when_the_files_are_gone(archive):
    receipts = [archive.stage.ask(StoreInstance(content=c)) for c in make_study()]
    archive.stage.ask(DeleteResource(level=Level.STUDY, id=receipts[0].ids.study))
    archive.stage.ask(RemoveReleased())

    assert archive.files() == []
    assert archive.stage.ask(CountReleased()) == 0


def test_what_was_left_when_the_archive_stopped_goes_after_the_next_start(archive):
    archive.restart(without=(DeletionQueueActor,))
    receipts = [archive.stage.ask(StoreInstance(content=c)) for c in make_study()]
    archive.stage.ask(DeleteResource(level=Level.STUDY, id=receipts[0].ids.study))
    assert len(archive.files()) == len(receipts)
    assert archive.stage.ask(CountReleased()) == len(receipts)
    archive.restart(Stage())
    archive.stage.settle()

    assert archive.files() == []
    assert archive.stage.ask(CountReleased()) == 0


@pytest.mark.parametrize("throttle", [0.0, 1.0])
def test_stopping_takes_no_longer_than_one_file(stage, throttle):
    Index(stage, 1000)
    stage.understudy(RemoveAttachment)
    ref = stage.put_on(DeletionQueueActor, throttle=throttle)
    stage.take_off(ref)

    assert len(removed(stage)) < 1000


class Hold:
    """Somebody who copies files, or does not."""

    def __init__(self, *, held):
        self.held = held

    def is_held(self):
        return self.held


def test_nothing_is_removed_while_somebody_copies_and_all_of_it_afterwards(stage):
    index = Index(stage, 3)
    stage.understudy(RemoveAttachment)
    hold = Hold(held=True)
    stage.put_on(DeletionQueueActor, hold=hold)
    stage.settle()
    stage.clock.advance(60)
    assert removed(stage) == []
    hold.held = False
    stage.clock.advance(2)

    assert removed(stage) == ["file-1", "file-2", "file-3"]
    assert index.queue == []


def test_whoever_waits_for_the_removal_is_answered_while_somebody_copies(stage):
    index = Index(stage, 3)
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor, hold=Hold(held=True))

    stage.ask(RemoveReleased())
    stage.ask(RemoveReleased())

    assert removed(stage) == []
    assert len(index.queue) == 3


def test_what_was_listed_before_somebody_began_to_copy_still_goes(stage):
    index = Index(stage, 3)
    hold = Hold(held=False)
    stage.understudy(RemoveAttachment, answer=lambda _: setattr(hold, "held", True))
    stage.put_on(DeletionQueueActor, hold=hold)
    stage.settle()

    assert len(removed(stage)) == 3
    assert index.queue == []


def test_an_index_that_cannot_be_written_forgets_the_files_once_it_can(stage):
    index = Index(stage, 3)
    broken = [IndexFailed(), IndexBusy()]
    stage.understudy(
        ForgetReleased,
        answer=lambda command: broken.pop() if broken else index.forget(command),
    )
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor)
    stage.settle()
    assert len(index.queue) == 3
    stage.clock.advance(5)

    assert index.queue == []
    assert removed(stage) == ["file-1", "file-2", "file-3"]


def test_a_pause_stops_after_the_file_under_way_and_outlasts_a_restart(stage):
    index = Index(stage, 5)
    stage.understudy(RemoveAttachment)
    ref = stage.put_on(DeletionQueueActor, throttle=1.0)
    stage.settle()
    stage.ask(PauseRemovals())
    stage.clock.advance(60)
    assert removed(stage) == ["file-1"]
    assert index.paused
    stage.take_off(ref)
    stage.put_on(DeletionQueueActor)
    stage.clock.advance(60)
    assert removed(stage) == ["file-1"]
    stage.ask(ResumeRemovals())
    stage.settle()

    assert removed(stage) == [f"file-{n}" for n in range(1, 6)]
    assert not index.paused


def test_whoever_waits_is_answered_when_removals_pause(stage):
    index = Index(stage, 3)
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor, throttle=60.0)
    stage.ask(PauseRemovals())
    stage.settle()
    stage.ask(RemoveReleased())

    assert len(index.queue) == 2


def test_what_pauses_goes_when_it_is_flushed_and_what_comes_later_stays(stage):
    index = Index(stage, 250)
    index.paused = True
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor, throttle=60.0)
    stage.settle()
    assert removed(stage) == []
    last = ReleasedFile(251, "late", 1, 10)

    def release_another(_command):
        if last not in index.queue:
            index.queue.append(last)

    stage.understudy(RemoveAttachment, answer=release_another)
    stage.ask(FlushReleased())
    stage.settle()

    assert index.queue == [last]
    assert stage.ask(DescribeDeletionQueue()).is_paused


def test_a_flush_tries_at_once_what_could_not_go(stage):
    index = Index(stage, 3)
    broken = {"file-1", "file-3"}
    stage.understudy(
        RemoveAttachment,
        answer=lambda command: StorageFailed() if command.uuid in broken else None,
    )
    stage.put_on(DeletionQueueActor)
    stage.settle()
    assert [file.uuid for file in index.queue] == ["file-1", "file-3"]
    broken.clear()
    stage.ask(FlushReleased())
    stage.settle()

    assert index.queue == []


def test_the_status_tells_what_waits_what_failed_and_how_fast_it_goes(stage):
    index = Index(stage, 10)
    stage.understudy(
        RemoveAttachment,
        answer=lambda command: StorageFailed("It is stuck.") if command.uuid == "file-1" else None,
    )
    stage.put_on(DeletionQueueActor, throttle=2.0)
    for _ in range(4):
        stage.clock.advance(2)
    state = stage.ask(DescribeDeletionQueue())

    assert (state.backlog.files, state.backlog.size) == (len(index.queue), 10 * len(index.queue))
    assert [it.reason for it in state.backlog.failures] == ["It is stuck."]
    assert state.age == 90
    assert 0 < state.rate <= 1
    assert state.remaining == pytest.approx((state.backlog.files - 1) / state.rate)


def test_nobody_can_tell_how_long_it_takes_while_removals_pause(stage):
    index = Index(stage, 10)
    index.paused = True
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor)
    state = stage.ask(DescribeDeletionQueue())

    assert (state.is_paused, state.remaining, state.rate) == (True, None, 0.0)


def test_the_status_is_told_and_the_queue_stops_while_the_storage_hangs(stage):
    Index(stage, 3)
    hanging = []

    def hang(_command):
        hanging.append(Reply())
        return hanging[-1]

    stage.understudy(RemoveAttachment, answer=hang)
    ref = stage.put_on(DeletionQueueActor)
    stage.settle()
    assert stage.ask(DescribeDeletionQueue()).backlog.files == 3
    stage.take_off(ref)

    assert len(hanging) == 1


def test_an_error_nobody_foresaw_is_a_failure_of_that_file_and_tells_no_path(stage):
    index = Index(stage, 2)
    stage.understudy(
        RemoveAttachment,
        answer=lambda command: OSError("/srv/secret") if command.uuid == "file-1" else None,
    )
    stage.put_on(DeletionQueueActor)
    stage.settle()

    (failure,) = index.failed.values()
    assert failure.file.uuid == "file-1"
    assert "secret" not in failure.reason
    assert [file.uuid for file in index.queue] == ["file-1"]


def test_an_index_that_is_lost_when_the_archive_stops_keeps_nobody_waiting(stage):
    index = Index(stage, 1)
    stage.understudy(ForgetReleased, answer=IndexFailed())
    stage.understudy(RemoveAttachment)
    ref = stage.put_on(DeletionQueueActor, throttle=1.0)
    waiting = stage.ask_soon(RemoveReleased())
    stage.take_off(ref)

    assert waiting.get(timeout=10) is None
    assert len(index.queue) == 1


def test_whoever_waits_is_not_kept_by_what_is_released_after_it_asked(stage):
    index = Index(stage, 1)

    def remove(_command):
        number = index.queue[-1].number + 1
        if number < 400:
            index.queue.append(ReleasedFile(number, f"file-{number}", 1, 10))

    stage.understudy(RemoveAttachment, answer=remove)
    stage.put_on(DeletionQueueActor)
    stage.ask(RemoveReleased())
    gone = len(stage.heard(RemoveAttachment))
    stage.settle()

    assert gone <= 400
    assert index.queue == []


def test_removals_for_which_requests_wait_neither_pause_nor_are_throttled(stage):
    index = Index(stage, 5)
    index.paused = True
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor, throttle=60.0, at_once=True)
    stage.ask(RemoveReleased())

    assert index.queue == []
    with pytest.raises(Forbidden):
        stage.ask(PauseRemovals())


def test_a_read_only_archive_tells_what_waits_and_removes_nothing(stage):
    Index(stage, 3)
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor, read_only=True)
    stage.ask(RemoveReleased())
    stage.ask(FlushReleased())

    assert stage.ask(DescribeDeletionQueue()).backlog.files == 3
    assert removed(stage) == []


@pytest.mark.parametrize("obstacle", ["a directory in its place", "a folder that is locked"])
def test_a_file_that_cannot_be_removed_is_shown_and_goes_once_it_can(archive, obstacle):
    receipts = [archive.stage.ask(StoreInstance(content=c)) for c in make_study()]
    stuck = archive.files()[0]
    path = archive.folder / "files" / stuck[:2] / stuck[2:4] / stuck
    if obstacle == "a directory in its place":
        path.unlink()
        path.mkdir()
    else:
        path.parent.chmod(0o500)
        if os.access(path.parent, os.W_OK):
            pytest.skip("nothing is locked for this user")
    archive.stage.ask(DeleteResource(level=Level.STUDY, id=receipts[0].ids.study))
    archive.stage.clock.advance(10)
    (failure,) = archive.stage.ask(DescribeDeletionQueue()).backlog.failures
    assert archive.stage.ask(CountReleased()) == 1
    assert (failure.file.uuid, failure.attempts > 1) == (stuck, True)
    assert str(archive.folder) not in failure.reason
    if obstacle == "a directory in its place":
        path.rmdir()
    else:
        path.parent.chmod(0o700)
    archive.stage.clock.advance(300)

    assert archive.stage.ask(CountReleased()) == 0
    assert archive.files() == []
    assert archive.stage.ask(DescribeDeletionQueue()).backlog.failed == 0


def test_how_often_a_removal_failed_is_remembered_over_restarts(archive):
    receipts = [archive.stage.ask(StoreInstance(content=c)) for c in make_study()]
    stuck = archive.files()[0]
    path = archive.folder / "files" / stuck[:2] / stuck[2:4] / stuck
    path.unlink()
    path.mkdir()
    archive.stage.ask(DeleteResource(level=Level.STUDY, id=receipts[0].ids.study))
    archive.stage.settle()
    archive.restart(Stage())
    archive.stage.settle()

    (failure,) = archive.stage.ask(DescribeDeletionQueue()).backlog.failures
    assert failure.attempts == 2


@settings(max_examples=25)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.sampled_from([0.0, 0.5]))
def test_each_file_goes_exactly_once_and_is_first_tried_in_its_turn(failures, throttle):
    with Stage() as stage:
        index = Index(stage, len(failures))
        left = {f"file-{n}": count for n, count in enumerate(failures, 1)}
        gone = []

        def remove(command):
            if left[command.uuid]:
                left[command.uuid] -= 1
                raise StorageFailed
            gone.append(command.uuid)

        stage.understudy(RemoveAttachment, answer=remove)
        stage.put_on(DeletionQueueActor, throttle=throttle)
        for _ in range(60):
            stage.clock.advance(1)

        assert index.queue == []
        assert sorted(gone) == sorted(left)
        assert list(dict.fromkeys(removed(stage))) == list(left)
