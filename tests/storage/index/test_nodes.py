"""Nodes in the index, on every engine: who lives, and what is whose."""

from dataclasses import replace

import pytest

from repertory.errors import LeaseLost
from repertory.jobs import BulkStep, JobId, JobRecord, JobState, JobStep, RunTime, Target
from repertory.model import Level, ResourceId
from repertory.nodes import CALLBACKS, DELIVERY

ME, OTHER = "me.1", "other.1"


def group(writer, *works):
    """Do some things in one transaction; the answers."""
    writer.begin()
    answers = [work() for work in works]
    writer.commit()
    return answers if len(works) > 1 else answers[0]


def enter(writer, name):
    """Be a node of this name; what is in memory is as after a start."""
    group(writer, lambda: writer.enter_node(name, name.upper()))


def submit(writer, name="job"):
    job = JobRecord(id=JobId(name), type="Test", parameters={}, created_at=1.0)
    group(writer, lambda: writer.record_job(job))
    return JobId(name)


def step(id_, at, **more):
    return JobStep(job=id_, run_time=RunTime(0.0, 0.0), position={"At": at}, **more)


def job(reader, id_):
    return next(it for it in reader.list_jobs() if it.id == id_)


def test_a_node_is_dismissed_only_if_it_has_not_beaten_since(reader, writer):
    enter(writer, OTHER)
    group(writer, lambda: writer.beat((), {DELIVERY}))
    enter(writer, ME)

    pulse = group(writer, lambda: writer.beat(((OTHER, 0),), {DELIVERY}))
    assert pulse.dismissed == ()
    assert pulse.duties == {DELIVERY: OTHER}

    pulse = group(writer, lambda: writer.beat(((OTHER, 1),), {DELIVERY, CALLBACKS}))
    assert pulse.dismissed == (OTHER,)
    assert pulse.duties == {DELIVERY: ME, CALLBACKS: ME}
    assert [node.name for node in reader.list_nodes()] == [ME]


def test_who_is_no_node_any_more_has_nothing_and_learns_it(reader, writer):
    enter(writer, ME)
    group(writer, lambda: writer.beat((), {DELIVERY}))
    id_ = submit(writer)
    assert group(writer, lambda: writer.claim_job(id_)).node == ME

    group(writer, writer.leave_node)

    assert group(writer, lambda: writer.beat((), {DELIVERY})) is None
    assert job(reader, id_).node is None
    for work in (
        lambda: writer.need_duty(DELIVERY),
        lambda: writer.record_job_step(step(id_, 1), 0.0, 0.0),
        lambda: writer.record_job_change(job(reader, id_)),
    ):
        writer.begin()
        with pytest.raises(LeaseLost):
            work()
        writer.commit()


def test_who_is_no_node_any_more_takes_nothing_that_nobody_would_free(reader, writer, made_up):
    enter(writer, ME)
    waiting, file = submit(writer), made_up.a_file()
    group(writer, lambda: writer.release(file))
    group(writer, writer.leave_node)

    assert group(writer, lambda: writer.claim_job(waiting)) is None
    assert group(writer, lambda: writer.claim_released(10)) == ()
    mine = JobRecord(id=JobId("mine"), type="Test", parameters={}, created_at=1.0, node=ME)
    group(writer, lambda: writer.record_job(mine))
    assert [it.node for it in reader.list_jobs()] == [None, None]
    for work in (
        lambda: writer.take_duty(DELIVERY),
        lambda: writer.reserve_copies([made_up.a_file()]),
    ):
        writer.begin()
        with pytest.raises(LeaseLost):
            work()
        writer.commit()


def test_what_a_node_wrote_under_the_name_that_it_had_before_is_nobodys(reader, writer):
    enter(writer, ME)
    old = submit(writer, "old")
    group(writer, writer.leave_node)
    enter(writer, "me.2")
    mine = JobRecord(id=JobId("mine"), type="Test", parameters={}, created_at=1.0, node=ME)

    group(writer, lambda: writer.record_job(mine))
    again = replace(job(reader, old), node=ME)
    group(writer, lambda: writer.record_job_change(again, afresh=True))

    assert [it.node for it in reader.list_jobs()] == [None, None]
    assert group(writer, lambda: writer.claim_job(mine.id)).node == "me.2"


def test_a_duty_is_told_to_be_new_to_who_had_it_not(writer):
    enter(writer, OTHER)
    assert group(writer, lambda: writer.take_duty(DELIVERY))
    enter(writer, ME)

    assert group(writer, lambda: writer.take_duty(DELIVERY))
    assert not group(writer, lambda: writer.take_duty(DELIVERY))


def test_no_step_is_taken_down_of_a_job_that_somebody_was_told_is_cancelled(reader, writer):
    enter(writer, ME)
    id_ = submit(writer)
    group(writer, lambda: writer.claim_job(id_))
    group(writer, lambda: writer.steer_job(id_, JobState.FAILURE, 5.0))

    writer.begin()
    with pytest.raises(LeaseLost):
        writer.record_job_step(step(id_, 10, done=True), 0.0, 6.0)
    writer.commit()
    assert job(reader, id_).state is JobState.FAILURE


def test_a_refusal_spoils_nothing_for_others_of_the_group(reader, writer, made_up):
    enter(writer, OTHER)
    id_ = submit(writer)
    group(writer, lambda: writer.claim_job(id_))
    enter(writer, ME)
    target = Target(ResourceId("0" * 8 + ("-" + "0" * 8) * 4))
    bulk = BulkStep(job=id_, run_time=RunTime(0.0, 0.0), total=1)

    writer.begin()
    writer.record_instance(**made_up.an_instance())
    with pytest.raises(LeaseLost):
        writer.record_job_step(step(id_, 1), 0.0, 0.0)
    with pytest.raises(LeaseLost):
        writer.delete_resources([target], room=1, step=bulk, monotonic=0.0, now=0.0)
    writer.commit()

    assert reader.describe_totals().instances == 1
    assert job(reader, id_).position == {}


def test_a_job_is_one_nodes_at_a_time_and_is_steered_by_all(reader, writer):
    enter(writer, OTHER)
    id_ = submit(writer)
    group(writer, lambda: writer.claim_job(id_))
    enter(writer, ME)
    assert group(writer, lambda: writer.claim_job(id_)) is None

    paused = group(writer, lambda: writer.steer_job(id_, JobState.PAUSED, 5.0))
    assert (paused.state, paused.node) == (JobState.PAUSED, OTHER)
    group(writer, lambda: writer.forget_jobs([id_]))
    assert job(reader, id_).state is JobState.PAUSED
    group(writer, lambda: writer.return_job(id_))
    assert job(reader, id_).node == OTHER

    over = group(writer, lambda: writer.steer_job(id_, JobState.FAILURE, 6.0))
    assert (over.state, over.completed_at) == (JobState.FAILURE, 6.0)
    assert over.error.kind == "JobCancelled"
    assert group(writer, lambda: writer.steer_job(id_, JobState.PENDING, 7.0)) == over
    assert group(writer, lambda: writer.steer_job(JobId("none"), JobState.PAUSED, 7.0)) is None


def test_files_are_taken_by_one_node_each_until_it_is_gone(reader, writer, made_up):
    files = [made_up.a_file() for _ in range(5)]
    enter(writer, OTHER)
    group(writer, *[lambda it=it: writer.release(it) for it in files])
    taken = group(writer, lambda: writer.claim_released(3))
    assert [it.uuid for it in taken] == [it.uuid for it in files[:3]]
    failed = taken[0].number
    group(writer, lambda: writer.record_failed_removals([(failed, "No.")], 1.0))
    assert [it.number for it in group(writer, lambda: writer.claim_released(2))] == [
        it.number for it in taken[1:]
    ]

    enter(writer, ME)
    rest = group(writer, lambda: writer.claim_released(10))
    assert [it.uuid for it in rest] == [it.uuid for it in files[3:]]
    assert reader.list_failed_removals(100, 10, node=ME) == ()

    group(writer, lambda: writer.beat(((OTHER, 0),), ()))
    assert len(group(writer, lambda: writer.claim_released(10))) == 4
    (failure,) = reader.list_failed_removals(100, 10, node=ME)
    assert failure.file.number == failed


def test_a_node_takes_no_files_of_a_storage_that_it_cannot_reach(reader, writer, made_up):
    files = [replace(made_up.a_file(), location=number % 2) for number in range(4)]
    enter(writer, ME)
    group(writer, *[lambda it=it: writer.release(it) for it in files])
    taken = group(writer, lambda: writer.claim_released(1))
    assert [it.location for it in taken] == [0]

    left = group(writer, lambda: writer.claim_released(10, (0,)))
    assert [it.uuid for it in left] == [files[1].uuid, files[3].uuid]
    enter(writer, OTHER)
    left = group(writer, lambda: writer.claim_released(10, ()))
    assert [it.uuid for it in left] == [files[2].uuid]
    assert reader.list_failed_removals(9, 9, node=ME, without=(1,)) == ()


def test_copies_of_a_node_that_is_gone_are_released_and_those_of_others_stay(
    reader, writer, made_up
):
    theirs, ours = made_up.a_file(), made_up.a_file()
    enter(writer, OTHER)
    group(writer, lambda: writer.reserve_copies([theirs]))
    enter(writer, ME)
    group(writer, lambda: writer.reserve_copies([ours]))
    assert reader.count_released() == 0

    group(writer, lambda: writer.beat(((OTHER, 0),), ()))

    assert [it.uuid for it in reader.list_released(10)] == [theirs.uuid]


def test_what_readers_of_one_node_need_of_the_log_is_kept_by_the_others(reader, writer, made_up):
    enter(writer, OTHER)
    group(writer, lambda: writer.hold("callback", 0))
    pulse = group(writer, lambda: writer.beat((), {CALLBACKS}))
    assert pulse.told == 0
    enter(writer, ME)
    writer._group.holds.clear()  # they are in the memory of the other node
    ids = group(writer, lambda: writer.record_instance(**made_up.an_instance())).ids

    group(writer, lambda: writer.delete_resource(Level.INSTANCE, ids.instance, 2.0))
    events = reader.list_events(0, 100, (), main_tags=False).events
    assert [event.number for event in events] == [*range(1, 9)]

    group(writer, lambda: writer.beat(((OTHER, 1),), ()))
    group(writer, lambda: writer.hold("late", None))
    assert len(reader.list_events(0, 100, (), main_tags=False).events) == 4  # the deletions
