from dataclasses import replace

import pytest

from repertory.jobs import (
    BulkStep,
    JobError,
    JobFailure,
    JobId,
    JobRecord,
    JobState,
    JobStep,
    RunTime,
    Target,
)
from repertory.model import Level

NOW = 1_800_000_000.5
JOB = JobRecord(
    id=JobId("5c5c5c5c-0000-4000-8000-000000000000"),
    type="Example",
    parameters={"Resources": ["é", "\ud800"], "Deep": {"List": [1, None, True]}},
    created_at=NOW,
    priority=-3,
    user_data=["anything"],
)
RUN = RunTime(before=1.0, since=10.0)


@pytest.fixture
def record(group):
    """Record jobs like ``JOB`` in a group of its own; as they are kept then."""

    def record(**changes):
        job = replace(JOB, **changes)
        with group() as writer:
            return replace(job, number=writer.record_job(job))

    return record


def step(**changes):
    return JobStep(**({"job": JOB.id, "run_time": RUN, "position": {"At": 7}} | changes))


def test_a_job_is_kept_as_it_was_submitted(record, reader):
    kept = record()

    assert reader.list_jobs() == (kept,)
    assert kept.number > 0


def test_jobs_are_listed_in_the_order_of_submission(record, reader):
    ids = [JobId(word) for word in ("zebra", "ant", "mole")]
    for id_ in ids:
        record(id=id_)

    assert [job.id for job in reader.list_jobs()] == ids


def test_a_number_is_never_given_twice(record, group):
    first = record()
    with group() as writer:
        writer.forget_jobs([first.id])

    assert record().number > first.number


def test_a_step_moves_the_job_on(record, group, reader):
    kept = record()
    with group() as writer:
        assert writer.record_job_step(step(progress=0.25), 4.0, NOW + 4) == 0

    expected = replace(kept, position={"At": 7}, progress=0.25, runtime=4.0)
    assert reader.list_jobs() == (expected,)


def test_the_last_step_ends_the_job(record, group, reader):
    record()
    with group() as writer:
        writer.record_job_step(step(done=True), 4.0, NOW + 4)

    (job,) = reader.list_jobs()
    assert (job.state, job.progress, job.completed_at) == (JobState.SUCCESS, 1.0, NOW + 4)


def test_the_last_step_of_a_fleeting_job_leaves_no_trace(record, group, reader):
    record(fleeting=True)
    with group() as writer:
        writer.record_job_step(step(failures=(JobFailure("a", "no"),)), 4.0, NOW)
        writer.record_job_step(step(done=True), 4.0, NOW)

    assert reader.list_jobs() == ()
    assert reader.list_job_failures(JOB.id, 0, 0) == ()


def test_a_step_that_is_not_the_last_leaves_the_state_to_whoever_paused_the_job(
    record, group, reader
):
    kept = record()
    with group() as writer:
        writer.record_job_change(replace(kept, state=JobState.PAUSED))
        writer.record_job_step(step(), 4.0, NOW)

    (job,) = reader.list_jobs()
    assert (job.state, job.position) == (JobState.PAUSED, {"At": 7})


def test_a_change_of_state_leaves_the_position(record, group, reader):
    kept = record()
    error = JobError("FileLost", "A stored file is missing.")
    failed = replace(kept, state=JobState.FAILURE, completed_at=NOW, error=error, runtime=9.0)
    with group() as writer:
        writer.record_job_step(step(progress=0.5), 4.0, NOW)
        writer.record_job_change(failed)

    assert reader.list_jobs() == (replace(failed, position={"At": 7}, progress=0.5),)


def test_a_job_that_begins_afresh_has_neither_position_nor_failures(record, group, reader):
    kept = record()
    with group() as writer:
        writer.record_job_step(step(failures=(JobFailure("a", "no"),)), 4.0, NOW)
        writer.record_job_change(kept, afresh=True)

    assert reader.list_jobs() == (kept,)
    assert reader.list_job_failures(JOB.id, 0, 0) == ()


def test_a_step_that_is_recorded_twice_counts_each_failure_once(record, group, reader):
    record()
    failures = tuple(JobFailure(f"item {number}", "It is gone.") for number in range(3))
    with group() as writer:
        counts = [
            writer.record_job_step(step(failures=failures), 4.0, NOW),
            writer.record_job_step(step(failures=failures), 4.0, NOW),
            writer.record_job_step(step(failures=(JobFailure("other", "no"),)), 4.0, NOW),
        ]

    assert counts == [3, 3, 4]
    assert reader.list_jobs()[0].failure_count == 4
    assert reader.list_job_failures(JOB.id, 0, 0)[:3] == failures
    assert reader.list_job_failures(JOB.id, 1, 2) == failures[1:3]


def test_what_is_written_of_a_job_that_is_gone_does_no_harm(group, reader):
    with group() as writer:
        assert writer.record_job_step(step(done=True), 4.0, NOW) == 0
        writer.record_job_change(JOB)
        writer.forget_jobs([JOB.id])

    assert reader.list_jobs() == ()


def test_only_the_jobs_that_are_meant_are_forgotten(record, group, reader):
    record(id=JobId("one"))
    other = record(id=JobId("other"))
    with group() as writer:
        writer.record_job_step(step(job=other.id, failures=(JobFailure("a", "no"),)), 4.0, NOW)
        writer.forget_jobs([JobId("one")])

    assert [job.id for job in reader.list_jobs()] == ["other"]
    assert len(reader.list_job_failures(JobId("other"), 0, 0)) == 1


def test_a_group_that_is_rolled_back_has_no_step(record, writer, reader):
    kept = record()
    writer.begin()
    writer.record_job_step(step(), 4.0, NOW)
    writer.rollback()

    assert reader.list_jobs() == (kept,)


# Bulk deletion


def bulk(total, **changes):
    return BulkStep(job=JOB.id, run_time=RUN, total=total, **changes)


def remove(group, targets, *, room=1000, step=None):
    with group() as writer:
        return writer.delete_resources(targets, room=room, step=step, monotonic=12.0, now=NOW)


def test_resources_of_all_levels_are_deleted_in_one_go(store, group, reader, made_up):
    ids = [store(f"P{n}", f"1.{n}", f"1.{n}.1", f"1.{n}.1.1").ids for n in range(5)]
    targets = [Target(ids[n].at(level)) for n, level in enumerate(Level)]

    receipt = remove(group, targets)

    assert receipt.passed == 4
    assert [(it.level, it.id) for it in receipt.deleted] == [
        (level, ids[n].at(level)) for n, level in enumerate(Level)
    ]
    assert reader.list_resources(Level.INSTANCE, 0, 0) == (ids[4].instance,)
    totals = reader.describe_totals()
    assert (totals.patients, totals.instances) == (1, 1)
    assert reader.count_released() == 4


def test_what_is_not_there_is_passed_over(store, group, reader):
    ids = store().ids
    targets = [
        Target("nonsense"),
        Target(ids.study),
        Target(ids.study),  # gone by now
        Target(ids.patient),  # gone with its last study
        Target("00000000-00000000-00000000-00000000-00000000"),
    ]

    receipt = remove(group, targets)

    assert (receipt.passed, len(receipt.deleted)) == (5, 1)
    assert reader.describe_totals().patients == 0


def test_a_level_that_is_named_must_be_that_of_the_resource(store, group, reader):
    ids = store().ids

    assert remove(group, [Target(ids.study, Level.SERIES)]).deleted == ()
    assert len(remove(group, [Target(ids.study, Level.STUDY)]).deleted) == 1


def test_a_transaction_takes_no_more_than_it_has_room_for_but_at_least_one(store, group, reader):
    for study in range(3):
        for number in range(4):
            store("P", f"1.{study}", f"1.{study}.1", f"1.{study}.1.{number}")
    targets = [Target(id_) for id_ in reader.list_resources(Level.STUDY, 0, 0)]

    assert remove(group, targets, room=5).passed == 2
    assert remove(group, targets[2:], room=1).passed == 1


def test_instances_of_the_same_group_count(store, writer, reader, made_up):
    ids = store("P", "1.1", "1.1.1", "1.1.1.1").ids
    writer.begin()
    for number in range(2, 5):
        writer.record_instance(**made_up.an_instance("P", "1.1", "1.1.1", f"1.1.1.{number}"))
    receipt = writer.delete_resources(
        [Target(ids.series)], room=10, step=None, monotonic=0.0, now=NOW
    )
    writer.commit()

    assert len(receipt.deleted) == 1
    assert reader.describe_totals().instances == 0
    assert reader.count_released() == 4


def test_deletions_and_the_step_of_their_job_are_one_transaction(store, record, writer, reader):
    ids = store().ids
    record()
    targets = [Target("nonsense"), Target(ids.study)]
    for ends in (writer.rollback, writer.commit):
        writer.begin()
        receipt = writer.delete_resources(
            targets, room=9, step=bulk(5, passed=1, deleted=1), monotonic=12.0, now=NOW
        )
        ends()
        is_gone = not reader.list_resources(Level.STUDY, 0, 0)
        assert is_gone == (reader.list_jobs()[0].position != {})

    assert receipt.step.position == {"Passed": 3, "Deleted": 2}
    (job,) = reader.list_jobs()
    assert (job.position, job.progress, job.runtime) == (receipt.step.position, 0.6, 3.0)


def test_the_step_that_passes_the_last_resource_ends_the_job(record, group, reader):
    record()
    remove(group, [Target("nonsense")], step=bulk(1))

    assert reader.list_jobs()[0].state is JobState.SUCCESS


def test_a_job_without_resources_is_done_at_once(record, group, reader):
    record()
    remove(group, [], step=bulk(0))

    assert reader.list_jobs()[0].state is JobState.SUCCESS
