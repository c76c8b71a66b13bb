"""Files that are written while the index enters them."""

import hashlib
import uuid

import pytest

from repertory.actors.index import GROUP_LIMIT, IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.messages.changes import ChangesLogged
from repertory.actors.messages.instances import FileArrived, InstanceStored, RecordInstance
from repertory.actors.messages.labels import AddLabel, ListLabels
from repertory.actors.messages.stability import DeclareDue
from repertory.actors.messages.system import DescribeTotals
from repertory.errors import (
    ArchiveFull,
    Forbidden,
    IndexBusy,
    IndexFailed,
    ShuttingDown,
    StorageFailed,
)
from repertory.model import Attachment, ContentType, Level, Origin, StoreStatus
from repertory.storage import dicom
from repertory.storage.identifiers import resource_ids
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing import Stage
from repertory.testing.files import make_dicom


class Index:
    """The actor on a stage, with a real database; ``begin`` says what ``FileArrived`` ends."""

    def __init__(self, engine, **options):
        self.engine = engine
        self.stage = Stage()
        self.stage.listen(InstanceStored, ChangesLogged)
        self.ref = self.stage.put_on(IndexActor, engine=self.engine, **options)
        self.stage.put_on(IndexReaderActor, engine=self.engine)

    def record(self, content=None, *, is_arriving=False):
        content = content or make_dicom()
        summary = dicom.summarize(content, MAIN_DICOM_TAGS)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        size = len(content)
        file = Attachment(str(uuid.uuid4()), ContentType.DICOM, size, md5, size, md5)
        command = RecordInstance(
            ids=resource_ids(summary.identity),
            summary=summary,
            attachment=file,
            origin=Origin(),
            is_arriving=is_arriving,
        )
        return file.uuid, self.stage.ask_soon(command)

    def begin(self, content=None):
        return self.record(content, is_arriving=True)

    def arrive(self, file):
        self.stage.board.publish(FileArrived(uuid=file))

    def lose(self, file):
        self.stage.board.publish(FileArrived(uuid=file, is_there=False))

    def instances(self):
        return self.stage.ask(DescribeTotals()).instances


@pytest.fixture
def put_on(fickle_engine_class, tmp_path):
    """Puts the index on a stage of its own; the folder is the same each time."""
    opened = []

    def put_on(**options):
        opened.append(Index(fickle_engine_class(tmp_path, synchronous="NORMAL"), **options))
        return opened[-1]

    yield put_on
    for it in opened:
        it.stage.close()


@pytest.fixture
def index(put_on):
    return put_on()


def test_nothing_is_committed_and_nobody_answered_before_the_file_is_there(index):
    file, first = index.begin()
    _, second = index.record()
    index.stage.settle()

    assert not first.done
    assert not second.done
    assert not index.instances()
    assert not index.stage.heard(InstanceStored)

    index.arrive(file)

    assert first.get(timeout=10).status is second.get(timeout=10).status is StoreStatus.SUCCESS
    assert index.instances() == 2
    assert len(index.stage.heard(InstanceStored)) == 2


def test_until_the_file_is_there_all_of_the_commit_but_its_end_is_done(index, tmp_path):
    log = next(tmp_path.glob("*-wal"))
    before = log.stat().st_size
    file, first = index.begin()
    index.stage.settle()

    assert index.engine.fickle.prepared == 1
    assert log.stat().st_size > before
    assert not index.instances()

    # What comes then is committed with it.
    _, second = index.record()
    index.stage.ask_soon(AddLabel(level=Level.PATIENT, id="none", label="x"))
    index.stage.settle()
    index.arrive(file)

    assert first.get(timeout=10).status is second.get(timeout=10).status is StoreStatus.SUCCESS
    assert index.instances() == 2


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(IndexBusy(), None), (ArchiveFull(), ArchiveFull), (ValueError("a defect"), IndexFailed)],
)
def test_a_commit_that_cannot_be_prepared_is_made_anew_or_told_to_all(index, failure, expected):
    index.engine.fickle.failures_to_prepare = [failure]
    file, first = index.begin()
    index.stage.settle()
    index.arrive(file)

    if expected is None:
        assert first.get(timeout=10).status is StoreStatus.SUCCESS
    else:
        with pytest.raises(expected):
            first.get(timeout=10)
    _, next_one = index.record()
    assert next_one.get(timeout=10).status is StoreStatus.SUCCESS
    assert index.instances() == (2 if expected is None else 1)


def test_several_files_are_waited_for(index):
    (first, one), (second, two) = index.begin(), index.begin()
    index.stage.settle()
    index.arrive(second)
    index.stage.settle()

    assert not one.done
    assert not two.done

    index.arrive(first)

    assert one.get(timeout=10).activity < two.get(timeout=10).activity
    assert index.instances() == 2


def test_what_was_to_be_entered_of_a_file_that_does_not_come_is_left_out(index):
    content = make_dicom()
    file, lost = index.begin(content)
    other, kept = index.begin()
    _, beside = index.record()
    again, copy = index.begin(content)
    index.lose(file)
    with pytest.raises(StorageFailed):
        lost.get(timeout=10)
    index.stage.settle()
    assert not kept.done
    assert not copy.done

    index.arrive(other)
    index.arrive(again)

    # What had been there already, a moment ago, was not there in the end.
    replies = (kept, beside, copy)
    assert [it.get(timeout=10).status for it in replies] == [StoreStatus.SUCCESS] * 3
    assert index.instances() == 3
    assert len(index.stage.heard(InstanceStored)) == 3


def test_a_file_that_was_alone_and_does_not_come_leaves_no_trace(index):
    file, lost = index.begin()
    index.lose(file)
    with pytest.raises(StorageFailed):
        lost.get(timeout=10)
    index.stage.settle()
    assert not index.stage.heard(ChangesLogged)

    assert index.record()[1].get(timeout=10).status is StoreStatus.SUCCESS
    assert index.instances() == 1


def test_a_full_group_waits_as_well(index):
    content = make_dicom()
    file, first = index.begin(content)
    ids = resource_ids(dicom.summarize(content, MAIN_DICOM_TAGS).identity)
    labels = [
        index.stage.ask_soon(AddLabel(level=Level.STUDY, id=ids.study, label=f"L{number}"))
        for number in range(GROUP_LIMIT + 10)
    ]
    last, second = index.begin()
    index.stage.settle()
    index.arrive(file)
    index.stage.settle()
    assert not any(it.done for it in (first, second, *labels))

    assert index.engine.fickle.prepared == 1  # and not for each that came then

    index.arrive(last)

    for reply in (first, second, *labels):
        reply.get(timeout=10)
    found = index.stage.ask(ListLabels(level=Level.STUDY, id=ids.study))
    assert len(found) == GROUP_LIMIT + 10


def test_the_file_that_fills_a_group_is_waited_for(index):
    file, first = index.begin()
    for _ in range(GROUP_LIMIT - 2):
        index.stage.ask_soon(DeclareDue(limit=1))
    last, reply = index.begin()
    index.arrive(file)
    index.stage.settle()
    assert not first.done
    assert not reply.done

    index.arrive(last)

    assert reply.get(timeout=10).status is StoreStatus.SUCCESS
    assert index.instances() == 2


def test_a_group_that_was_undone_for_a_passing_reason_is_made_anew_with_what_has_arrived(index):
    file, reply = index.begin()
    lost, other = index.begin()
    index.engine.fickle.failures = [IndexBusy()]
    index.lose(lost)
    index.arrive(file)

    assert reply.get(timeout=10).status is StoreStatus.SUCCESS
    assert isinstance(other.error, StorageFailed)
    assert index.instances() == 1


def test_a_file_of_a_group_that_failed_is_no_matter_of_the_next_one(index):
    first, one = index.begin()
    index.engine.fickle.failures = [IndexFailed()]
    index.arrive(first)
    with pytest.raises(IndexFailed):
        one.get(timeout=10)
    second, two = index.begin()
    index.arrive(first)
    index.stage.settle()
    assert not two.done

    index.arrive(second)

    assert two.get(timeout=10).status is StoreStatus.SUCCESS
    assert index.instances() == 1


def test_the_clock_may_be_set_while_a_file_is_written(index):
    file, reply = index.begin()
    index.stage.clock.set_back(3_600)
    due = index.stage.ask_soon(DeclareDue(limit=10))
    index.stage.settle()
    assert not due.done

    index.arrive(file)

    assert reply.get(timeout=10).status is StoreStatus.SUCCESS
    assert not due.get(timeout=10).resources


def test_a_file_that_comes_for_nobody_does_no_harm(put_on):
    index = put_on(read_only=True)
    file, reply = index.begin()
    index.arrive(file)
    index.lose("11111111-1111-4111-8111-111111111111")

    with pytest.raises(Forbidden):
        reply.get(timeout=10)
    assert index.instances() == 0


def test_what_waits_for_a_file_when_the_archive_stops_was_never_there(put_on):
    index = put_on()
    _, reply = index.begin()
    index.stage.take_off(index.ref)

    with pytest.raises(ShuttingDown):
        reply.get(timeout=10)
    index.stage.close()
    assert put_on().instances() == 0
