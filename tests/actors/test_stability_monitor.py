import pytest

from repertory.actors.messages.changes import ListChanges
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DeleteResource, DescribeResource
from repertory.actors.messages.stability import DeclareStable, ListUnstable, ResourceStabilized
from repertory.actors.stability_monitor import StabilityMonitorActor
from repertory.errors import IndexBusy
from repertory.model import ChangeType, Level
from repertory.testing import ManualClock, Stage
from repertory.testing.files import make_dicom

STABLE = {ChangeType.STABLE_SERIES, ChangeType.STABLE_STUDY, ChangeType.STABLE_PATIENT}


def stable_changes(archive):
    page = archive.stage.ask(ListChanges(limit=100_000))
    return [change.type for change in page.changes if change.type in STABLE]


def store(archive, **options):
    return archive.stage.ask(StoreInstance(content=make_dicom(**options))).ids


def is_stable(archive, level, ids):
    return archive.stage.ask(DescribeResource(level=level, id=ids.at(level))).is_stable


def test_series_study_and_patient_become_stable_in_this_order_once(archive):
    archive.stage.listen(ResourceStabilized)
    ids = store(archive)
    archive.stage.clock.advance(61)
    archive.stage.clock.advance(1000)

    assert stable_changes(archive) == [
        ChangeType.STABLE_SERIES,
        ChangeType.STABLE_STUDY,
        ChangeType.STABLE_PATIENT,
    ]
    assert [event.level for event in archive.stage.heard(ResourceStabilized)] == [
        Level.SERIES,
        Level.STUDY,
        Level.PATIENT,
    ]
    assert is_stable(archive, Level.STUDY, ids)


def test_nothing_is_stable_at_exactly_stable_age(archive):
    ids = store(archive)
    archive.stage.clock.advance(60)
    assert not is_stable(archive, Level.STUDY, ids)
    archive.stage.clock.advance(1)

    assert is_stable(archive, Level.STUDY, ids)


def test_a_new_instance_starts_the_clock_anew(archive):
    ids = store(archive, study="1.2.3")
    archive.stage.clock.advance(50)
    store(archive, study="1.2.3")
    archive.stage.clock.advance(50)

    # The first series was quiet for longer; the study was not.
    assert not is_stable(archive, Level.STUDY, ids)
    assert is_stable(archive, Level.SERIES, ids)
    archive.stage.clock.advance(11)
    assert is_stable(archive, Level.STUDY, ids)


def test_a_stable_study_becomes_unstable_by_a_new_instance_and_stable_again(archive):
    ids = store(archive, study="1.2.3")
    archive.stage.clock.advance(61)
    store(archive, study="1.2.3")
    assert not is_stable(archive, Level.STUDY, ids)
    archive.stage.clock.advance(61)

    assert is_stable(archive, Level.STUDY, ids)
    assert stable_changes(archive).count(ChangeType.STABLE_STUDY) == 2


def test_a_deleted_study_is_never_declared_stable(archive):
    ids = store(archive)
    archive.stage.ask(DeleteResource(level=Level.STUDY, id=ids.study))
    archive.stage.clock.advance(61)

    assert stable_changes(archive) == []


def test_a_restart_in_the_middle_keeps_the_time_that_has_passed(archive):
    ids = store(archive)
    archive.stage.clock.advance(40)
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now())))
    archive.stage.clock.advance(10)
    assert not is_stable(archive, Level.STUDY, ids)
    archive.stage.clock.advance(11)

    assert is_stable(archive, Level.STUDY, ids)


def test_what_fell_due_while_the_archive_was_down_comes_late_rather_than_never(archive):
    ids = store(archive)
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now() + 86_400)))
    archive.stage.clock.advance(0.01)

    assert is_stable(archive, Level.PATIENT, ids)
    assert len(stable_changes(archive)) == 3


def test_what_was_stable_before_a_restart_is_not_announced_again(archive):
    store(archive)
    archive.stage.clock.advance(61)
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now())))
    archive.stage.clock.advance(1000)

    assert len(stable_changes(archive)) == 3


def test_a_wall_clock_that_is_set_back_changes_nothing(archive):
    ids = store(archive)
    archive.stage.clock.set_back(3600)
    archive.stage.clock.advance(61)

    assert is_stable(archive, Level.STUDY, ids)


def test_a_wall_clock_set_back_over_a_restart_costs_no_more_than_stable_age(archive):
    ids = store(archive)
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now() - 3600)))
    archive.stage.clock.advance(61)

    assert is_stable(archive, Level.STUDY, ids)


def test_an_index_that_is_busy_is_asked_again(archive):
    refusals = [IndexBusy()] * 3
    asked = []

    def answer(command):
        asked.append(command.resource.level)
        if refusals:
            raise refusals.pop()
        return True

    archive.stage.understudy(DeclareStable, answer=answer)
    store(archive)
    archive.stage.clock.advance(61)
    assert len(asked) == 3
    archive.stage.clock.advance(10)

    assert sorted(asked) == sorted([Level.SERIES, Level.STUDY, Level.PATIENT] * 2)


@pytest.mark.parametrize("count", [250])
def test_many_that_fall_due_together_are_all_declared(archive, count):
    for number in range(count):
        store(archive, patient_id=str(number))
    archive.stage.clock.advance(61)

    assert len(stable_changes(archive)) == 3 * count


def test_the_monitor_needs_no_index_to_stop(stage):
    stage.understudy(ListUnstable, answer=())
    ref = stage.put_on(StabilityMonitorActor, stable_age=60)
    stage.take_off(ref)

    assert not ref.is_alive()
