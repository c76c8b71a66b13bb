from itertools import pairwise

import pytest

from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.messages.attachments import (
    AttachmentsReleased,
    CountReleased,
    ForgetReleased,
    ListReleased,
    RemoveAttachment,
    RemoveReleased,
)
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DeleteResource
from repertory.errors import IndexBusy, StorageFailed
from repertory.model import Level, ReleasedFile
from repertory.testing import Stage
from repertory.testing.files import make_study


class Index:
    """An understudy's memory of the queue."""

    def __init__(self, stage, count):
        self.queue = [ReleasedFile(n, f"file-{n}", 1, 10) for n in range(1, count + 1)]
        stage.understudy(ListReleased, answer=lambda query: tuple(self.queue[: query.limit]))
        stage.understudy(ForgetReleased, answer=self.forget)

    def forget(self, command):
        self.queue = [file for file in self.queue if file.number not in command.numbers]


def removed(stage):
    return [command.uuid for command in stage.heard(RemoveAttachment)]


def test_files_go_in_the_order_in_which_they_were_released(stage):
    index = Index(stage, 250)
    stage.understudy(RemoveAttachment)
    stage.put_on(DeletionQueueActor)
    stage.settle()

    assert removed(stage) == [f"file-{n}" for n in range(1, 251)]
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
        return tuple(index.queue[: query.limit])

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
