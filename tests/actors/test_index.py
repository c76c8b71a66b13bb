import threading

import pytest

from repertory.actors.index import IndexActor
from repertory.actors.messages.attachments import AttachmentsReleased
from repertory.actors.messages.changes import ClearChanges, DescribeLastChange, ListChanges
from repertory.actors.messages.instances import InstanceStored, StoreInstance
from repertory.actors.messages.integrity import MendInstance
from repertory.actors.messages.resources import (
    DeleteResource,
    DescribeResource,
    ListResources,
    ResourceDeleted,
)
from repertory.actors.messages.system import DescribeTotals
from repertory.errors import IndexBusy, IndexFailed, UnknownResource
from repertory.model import ChangeType, Level, ResourceId
from repertory.testing import Stage
from repertory.testing.files import make_dicom, make_study


class CountingEngine:
    """An engine's writer that counts its commits, and fails where it is told to."""

    def __init__(self):
        self.begun = self.commits = self.rollbacks = 0
        self.is_void = False
        self.last_change = 0
        self.fail_commit = self.fail_begin = self.fail_change = None
        self.gate = threading.Event()
        self.noted = []

    def open(self):
        pass

    def close(self):
        pass

    def writer(self):
        return self

    def recorded_time(self):
        return None

    def has_copies(self):
        return False

    def begin(self, _now=0.0, *, is_repeatable=False):
        if self.fail_begin:
            raise self.fail_begin
        self.begun += 1

    def commit(self):
        if self.fail_commit:
            raise self.fail_commit
        self.commits += 1

    def rollback(self):
        self.is_void = False
        self.rollbacks += 1

    def limit_periods(self, moment, longest):
        return 0

    def clear_changes(self):
        self.gate.wait(10)
        if self.fail_change:
            self.is_void = True
            raise self.fail_change

    def delete_resource(self, level, id_, now, _keeping):
        raise UnknownResource

    def mend_instance(self, *_values):
        return True

    def note_stored_under(self, configuration):
        self.noted.append(configuration)


@pytest.fixture
def engine():
    return CountingEngine()


@pytest.fixture
def index(stage, engine):
    stage.put_on(IndexActor, engine=engine)
    engine.begun = engine.commits = 0  # what the start needs is another matter
    return stage


def test_changes_that_wait_together_are_committed_together(index, engine):
    replies = [index.ask_soon(ClearChanges()) for _ in range(50)]
    engine.gate.set()
    for reply in replies:
        reply.get(timeout=10)

    # The first one may have been alone; all the others waited for the gate.
    assert engine.commits <= 2


def test_a_change_alone_is_committed_at_once(index, engine):
    engine.gate.set()
    index.ask(ClearChanges())

    assert (engine.begun, engine.commits) == (1, 1)


def test_nothing_is_answered_before_its_commit(index, engine):
    first = index.ask_soon(ClearChanges())
    index.ask_soon(ClearChanges())
    assert not first.done
    engine.gate.set()

    assert first.get(timeout=10) is None
    assert engine.commits >= 1


def test_a_refusal_leaves_the_rest_of_its_group_alone(index, engine):
    good = index.ask_soon(ClearChanges())
    bad = index.ask_soon(DeleteResource(level=Level.STUDY, id=ResourceId("x")))
    engine.gate.set()
    with pytest.raises(UnknownResource):
        bad.get(timeout=10)

    assert good.get(timeout=10) is None
    assert engine.rollbacks == 0


@pytest.mark.parametrize("step", ["fail_begin", "fail_change", "fail_commit"])
def test_a_database_that_fails_is_told_to_everyone_and_used_again(index, engine, step):
    setattr(engine, step, IndexBusy())
    replies = [index.ask_soon(ClearChanges()) for _ in range(5)]
    engine.gate.set()
    for reply in replies:
        with pytest.raises(IndexBusy):
            reply.get(timeout=10)

    setattr(engine, step, None)
    assert index.ask(ClearChanges()) is None


def test_under_which_configuration_a_run_stores_is_noted_once_and_again_if_that_is_undone(
    stage, engine
):
    stage.put_on(IndexActor, engine=engine, configuration="this one")
    mend = MendInstance(id=ResourceId("x"), replaces="", attachment=None, summary=None)
    engine.fail_commit = IndexFailed()
    with pytest.raises(IndexFailed):
        stage.ask(mend)
    assert engine.noted == ["this one"]
    engine.fail_commit = None
    stage.ask(mend)
    stage.ask(mend)

    assert engine.noted == ["this one"] * 2


def test_a_defect_in_one_change_is_a_failure_of_that_change(index, engine):
    engine.delete_resource = None
    engine.gate.set()
    with pytest.raises(IndexFailed):
        index.ask(DeleteResource(level=Level.STUDY, id=ResourceId("x")))

    assert index.ask(ClearChanges()) is None


def test_what_waits_for_a_commit_is_committed_when_the_actor_stops(engine):
    with Stage() as stage:
        ref = stage.put_on(IndexActor, engine=engine)
        engine.gate.set()
        replies = [stage.ask_soon(ClearChanges()) for _ in range(3)]
        stage.take_off(ref)
        for reply in replies:
            assert reply.get(timeout=10) is None


def test_storing_tells_who_listens_after_the_commit(archive):
    archive.stage.listen(InstanceStored)
    receipt = archive.stage.ask(StoreInstance(content=make_dicom()))

    (event,) = archive.stage.heard(InstanceStored)
    assert event == InstanceStored(ids=receipt.ids, activity=receipt.activity)


def test_an_instance_that_is_there_already_is_no_news(archive):
    content = make_dicom()
    archive.stage.ask(StoreInstance(content=content))
    archive.stage.listen(InstanceStored)
    archive.stage.ask(StoreInstance(content=content))

    assert archive.stage.heard(InstanceStored) == []


def test_deleting_a_study_empties_the_archive(archive):
    receipts = [archive.stage.ask(StoreInstance(content=c)) for c in make_study()]
    archive.stage.listen(ResourceDeleted, AttachmentsReleased)
    study = receipts[0].ids.study
    receipt = archive.stage.ask(DeleteResource(level=Level.STUDY, id=study))
    archive.stage.settle()

    assert receipt.remaining_ancestor is None
    assert archive.stage.heard(ResourceDeleted) == [ResourceDeleted(level=Level.STUDY, id=study)]
    assert archive.stage.ask(ListResources(level=Level.PATIENT)) == ()
    assert archive.stage.ask(DescribeTotals()).disk_size == 0
    assert archive.files() == []


def test_deleting_one_instance_leaves_its_ancestors(archive):
    receipts = [archive.stage.ask(StoreInstance(content=c)) for c in make_study()]
    receipt = archive.stage.ask(DeleteResource(level=Level.INSTANCE, id=receipts[0].ids.instance))

    assert receipt.remaining_ancestor.level is Level.SERIES
    assert receipt.remaining_ancestor.id == receipts[0].ids.series
    with pytest.raises(UnknownResource):
        archive.stage.ask(DescribeResource(level=Level.INSTANCE, id=receipts[0].ids.instance))


def test_one_upload_logs_four_changes_and_numbering_goes_on_after_clearing(archive):
    archive.stage.ask(StoreInstance(content=make_dicom()))
    page = archive.stage.ask(ListChanges())
    assert [change.type for change in page.changes] == [
        ChangeType.NEW_INSTANCE,
        ChangeType.NEW_SERIES,
        ChangeType.NEW_STUDY,
        ChangeType.NEW_PATIENT,
    ]
    archive.stage.ask(ClearChanges())

    assert archive.stage.ask(ListChanges()).changes == ()
    assert archive.stage.ask(DescribeLastChange()).last == page.last


def test_everything_is_there_after_a_restart(archive):
    content = make_dicom()
    receipt = archive.stage.ask(StoreInstance(content=content))
    before = archive.stage.ask(DescribeResource(level=Level.STUDY, id=receipt.ids.study))
    archive.restart()

    assert archive.stage.ask(DescribeResource(level=Level.STUDY, id=receipt.ids.study)) == before
