import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.jobs import (
    CancelJob,
    DescribeJob,
    ListJobFailures,
    RunJob,
    SubmitJob,
)
from repertory.actors.messages.reconstruction import (
    FindNextSeries,
    ReconstructionReport,
    ReconstructResource,
)
from repertory.actors.messages.resources import DeleteResource, ListResources
from repertory.errors import BadParameter, BadRequest, IndexBusy, UnknownResource
from repertory.jobs import JobState
from repertory.model import Level
from repertory.testing import ManualClock, Stage
from repertory.testing.files import make_study


@pytest.fixture
def series(archive):
    """Two studies with three series of two instances each."""
    for number in range(2):
        for content in make_study(patient_id=f"P{number}", series=3, instances=2, seed=number):
            archive.stage.ask(StoreInstance(content=content))
    return archive.stage.ask(ListResources(level=Level.SERIES))


def run(archive, **parameters):
    return archive.stage.ask(RunJob(type="Reconstruct", parameters=parameters))


def studies(archive):
    return archive.stage.ask(ListResources(level=Level.STUDY))


@pytest.mark.parametrize(
    ("level", "count", "instances"),
    [(Level.PATIENT, 3, 6), (Level.STUDY, 3, 6), (Level.SERIES, 1, 2), (Level.INSTANCE, 1, 1)],
)
def test_a_resource_is_reconstructed_series_by_series(archive, series, level, count, instances):
    id_ = archive.stage.ask(ListResources(level=level))[0]
    job = run(archive, Level=level.word, ID=id_)

    assert job.state is JobState.SUCCESS
    assert job.content == {
        "Description": "Reconstruction",
        "SeriesCount": count,
        "DoneSeriesCount": count,
        "InstancesCount": instances,
        "FailedInstancesCount": 0,
        "Resources": [{"ID": id_, "Type": level.word}],
        "ParentResources": [id_],
    }


def test_the_whole_archive_is_reconstructed(archive, series):
    job = run(archive, ReconstructFiles=True)

    assert job.content["DoneSeriesCount"] == job.content["SeriesCount"] == 6
    assert job.content["InstancesCount"] == 12
    assert job.record.progress == 1.0


def test_an_empty_archive_is_done_at_once(archive):
    assert run(archive).state is JobState.SUCCESS


def test_an_instance_that_cannot_be_read_is_reported_and_the_others_are_done(archive, series):
    archive.area.remove(archive.files()[0], 1)
    job = run(archive)

    assert job.state is JobState.SUCCESS
    assert (job.content["InstancesCount"], job.content["FailedInstancesCount"]) == (12, 1)
    (failure,) = archive.stage.ask(ListJobFailures(id=job.record.id))
    assert failure.item in archive.stage.ask(ListResources(level=Level.INSTANCE))
    assert failure.reason


def test_a_resource_that_is_not_there_fails_the_job(archive, series):
    job = run(archive, Level="Study", ID="nonsense")

    assert (job.state, job.record.error.kind) == (JobState.FAILURE, "UnknownResource")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"ID": "a"}, BadRequest),
        ({"ID": "a", "Level": "Frame"}, BadParameter),
        ({"ID": 5, "Level": "Study"}, BadRequest),
        ({"ReconstructFiles": 1}, BadRequest),
    ],
)
def test_parameters_that_make_no_sense_are_refused(archive, parameters, error):
    with pytest.raises(error):
        run(archive, **parameters)


@pytest.mark.parametrize("whole", [True, False])
def test_a_restart_goes_on_with_the_next_series(archive, series, whole):
    parameters = {} if whole else {"Level": "Study", "ID": studies(archive)[0]}
    done = []

    def answer(question):
        if len(done) == 2:
            raise IndexBusy
        done.append(question.id)
        return ReconstructionReport(reconstructed=2)

    archive.stage.understudy(ReconstructResource, answer=answer)
    id_ = archive.stage.ask(SubmitJob(type="Reconstruct", parameters=parameters))
    archive.stage.settle()
    assert archive.stage.ask(DescribeJob(id=id_)).content["DoneSeriesCount"] == 2
    stage = Stage(clock=ManualClock(now=archive.stage.clock.now()))
    archive.restart(stage, without=())
    stage.settle()

    job = stage.ask(DescribeJob(id=id_))
    assert job.state is JobState.SUCCESS
    assert job.content["DoneSeriesCount"] == job.content["SeriesCount"] == (6 if whole else 3)
    assert done == list(series[:2])


def test_a_series_that_is_deleted_meanwhile_is_passed_over(archive, series):
    def answer(question):
        if question.id != series[0]:
            return ReconstructionReport(reconstructed=2)
        gone = stage.ask_soon(DeleteResource(level=Level.SERIES, id=series[1]))
        return gone.then(lambda _: ReconstructionReport(reconstructed=2))

    stage = archive.stage
    stage.understudy(ReconstructResource, answer=answer)
    job = run(archive)

    assert job.state is JobState.SUCCESS
    assert job.content["DoneSeriesCount"] == 5


def test_a_series_of_a_study_that_is_gone_when_its_turn_comes_is_passed_over(archive, series):
    def answer(question):
        if question.id == series[1]:
            raise UnknownResource
        return ReconstructionReport(reconstructed=2)

    archive.stage.understudy(ReconstructResource, answer=answer)
    job = run(archive, Level="Study", ID=studies(archive)[0])

    assert job.state is JobState.SUCCESS
    assert (job.content["DoneSeriesCount"], job.content["InstancesCount"]) == (3, 4)


def test_it_is_cancelled_between_two_series(archive, series):
    stage = archive.stage
    jobs = []

    def answer(_):
        stage.board.ask_soon(CancelJob(id=jobs[0]))
        return ReconstructionReport(reconstructed=2)

    # The first question waits until the job's identifier is known.
    stage.understudy(ReconstructResource, answer=IndexBusy())
    jobs.append(stage.ask(SubmitJob(type="Reconstruct", parameters={})))
    stage.settle()
    stage.understudy(ReconstructResource, answer=answer)
    stage.clock.advance(1)

    job = stage.ask(DescribeJob(id=jobs[0]))
    assert (job.state, job.record.error.kind) == (JobState.FAILURE, "JobCancelled")
    assert job.content["DoneSeriesCount"] < 6


def test_series_are_found_one_after_the_other(archive, series):
    found, after = [], 0
    while (step := archive.stage.ask(FindNextSeries(after=after))) is not None:
        after = step[0]
        found.append(step[1])

    assert tuple(found) == series
