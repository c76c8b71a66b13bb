import pytest

from repertory.actors.messages.attachments import CountReleased, ReadAttachment, RemoveReleased
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import (
    DeleteResource,
    DescribeResource,
    ResourceDeleted,
)
from repertory.actors.messages.system import DescribeTotals
from repertory.actors.messages.trash import (
    DescribeTrash,
    EmptyTrash,
    ExpireTrash,
    ListTrash,
    ResourceRestored,
    RestoreTrash,
)
from repertory.actors.trash import TrashActor
from repertory.errors import FileLost, IndexBusy, UnknownItem, UnknownResource
from repertory.model import ContentType, Level
from repertory.testing import Stage
from repertory.testing.clock import BEGINNING, ManualClock
from repertory.testing.files import make_study
from repertory.trash import TrashTide

HOUR = 3_600.0


@pytest.fixture
def archive(archive):
    """An archive that keeps what is deleted for an hour."""
    archive.retention = HOUR
    archive.restart()
    return archive


def store(archive):
    contents = make_study(series=2, instances=3)
    receipts = [archive.stage.ask(StoreInstance(content=content)) for content in contents]
    return dict(zip((receipt.ids.instance for receipt in receipts), contents, strict=True)), (
        receipts[0].ids.study
    )


def delete(archive, study):
    archive.stage.ask(DeleteResource(level=Level.STUDY, id=study))


def read(archive, instance):
    question = ReadAttachment(level=Level.INSTANCE, id=instance, content_type=ContentType.DICOM)
    return archive.stage.ask(question).content


def test_what_is_deleted_keeps_its_files_and_comes_back_with_them(archive):
    contents, study = store(archive)
    delete(archive, study)
    archive.stage.ask(RemoveReleased())
    assert archive.stage.ask(DescribeTotals()).instances == 0
    assert len(archive.files()) == 6
    receipt = archive.stage.ask(RestoreTrash(name=study))

    assert (receipt.restored, receipt.kept) == (6, 0)
    assert {instance: read(archive, instance) for instance in contents} == contents


def test_without_retention_nothing_is_kept(archive):
    archive.retention = 0.0
    archive.restart()
    _, study = store(archive)
    delete(archive, study)

    assert archive.stage.ask(ListTrash()) == ()
    with pytest.raises(UnknownItem):
        archive.stage.ask(RestoreTrash(name=study))


def test_what_expires_loses_its_files(archive):
    _, study = store(archive)
    delete(archive, study)
    archive.stage.clock.advance(HOUR - 1)
    assert len(archive.files()) == 6
    archive.stage.clock.advance(120)

    assert archive.files() == []
    assert archive.stage.ask(ListTrash()) == ()
    assert archive.stage.ask(CountReleased()) == 0


def test_the_trash_outlasts_a_restart_and_what_expired_meanwhile_goes(archive):
    _, study = store(archive)
    delete(archive, study)
    archive.restart(Stage(clock=ManualClock(BEGINNING + HOUR / 2)))
    archive.stage.settle()
    (entry,) = archive.stage.ask(ListTrash())
    assert entry.id == study
    archive.restart(Stage(clock=ManualClock(BEGINNING + HOUR * 2)))
    archive.stage.settle()

    assert archive.stage.ask(ListTrash()) == ()
    assert archive.files() == []


def test_a_clock_that_was_set_back_makes_nothing_expire_early(archive):
    _, study = store(archive)
    archive.restart(Stage(clock=ManualClock(BEGINNING - 10 * HOUR)))
    delete(archive, study)
    archive.restart(Stage(clock=ManualClock(BEGINNING - 20 * HOUR)))
    archive.stage.clock.advance(HOUR / 2)
    assert len(archive.stage.ask(ListTrash())) == 1
    archive.stage.clock.advance(HOUR / 2 + 120)

    assert archive.stage.ask(ListTrash()) == ()


def test_a_clock_that_jumps_while_the_archive_runs_makes_nothing_expire(archive):
    _, study = store(archive)
    delete(archive, study)
    archive.stage.clock._epoch += 100 * HOUR
    archive.stage.clock.advance(600)

    assert len(archive.stage.ask(ListTrash())) == 1


def test_what_is_given_up_loses_its_files(archive):
    _, study = store(archive)
    delete(archive, study)
    archive.stage.ask(EmptyTrash(name=study))
    archive.stage.ask(RemoveReleased())

    assert archive.files() == []
    with pytest.raises(UnknownItem):
        archive.stage.ask(DescribeTrash(name=study))


def test_what_was_uploaded_anew_is_not_lost(archive):
    contents, study = store(archive)
    delete(archive, study)
    instance, content = next(iter(contents.items()))
    archive.stage.ask(StoreInstance(content=content))
    receipt = archive.stage.ask(RestoreTrash(name=study))
    archive.stage.ask(RemoveReleased())

    assert (receipt.restored, receipt.kept) == (5, 1)
    assert {one: read(archive, one) for one in contents} == contents
    assert len(archive.files()) == 6
    assert read(archive, instance) == content


def test_whoever_listens_hears_that_something_came_back(archive):
    _, study = store(archive)
    delete(archive, study)
    archive.stage.listen(ResourceRestored)
    archive.stage.ask(RestoreTrash(name="1"))

    assert archive.stage.heard(ResourceRestored) == [ResourceRestored(level=Level.STUDY, id=study)]


def test_what_was_not_stable_becomes_stable_after_it_was_restored(archive):
    _, study = store(archive)
    delete(archive, study)
    archive.stage.ask(RestoreTrash(name=study))
    assert not archive.stage.ask(DescribeResource(level=Level.STUDY, id=study)).is_stable
    archive.stage.clock.advance(archive.policy.stable_ages.longest + 1)

    assert archive.stage.ask(DescribeResource(level=Level.STUDY, id=study)).is_stable


def test_an_entry_can_be_restored_once(archive):
    _, study = store(archive)
    delete(archive, study)
    archive.stage.ask(RestoreTrash(name=study))

    with pytest.raises(UnknownItem):
        archive.stage.ask(RestoreTrash(name=study))


def test_what_is_deleted_for_good_cannot_be_read(archive):
    contents, study = store(archive)
    delete(archive, study)

    with pytest.raises((UnknownResource, FileLost)):
        read(archive, next(iter(contents)))


def test_the_actor_goes_on_while_more_has_expired_and_sleeps_when_nothing_is_left(stage):
    tides = [TrashTide(expired=20, left=5), TrashTide(expired=5, left=0)]
    stage.understudy(ExpireTrash, answer=lambda _: tides.pop(0) if tides else TrashTide(0, 0))
    stage.put_on(TrashActor)
    stage.settle()
    assert len(stage.heard(ExpireTrash)) == 2
    stage.clock.advance(HOUR)
    assert len(stage.heard(ExpireTrash)) == 2
    stage.board.publish(ResourceDeleted(level=Level.STUDY, id="x"))
    stage.clock.advance(60)

    assert len(stage.heard(ExpireTrash)) == 3


def test_an_index_that_is_busy_is_asked_again(stage):
    answers = [IndexBusy(), TrashTide(expired=0, left=0)]
    stage.understudy(ExpireTrash, answer=lambda _: answers.pop(0))
    stage.put_on(TrashActor)
    stage.clock.advance(60)

    assert answers == []
