import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.messages.changes import ChangesInDoubt, ListChanges
from repertory.actors.messages.instances import InstanceStored, StoreInstance
from repertory.actors.messages.labels import AddLabel
from repertory.actors.messages.metadata import SetMetadata
from repertory.actors.messages.nodes import NodesLooked
from repertory.actors.messages.reconstruction import ReconstructResource
from repertory.actors.messages.resources import DeleteResource, DescribeResource, SetProtection
from repertory.actors.messages.stability import (
    DeclareDue,
    DeclareStable,
    DeclareUnstable,
    ListUnstable,
    ResourceStabilized,
)
from repertory.actors.stability_monitor import StabilityMonitorActor
from repertory.errors import Forbidden, IndexBusy, ShuttingDown, UnknownResource
from repertory.items import Stabilized
from repertory.model import (
    ChangeType,
    Level,
    Origin,
    OriginKind,
    StoreStatus,
)
from repertory.storage.index.policy import Overwriting, StableAges, StorePolicy
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.testing import ManualClock, Stage
from repertory.testing.files import make_dicom

UPWARDS = (Level.SERIES, Level.STUDY, Level.PATIENT)
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
    archive.stage.clock.advance(60.9)
    assert not is_stable(archive, Level.STUDY, ids)
    archive.stage.clock.advance(0.1)

    # More than StableAge in whole seconds, as in Orthanc.
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


@pytest.mark.parametrize("hours", [1, -1], ids=["back", "forward"])
def test_a_wall_clock_that_is_set_changes_nothing(archive, hours):
    ids = store(archive)
    archive.stage.clock.set_back(3600 * hours)
    other = store(archive, patient_id="OTHER")
    archive.stage.clock.advance(60)
    assert not is_stable(archive, Level.STUDY, ids)
    archive.stage.clock.advance(1)

    assert is_stable(archive, Level.STUDY, ids)
    assert is_stable(archive, Level.STUDY, other)
    assert len(stable_changes(archive)) == 6


@pytest.mark.parametrize("hours", [1, -1], ids=["back", "forward"])
def test_what_waits_goes_with_a_wall_clock_that_was_set_before_a_restart(archive, hours):
    store(archive, patient_id="FIRST")
    archive.stage.clock.advance(59)
    archive.stage.clock.set_back(3600 * hours)
    ids = store(archive, patient_id="SECOND")
    archive.stage.clock.advance(2)
    assert len(stable_changes(archive)) == 3
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now())))
    archive.stage.clock.advance(58)
    assert not is_stable(archive, Level.STUDY, ids)
    archive.stage.clock.advance(1)

    assert is_stable(archive, Level.STUDY, ids)


def test_a_wall_clock_set_back_over_a_restart_costs_no_more_than_stable_age(archive):
    ids = store(archive)
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now() - 3600)))
    archive.stage.clock.advance(60)
    assert not is_stable(archive, Level.STUDY, ids)
    archive.stage.clock.advance(1)

    assert is_stable(archive, Level.STUDY, ids)


def test_a_wall_clock_set_forward_over_a_restart_is_taken_for_a_long_night(archive):
    ids = store(archive)
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now() + 3600)))
    archive.stage.clock.advance(0)

    assert is_stable(archive, Level.STUDY, ids)
    assert len(stable_changes(archive)) == 3


def test_an_index_that_is_busy_is_asked_again(archive):
    answers = [IndexBusy(), IndexBusy(), Stabilized((), None)]
    asked = []

    def answer(command):
        asked.append(archive.stage.clock.monotonic())
        return answers.pop(0)

    archive.stage.understudy(DeclareDue, answer=answer)
    store(archive)
    archive.stage.clock.advance(1000)

    assert asked == [61, 66, 71]


@pytest.mark.parametrize("count", [250])
def test_many_that_fall_due_together_are_all_declared(archive, count):
    for number in range(count):
        store(archive, patient_id=str(number))
    archive.stage.clock.advance(61)

    assert len(stable_changes(archive)) == 3 * count


def test_the_monitor_needs_no_index_to_stop(stage):
    stage.understudy(DeclareDue, answer=ShuttingDown())
    ref = stage.put_on(StabilityMonitorActor, shortest_age=60)
    stage.take_off(ref)

    assert not ref.is_alive()


def test_the_oldest_activity_comes_first(archive):
    archive.stage.listen(ResourceStabilized)
    first = store(archive, patient_id="A")
    archive.stage.clock.advance(0.5)
    second = store(archive, patient_id="B")
    archive.stage.clock.advance(0.25)
    store(archive, patient_id="A", study=None)
    archive.stage.clock.advance(100)

    heard = [(event.level, event.id) for event in archive.stage.heard(ResourceStabilized)]
    assert heard[0] == (Level.SERIES, first.series)
    assert heard[2:5] == [(level, second.at(level)) for level in UPWARDS]
    assert heard[-1] == (Level.PATIENT, first.patient)


def test_a_sender_who_never_pauses_for_so_long_keeps_its_study_unstable(archive):
    for _ in range(20):
        ids = store(archive, study="1.2.3", series="1.2.3.4")
        archive.stage.clock.advance(60.5)
        assert not is_stable(archive, Level.SERIES, ids)
    assert stable_changes(archive) == []
    archive.stage.clock.advance(0.5)

    assert len(stable_changes(archive)) == 3


def test_an_index_that_is_read_only_declares_nothing_whatever_the_clock_does(archive):
    store(archive)
    archive.stage.close()
    archive.stage = Stage()
    engine = SqliteEngine(archive.folder / "index")
    archive.stage.put_on(IndexActor, engine=engine, read_only=True)
    archive.stage.put_on(IndexReaderActor, engine=engine)
    before = archive.stage.ask(ListUnstable())
    archive.stage.clock.set_back(3600)
    for question in (DeclareDue(limit=1), DeclareStable(level=before[0].level, id=before[0].id)):
        with pytest.raises(Forbidden):
            archive.stage.ask(question)

    assert archive.stage.ask(ListUnstable()) == before


# What does not restart the time


@pytest.fixture
def settled(archive):
    """A study that is stable, and the bytes of its instance."""
    content = make_dicom(study="1.2.3")
    ids = archive.stage.ask(StoreInstance(content=content)).ids
    archive.stage.clock.advance(61)
    return ids, content


def test_an_instance_that_was_there_already_does_not_restart_the_time(archive, settled):
    ids, content = settled
    receipt = archive.stage.ask(StoreInstance(content=content))

    assert receipt.status is StoreStatus.ALREADY_STORED
    assert is_stable(archive, Level.STUDY, ids)


@pytest.mark.parametrize(
    "work",
    [
        lambda ids: ReconstructResource(level=Level.STUDY, id=ids.study),
        lambda ids: SetMetadata(level=Level.STUDY, id=ids.study, number=1024, value="a"),
        lambda ids: AddLabel(level=Level.STUDY, id=ids.study, label="a"),
        lambda ids: SetProtection(id=ids.patient, protected=True),
    ],
    ids=["reconstruct", "metadata", "label", "protection"],
)
def test_what_users_do_does_not_restart_the_time(archive, settled, work):
    ids, _ = settled
    archive.stage.ask(work(ids))

    assert all(is_stable(archive, level, ids) for level in UPWARDS)
    archive.stage.clock.advance(1000)
    assert len(stable_changes(archive)) == 3


def test_a_deleted_child_does_not_restart_the_time(archive, settled):
    ids, _ = settled
    other = store(archive, study="1.2.3")
    archive.stage.clock.advance(61)
    archive.stage.ask(DeleteResource(level=Level.SERIES, id=other.series))

    assert is_stable(archive, Level.STUDY, ids)


def test_a_child_that_is_deleted_while_it_waits_leaves_its_parents_waiting(archive):
    ids = store(archive, study="1.2.3")
    archive.stage.clock.advance(30)
    other = store(archive, study="1.2.3")
    archive.stage.ask(DeleteResource(level=Level.SERIES, id=other.series))
    archive.stage.clock.advance(60)
    assert is_stable(archive, Level.SERIES, ids)
    assert not is_stable(archive, Level.STUDY, ids)
    archive.stage.clock.advance(1)

    assert is_stable(archive, Level.STUDY, ids)
    assert len(stable_changes(archive)) == 3


def test_an_overwritten_instance_does_restart_the_time(archive):
    archive.policy = StorePolicy(overwriting=Overwriting.ALWAYS)
    archive.restart()
    content = make_dicom()
    ids = archive.stage.ask(StoreInstance(content=content)).ids
    archive.stage.clock.advance(61)
    archive.stage.ask(StoreInstance(content=content))

    assert not any(is_stable(archive, level, ids) for level in UPWARDS)
    archive.stage.clock.advance(61)
    assert len(stable_changes(archive)) == 6


# Ages of their own


def test_each_modality_waits_for_its_own_age_over_a_restart_too(archive):
    ages = StableAges(default=60, by_modality={"CT": 10, "US": 300})
    archive.policy = StorePolicy(stable_ages=ages)
    archive.restart()
    ct = store(archive, study="1.2.3", tags={"0008,0060": "CT"})
    us = store(archive, study="1.2.3", tags={"0008,0060": "US"})
    archive.stage.clock.advance(11)
    assert is_stable(archive, Level.SERIES, ct)
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now())))
    archive.stage.clock.advance(289)
    assert not is_stable(archive, Level.STUDY, ct)
    archive.stage.clock.advance(1)

    assert all(is_stable(archive, level, us) for level in UPWARDS)
    assert len(stable_changes(archive)) == 4


def test_what_a_sender_with_an_age_of_its_own_sends_waits_for_it(archive):
    ages = StableAges(default=60, by_remote_aet={"QUICK": 2})
    archive.policy = StorePolicy(stable_ages=ages)
    archive.restart()
    origin = Origin(kind=OriginKind.DICOM_PROTOCOL, remote_aet="QUICK")
    slow, content = store(archive), make_dicom(patient_id="OTHER")
    quick = archive.stage.ask(StoreInstance(content=content, origin=origin)).ids
    archive.stage.clock.advance(3)

    assert is_stable(archive, Level.PATIENT, quick)
    assert not is_stable(archive, Level.PATIENT, slow)


def test_a_stable_age_that_was_made_shorter_holds_for_what_waits_already(archive):
    ids = store(archive)
    archive.policy = StorePolicy(stable_ages=StableAges(default=20))
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now() + 5)))
    archive.stage.clock.advance(15)
    assert not is_stable(archive, Level.STUDY, ids)
    archive.stage.clock.advance(1)

    assert is_stable(archive, Level.STUDY, ids)


# Declared by somebody


def test_whoever_declares_a_study_stable_need_not_wait(archive):
    archive.stage.listen(ResourceStabilized)
    ids = store(archive)
    assert archive.stage.ask(DeclareStable(level=Level.STUDY, id=ids.study)) is True
    assert archive.stage.ask(DeclareStable(level=Level.STUDY, id=ids.study)) is False

    assert is_stable(archive, Level.STUDY, ids)
    assert not is_stable(archive, Level.SERIES, ids)
    archive.stage.clock.advance(61)
    heard = [event.level for event in archive.stage.heard(ResourceStabilized)]
    assert heard == [Level.STUDY, Level.SERIES, Level.PATIENT]
    assert stable_changes(archive).count(ChangeType.STABLE_STUDY) == 1


def test_whoever_declares_a_study_unstable_lets_it_wait_anew(archive, settled):
    ids, _ = settled
    assert archive.stage.ask(DeclareUnstable(level=Level.STUDY, id=ids.study)) is True
    archive.stage.clock.advance(30)
    assert archive.stage.ask(DeclareUnstable(level=Level.STUDY, id=ids.study)) is False
    archive.stage.clock.advance(60)
    assert not is_stable(archive, Level.STUDY, ids)
    assert is_stable(archive, Level.SERIES, ids)
    archive.stage.clock.advance(1)

    assert is_stable(archive, Level.STUDY, ids)
    assert stable_changes(archive).count(ChangeType.STABLE_STUDY) == 2


@pytest.mark.parametrize("kind", [DeclareStable, DeclareUnstable])
def test_what_is_not_there_cannot_be_declared_anything(archive, kind):
    ids = store(archive)
    for level, id_ in [(Level.STUDY, ids.series), (Level.INSTANCE, ids.instance)]:
        with pytest.raises(UnknownResource):
            archive.stage.ask(kind(level=level, id=id_))


def test_who_waits_is_told_in_the_order_of_what_is_due(archive):
    store(archive, patient_id="A")
    archive.stage.clock.advance(5)
    store(archive, patient_id="B")

    unstable = archive.stage.ask(ListUnstable(limit=4))
    assert [each.level for each in unstable] == [*UPWARDS, Level.SERIES]
    assert [each.quiet_since for each in unstable] == sorted(each.quiet_since for each in unstable)


# Looking


def looks(stage):
    return len(stage.heard(DeclareDue))


def test_the_monitor_looks_once_for_all_that_came_at_about_the_same_time(stage):
    stage.understudy(DeclareDue, answer=Stabilized((), None))
    ref = stage.put_on(StabilityMonitorActor, shortest_age=60)
    assert looks(stage) == 1
    for _ in range(100):
        stage.board.publish(InstanceStored(ids=None, activity=1))
    stage.clock.advance(60.9)
    assert looks(stage) == 1
    stage.clock.advance(0.1)

    assert looks(stage) == 2
    stage.clock.advance(10_000)
    assert looks(stage) == 2
    stage.take_off(ref)


def test_an_instance_with_a_short_age_brings_the_next_look_forward(stage):
    stage.understudy(DeclareDue, answer=Stabilized((), 500.0))
    ref = stage.put_on(StabilityMonitorActor, shortest_age=5)
    stage.board.publish(InstanceStored(ids=None, activity=1))
    stage.clock.advance(6)

    assert looks(stage) == 2
    stage.take_off(ref)


def test_what_may_have_come_is_looked_for_too(stage):
    stage.understudy(DeclareDue, answer=Stabilized((), None))
    ref = stage.put_on(StabilityMonitorActor, shortest_age=60)
    stage.board.publish(ChangesInDoubt())
    stage.clock.advance(61)

    assert looks(stage) == 2
    stage.take_off(ref)


def test_among_nodes_it_looks_now_and_then_though_nothing_comes_here(stage):
    stage.understudy(DeclareDue, answer=Stabilized((), None))
    ref = stage.put_on(StabilityMonitorActor, shortest_age=60)
    for _ in range(61):
        stage.board.publish(NodesLooked(node="me.1", duties=frozenset()))
        stage.clock.advance(1)

    assert looks(stage) == 2
    stage.take_off(ref)


# Any order of events


AGES = {"CT": 10, "US": 40, "XA": 25}
STEPS = st.one_of(
    st.tuples(st.just("store"), st.sampled_from(["1", "2"]), st.sampled_from(sorted(AGES))),
    st.tuples(st.just("wait"), st.sampled_from([0.25, 9.5, 11.0, 26.0, 41.0])),
    st.tuples(st.just("restart"), st.sampled_from([0.0, 12.0, 50.0])),
    st.tuples(st.just("declare"), st.sampled_from(["1", "2"]), st.booleans()),
)


class Waiting:
    """What is not stable, in plain Python: since when each is quiet, and its age."""

    def __init__(self):
        self.now = 0.0
        self.periods = {}
        self.last = {}
        self.events = []

    def store(self, ids, age):
        for key in ((level, ids.at(level)) for level in UPWARDS):
            self.last[key] = max(age, self.periods.get(key, (0, 0))[1])
            self.periods[key] = (self.now, self.last[key])

    def wait(self, seconds):
        self.now += seconds
        due = [key for key, (since, age) in self.periods.items() if self.now >= since + age + 1]
        for key in due:
            del self.periods[key]
            self.events.append(key)


@given(st.lists(STEPS, min_size=3, max_size=12))
@settings(max_examples=20, deadline=None)
def test_whatever_happens_each_is_declared_when_it_is_due_and_once(archive_class, steps):
    with tempfile.TemporaryDirectory() as folder:
        archive = archive_class(Path(folder))
        archive.policy = StorePolicy(stable_ages=StableAges(default=60, by_modality=AGES))
        archive.restart()
        waiting, studies = Waiting(), {}
        try:
            for verb, *values in steps:
                play(archive, waiting, studies, verb, *values)
                unstable = archive.stage.ask(ListUnstable(limit=0))
                assert {(one.level, one.id) for one in unstable} == waiting.periods.keys()
            changes = archive.stage.ask(ListChanges(limit=10_000)).changes
            logged = [(one.level, one.id) for one in changes if one.type in STABLE]
            assert Counter(logged) == Counter(waiting.events)
        finally:
            archive.stage.close()


def play(archive, waiting, studies, verb, *values):
    if verb == "store":
        study, modality = values
        content = make_dicom(patient_id=study, study=study, tags={"0008,0060": modality})
        studies[study] = archive.stage.ask(StoreInstance(content=content)).ids
        waiting.store(studies[study], AGES[modality])
    elif verb == "wait":
        archive.stage.clock.advance(values[0])
        waiting.wait(values[0])
    elif verb == "restart":
        now = archive.stage.clock.now() + values[0]
        archive.restart(Stage(clock=ManualClock(now=now)))
        archive.stage.clock.advance(0)
        waiting.wait(values[0])
    elif values[0] in studies:
        key = (Level.STUDY, studies[values[0]].study)
        kind = DeclareStable if values[1] else DeclareUnstable
        done = archive.stage.ask(kind(level=key[0], id=key[1]))
        assert done is ((key in waiting.periods) is values[1])
        if not values[1]:
            waiting.periods[key] = (waiting.now, waiting.last[key])
        elif waiting.periods.pop(key, None):
            waiting.events.append(key)
