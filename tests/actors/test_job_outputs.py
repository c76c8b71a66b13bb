import pytest

from repertory.actors.integrity import IntegrityActor
from repertory.actors.jobs.base import Job
from repertory.actors.messages.attachments import ReadFile
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck
from repertory.actors.messages.job_outputs import DeleteJobOutput, DescribeJobOutput, StoreOutput
from repertory.actors.messages.job_records import RecordJobStep
from repertory.actors.messages.jobs import CancelJob, DeleteJob, ResubmitJob, SubmitJob
from repertory.errors import IndexBusy, IndexFailed, NoReplyInTime, UnknownItem
from repertory.jobs import JobOutput
from repertory.testing import ManualClock, Stage


class Printing(Job):
    """Makes one file, and goes on after it where it is told to."""

    type = "Printing"

    def __init__(self, pages):
        self._pages = pages

    @classmethod
    def read(cls, parameters):
        return cls(parameters.get("Pages", 1))

    def step(self, turn):
        page = turn.position.get("Page", 0) + 1
        stored = turn.board.ask_soon(StoreOutput(content=b"page %d" % page))

        def ends(file):
            made = JobOutput(
                key="pages", attachment=file, media_type="text/plain", filename="pages.txt"
            )
            return turn.ends({"Page": page}, done=page >= self._pages, outputs=(made,), pause=1.0)

        return stored.then(ends)

    def content(self, position):
        return position


@pytest.fixture
def archive(archive):
    archive.jobs = {"types": {"Printing": Printing}}
    archive.restart()
    return archive


def submit(archive, **parameters):
    id_ = archive.stage.ask(SubmitJob(type="Printing", parameters=parameters))
    archive.stage.settle()
    return id_


def content_of(archive, id_):
    file = archive.stage.ask(DescribeJobOutput(id=id_, key="pages")).attachment
    return archive.stage.ask(ReadFile(attachment=file, start=0, length=100))


def test_what_a_job_made_is_there_after_a_restart_too(archive):
    id_ = submit(archive)
    assert content_of(archive, id_) == b"page 1"
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now())))

    assert content_of(archive, id_) == b"page 1"
    assert len(archive.files()) == 1


def test_the_file_of_a_later_step_takes_the_place_of_the_one_before(archive):
    id_ = submit(archive, Pages=3)
    archive.stage.clock.advance(10)

    assert content_of(archive, id_) == b"page 3"
    assert len(archive.files()) == 1


@pytest.mark.parametrize("how", ["job", "output", "afresh"])
def test_the_file_goes_with_the_job_or_when_somebody_wants_it(archive, how):
    id_ = submit(archive, Pages=2)
    archive.stage.ask(CancelJob(id=id_))
    if how == "job":
        archive.stage.ask(DeleteJob(id=id_))
    elif how == "output":
        archive.stage.ask(DeleteJobOutput(id=id_, key="pages"))
    else:
        archive.stage.understudy(StoreOutput, answer=UnknownItem())
        archive.stage.ask(ResubmitJob(id=id_))
    archive.stage.settle()

    assert archive.files() == []
    with pytest.raises(UnknownItem):
        content_of(archive, id_)


def test_the_history_takes_its_files_along(archive):
    archive.jobs = archive.jobs | {"history_size": 2}
    archive.restart(Stage(clock=ManualClock(now=archive.stage.clock.now())))
    for _ in range(4):
        submit(archive)

    assert len(archive.files()) == 2


def test_the_file_of_a_step_that_is_refused_goes_and_the_next_attempt_makes_another(archive):
    refusals = [IndexBusy()] * 2
    index = archive.stage.board._seats[RecordJobStep][0]

    def answer(command):
        if refusals:
            raise refusals.pop()
        return index.ask(command, block=False)

    archive.stage.understudy(RecordJobStep, answer=answer)
    id_ = submit(archive)
    archive.stage.clock.advance(10)

    assert content_of(archive, id_) == b"page 1"
    assert len(archive.files()) == 1


def test_a_check_takes_no_file_of_a_job_for_an_orphan(archive):
    submit(archive)
    archive.stage.put_on(IntegrityActor, young=float("-inf"))  # whatever is there has come by now
    archive.stage.ask(BeginCheck())
    report = archive.stage.ask(AwaitCheck()).report
    assert report.orphans == ()

    stray = archive.stage.ask(StoreOutput(content=b"nobody's"))
    archive.stage.ask(BeginCheck())
    assert [it.uuid for it in archive.stage.ask(AwaitCheck()).report.orphans] == [stray.uuid]


@pytest.mark.parametrize("doubt", [IndexFailed(), NoReplyInTime()])
def test_the_file_of_a_step_that_may_be_recorded_stays(archive, doubt):
    archive.stage.understudy(RecordJobStep, answer=doubt)
    submit(archive)

    assert len(archive.files()) == 1
