"""Lines straight to the index."""

import threading

import pytest

from repertory.actors.index import IndexActor
from repertory.actors.messages.instances import RecordInstance
from repertory.actors.messages.lines import ListenTo
from repertory.actors.messages.system import DescribeTotals
from repertory.actors.portal.counterpart import Counterpart
from repertory.actors.portal.direct import DirectWay
from repertory.actors.portal.frames import Defect
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import IN_DOUBT, ArchiveFull, IndexFailed, NoReplyInTime
from repertory.meters import Meters
from repertory.model import Origin, StoreStatus
from repertory.storage import dicom
from repertory.storage.identifiers import resource_ids
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing import Stage
from repertory.testing.clock import ManualClock
from repertory.testing.files import make_dicom
from repertory.testing.server import until

PATIENCE = 20.0


def an_instance():
    summary = dicom.summarize(make_dicom(), MAIN_DICOM_TAGS)
    return RecordInstance(
        ids=resource_ids(summary.identity), summary=summary, attachment=None, origin=Origin()
    )


@pytest.fixture
def index(tmp_path):
    """A stage with an index."""
    stage = Stage()
    stage.ref = stage.put_on(IndexActor, engine=SqliteEngine(tmp_path))
    yield stage
    stage.close()


@pytest.fixture
def board():
    """The switchboard of another process."""
    return Switchboard(clock=ManualClock(), patience=PATIENCE)


@pytest.fixture
def open_way(board):
    opened = []

    def open_way(stage):
        opened.append(DirectWay(board, Counterpart(stage.board).open_direct_line()))
        return opened[-1]

    yield open_way
    for way in opened:
        way.close()


def in_a_thread(work):
    """What ``work`` returns in a thread of its own."""
    found = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[0]


def test_what_a_thread_records_goes_straight_to_the_index(index, board, open_way):
    way = open_way(index)

    def record():
        board.go_by(way.ask, kind=RecordInstance)
        return [board.ask_soon(an_instance()) for _ in range(3)]

    replies = in_a_thread(record)

    assert all(it.done for it in replies)
    assert [it.get().status for it in replies] == [StoreStatus.SUCCESS] * 3
    assert "direct-line" not in {it.name for it in threading.enumerate()}  # the index reads it
    # Another thread has no such way, and this board nobody else.
    assert board.ask_soon(an_instance()).error is not None


def test_how_long_it_takes_is_measured(index, board, open_way):
    board.meters = Meters(is_on=True)
    way = open_way(index)

    def record():
        board.go_by(way.ask, kind=RecordInstance)
        return board.ask_soon(an_instance())

    in_a_thread(record)

    assert sum(board.meters.answers[RecordInstance].counts) == 1


def test_several_threads_are_answered_each(index, open_way):
    ways = [open_way(index) for _ in range(5)]
    begin = threading.Barrier(5)
    found = []

    def record(way):
        begin.wait(PATIENCE)
        found.extend(way.ask(an_instance()).get(timeout=0).status for _ in range(20))

    threads = [threading.Thread(target=record, args=(way,), daemon=True) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert found == [StoreStatus.SUCCESS] * 100


def test_a_refusal_comes_back_as_it_is(open_way):
    stage = Stage()
    stage.understudy(ListenTo, answer=False)
    stage.understudy(RecordInstance, answer=ArchiveFull("It is full."))

    reply = open_way(stage).ask(an_instance())

    with pytest.raises(ArchiveFull, match="It is full"):
        reply.get(timeout=0)
    stage.close()


def test_nothing_else_is_asked_by_it(index, open_way):
    way = open_way(index)

    with pytest.raises(Defect):
        way.ask(DescribeTotals()).get(timeout=0)
    assert way.ask(an_instance()).get(timeout=0).status is StoreStatus.SUCCESS


def test_where_the_index_does_not_listen_a_thread_does(open_way):
    stage = Stage()
    stage.understudy(ListenTo, answer=False)
    way = open_way(stage)
    threads = until(lambda: [it for it in threading.enumerate() if it.name == "direct-line"])

    way.close()

    until(lambda: not any(it.is_alive() for it in threads))
    stage.close()


def test_without_an_index_there_is_no_line(open_way):
    stage = Stage()

    reply = open_way(stage).ask(an_instance())

    assert isinstance(reply.error, NoReplyInTime)
    stage.close()


def test_what_was_asked_of_an_index_that_ends_may_have_been_done(index, open_way):
    way = open_way(index)
    assert way.ask(an_instance()).get(timeout=0).status is StoreStatus.SUCCESS
    index.take_off(index.ref)

    reply = way.ask(an_instance())

    # So a file that was written for it stays: nobody knows.
    assert isinstance(reply.error, IN_DOUBT)


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(board, open_way):
    stage = Stage()
    late = Reply()
    stage.understudy(ListenTo, answer=False)
    stage.understudy(RecordInstance, answer=late)
    board.patience = 0.05
    way = open_way(stage)

    assert isinstance(way.ask(an_instance()).error, NoReplyInTime)

    # Whatever comes later is no answer to what is asked then.
    late.refuse(IndexFailed())
    stage.understudy(RecordInstance, answer=ArchiveFull())
    board.patience = PATIENCE
    assert isinstance(way.ask(an_instance()).error, ArchiveFull)
    stage.close()
