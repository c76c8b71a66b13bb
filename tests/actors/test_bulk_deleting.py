import pytest

from repertory.actors.jobs import bulk_delete
from repertory.actors.messages.changes import ListChanges
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.job_records import DeleteResources, ListJobRecords
from repertory.actors.messages.jobs import DescribeJob, ListJobs, PauseJob, RunJob, SubmitJob
from repertory.actors.messages.resources import ListResources, ResourceDeleted
from repertory.actors.messages.system import DescribeTotals
from repertory.errors import BadParameter, BadRequest, IndexBusy, IndexFailed
from repertory.jobs import JobState
from repertory.model import Level
from repertory.testing import ManualClock, Stage
from repertory.testing.files import make_study


@pytest.fixture
def studies(archive):
    """Five studies with four instances each."""
    for number in range(5):
        for content in make_study(patient_id=f"P{number}", series=2, instances=2, seed=number):
            archive.stage.ask(StoreInstance(content=content))
    return archive.stage.ask(ListResources(level=Level.STUDY))


@pytest.fixture
def small_steps(monkeypatch):
    """One study for each step."""
    monkeypatch.setattr(bulk_delete, "CHUNK", 1)


def submit(archive, resources):
    command = SubmitJob(type="BulkDelete", parameters={"Resources": resources})
    return archive.stage.ask(command)


def describe(archive, id_):
    archive.stage.settle()
    return archive.stage.ask(DescribeJob(id=id_))


def left(archive):
    return archive.stage.ask(ListResources(level=Level.STUDY))


def test_resources_of_all_levels_are_deleted_and_their_files_go(archive, studies):
    archive.stage.listen(ResourceDeleted)
    patient = archive.stage.ask(ListResources(level=Level.PATIENT))[1]
    series = archive.stage.ask(ListResources(level=Level.SERIES))[4]
    instance = archive.stage.ask(ListResources(level=Level.INSTANCE))[12]
    doomed = [studies[0], patient, {"Level": "series", "ID": series}, instance]
    job = archive.stage.ask(RunJob(type="BulkDelete", parameters={"Resources": doomed}))
    archive.stage.settle()

    assert job.content == {
        "Description": "Bulk deletion",
        "ResourcesCount": 4,
        "DeletedResourcesCount": 4,
        "UnknownResourcesCount": 0,
    }
    assert [event.level for event in archive.stage.heard(ResourceDeleted)] == [
        Level.STUDY,
        Level.PATIENT,
        Level.SERIES,
        Level.INSTANCE,
    ]
    assert left(archive) == studies[2:]
    assert archive.stage.ask(DescribeTotals()).instances == len(archive.files()) == 9


def test_what_is_not_there_is_passed_over_and_counted(archive, studies):
    resources = ["nonsense", studies[0], studies[0], "0" * 44]
    job = archive.stage.ask(RunJob(type="BulkDelete", parameters={"Resources": resources}))

    assert job.state is JobState.SUCCESS
    assert job.content["DeletedResourcesCount"] == 1
    assert job.content["UnknownResourcesCount"] == 3


def test_deletions_are_logged_for_those_who_ask(archive, studies):
    archive.stage.ask(RunJob(type="BulkDelete", parameters={"Resources": list(studies)}))
    page = archive.stage.ask(ListChanges(limit=1000, deletions=True))

    assert len([change for change in page.changes if change.type.word == "Deleted"]) == 5 * 8


@pytest.mark.parametrize(
    ("resources", "error"),
    [
        ("all", BadRequest),
        ([5], BadRequest),
        ([None], BadRequest),
        ([{"ID": "a"}], BadRequest),
        ([{"Level": "Study"}], BadRequest),
        ([{"Level": "Study", "ID": 5}], BadRequest),
        ([{"Level": "Frame", "ID": "a"}], BadParameter),
    ],
)
def test_a_list_that_makes_no_sense_is_refused_as_a_whole(archive, studies, resources, error):
    if isinstance(resources, list):
        resources = [studies[0], *resources]
    with pytest.raises(error):
        submit(archive, resources)

    assert left(archive) == studies
    assert archive.stage.ask(ListJobRecords()) == ()


def test_an_empty_list_is_done_at_once(archive):
    id_ = submit(archive, [])

    assert describe(archive, id_).state is JobState.SUCCESS


def test_it_is_paused_within_one_step(archive, studies, small_steps):
    # The first step is refused; so the job waits, and can be paused at a known place.
    archive.stage.understudy(DeleteResources, answer=IndexBusy())
    id_ = submit(archive, list(studies))
    assert describe(archive, id_).state is JobState.RETRY
    archive.stage.ask(PauseJob(id=id_))
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now())))
    archive.stage.clock.advance(100)

    assert describe(archive, id_).state is JobState.PAUSED
    assert left(archive) == studies


@pytest.mark.parametrize("steps", range(6))
def test_a_crash_after_any_step_leaves_the_rest_to_the_next_start(
    archive, studies, small_steps, steps
):
    asked = []

    def crash(command):
        """The index is not reached any more, once it has done so many steps."""
        asked.append(command)
        raise IndexBusy

    with_steps(archive, steps, crash)
    id_ = submit(archive, [*studies, "nonsense"])
    job = describe(archive, id_)
    assert job.content["DeletedResourcesCount"] == min(steps, 5)
    assert len(left(archive)) == 5 - min(steps, 5)
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now())))

    job = describe(archive, id_)
    assert job.state is JobState.SUCCESS
    assert job.content["DeletedResourcesCount"] == 5
    assert job.content["UnknownResourcesCount"] == 1
    assert left(archive) == ()
    assert archive.files() == []


def with_steps(archive, steps, crash):
    """Let the index do so many steps, and hear of none after them."""
    stage = archive.stage
    index = stage.board._seats[DeleteResources][0]
    done = []

    def answer(command):
        if len(done) == steps:
            return crash(command)
        done.append(command)
        return index.ask(command, block=False)

    stage.understudy(DeleteResources, answer=answer)


def test_an_index_that_fails_ends_the_job_and_deletes_nothing(archive, studies):
    archive.stage.understudy(DeleteResources, answer=IndexFailed())
    job = archive.stage.ask(RunJob(type="BulkDelete", parameters={"Resources": list(studies)}))

    assert job.state is JobState.FAILURE
    assert job.record.error.kind == "IndexFailed"
    assert left(archive) == studies


def test_one_that_somebody_waited_for_leaves_no_trace(archive, studies):
    archive.stage.ask(
        RunJob(type="BulkDelete", parameters={"Resources": list(studies)}, fleeting=True)
    )

    assert archive.stage.ask(ListJobs()) == archive.stage.ask(ListJobRecords()) == ()
    assert left(archive) == ()
