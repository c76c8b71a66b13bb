from dataclasses import replace

import pytest

from repertory.errors import UnknownItem
from repertory.jobs import JobId, JobOutput, JobRecord, JobState, JobStep, RunTime

NOW = 1_800_000_000.5
ID = JobId("5c5c5c5c-0000-4000-8000-000000000000")
JOB = JobRecord(id=ID, type="Example", parameters={}, created_at=NOW)


@pytest.fixture
def output(made_up):
    """Makes an output of a job."""

    def output(key="archive"):
        file = made_up.a_file(size=700, disk=90, content_type=0)
        return JobOutput(key=key, attachment=file, media_type="application/zip", filename="é.zip")

    return output


@pytest.fixture
def step(group):
    """Record a step that made something."""

    def step(*outputs, **changes):
        with group() as writer:
            done = JobStep(
                job=ID, run_time=RunTime(0.0, 0.0), position={}, outputs=outputs, **changes
            )
            writer.record_job_step(done, 1.0, NOW)

    return step


@pytest.fixture
def job(group):
    with group() as writer:
        writer.record_job(JOB)
    return JOB


def released(reader):
    return {file.uuid for file in reader.list_released(0)}


def test_what_a_step_made_is_kept_with_the_job(job, step, output, reader):
    archive, report = output("archive"), output("report")
    step(archive, report)

    assert reader.describe_job_output(ID, "archive") == archive
    assert reader.describe_job_output(ID, "report") == report
    assert set(reader.list_job_outputs()) == {archive.attachment, report.attachment}
    uuids = [archive.attachment.uuid, "5c5c5c5c-0000-4000-8000-000000000001"]
    assert reader.find_attachments(uuids) == {archive.attachment.uuid}


def test_a_step_that_is_repeated_releases_what_it_made_before(job, step, output, reader):
    first, second = output(), output()
    step(first)
    step(second)

    assert reader.describe_job_output(ID, "archive") == second
    assert released(reader) == {first.attachment.uuid}


def test_a_step_that_is_recorded_twice_releases_nothing(job, step, output, reader):
    made = output()
    step(made)
    step(made)

    assert reader.describe_job_output(ID, "archive") == made
    assert released(reader) == set()


@pytest.mark.parametrize("how", ["forgotten", "afresh", "deleted", "fleeting"])
def test_what_goes_is_released(group, step, output, reader, how):
    with group() as writer:
        writer.record_job(replace(JOB, fleeting=how == "fleeting"))
    made = output()
    step(made, done=how == "fleeting")
    with group() as writer:
        if how == "forgotten":
            writer.forget_jobs([ID])
        elif how == "afresh":
            writer.record_job_change(replace(JOB, state=JobState.PENDING), afresh=True)
        elif how == "deleted":
            writer.delete_job_output(ID, "archive")

    assert released(reader) == {made.attachment.uuid}
    assert reader.list_job_outputs() == ()
    with pytest.raises(UnknownItem):
        reader.describe_job_output(ID, "archive")


@pytest.mark.parametrize(("id_", "key"), [(ID, "nonsense"), (JobId("nonsense"), "archive")])
def test_what_is_not_there_is_neither_described_nor_deleted(
    job, step, output, writer, reader, id_, key
):
    step(output())
    with pytest.raises(UnknownItem):
        reader.describe_job_output(id_, key)
    writer.begin()
    with pytest.raises(UnknownItem):
        writer.delete_job_output(id_, key)
    writer.commit()

    assert released(reader) == set()
