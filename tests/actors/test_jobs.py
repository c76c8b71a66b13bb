import pytest

from repertory.actors.index import IndexActor
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.jobs.base import Job
from repertory.actors.messages.job_records import (
    ListJobRecords,
    RecordJob,
    RecordJobChange,
    RecordJobStep,
)
from repertory.actors.messages.jobs import (
    CancelJob,
    DeleteJob,
    DescribeJob,
    JobFailed,
    JobSubmitted,
    JobSucceeded,
    ListJobFailures,
    ListJobs,
    PauseJob,
    ResubmitJob,
    ResumeJob,
    RunJob,
    SubmitJob,
)
from repertory.actors.reply import Reply
from repertory.errors import (
    ArchiveFull,
    BadRequest,
    FileLost,
    Forbidden,
    IndexBusy,
    NoReplyInTime,
    ShuttingDown,
    UnknownItem,
    UnknownResource,
)
from repertory.jobs import JobFailure, JobId, JobState
from repertory.testing import ManualClock, Stage


class Director:
    """Has the steps of jobs in its hands: each waits until it is let go on."""

    def __init__(self):
        self.steps = []

    def begin(self, job, turn):
        reply = Reply()
        self.steps.append((job.name, turn, reply))
        return reply

    @property
    def under_way(self):
        return [name for name, _, reply in self.steps if not reply.done]

    def end(self, name, **outcome):
        """End the step of a job that is under way: ``at`` is where it goes on, of ten."""
        turn, reply = next(
            (turn, reply) for it, turn, reply in self.steps if it == name and not reply.done
        )
        at = outcome.pop("at", turn.position.get("At", 0) + 1)
        reply.set(turn.ends({"At": at}, **({"progress": at / 10, "done": at >= 10} | outcome)))

    def fail(self, name, error):
        next(reply for it, _, reply in self.steps if it == name and not reply.done).refuse(error)


@pytest.fixture
def director():
    return Director()


@pytest.fixture
def types(director):
    class Rehearsal(Job):
        type = "Rehearsal"

        def __init__(self, name):
            self.name = name

        @classmethod
        def read(cls, parameters):
            return cls(parameters.need("Name", str))

        def step(self, turn):
            return director.begin(self, turn)

        def content(self, position):
            return {"Description": self.name, "At": position.get("At", 0)}

    class Broken(Rehearsal):
        type = "Broken"

        def step(self, turn):
            raise ZeroDivisionError

    class Quick(Rehearsal):
        type = "Quick"

        def step(self, turn):
            at = turn.position.get("At", 0) + 1
            return turn.ends({"At": at}, progress=at / 100, done=at == 100)

    class Polite(Rehearsal):
        type = "Polite"
        busy_share = 20

    return {kind.type: kind for kind in (Rehearsal, Broken, Quick, Polite)}


@pytest.fixture
def archive(archive, types):
    archive.jobs = {"types": types}
    archive.restart()
    archive.stage.listen(JobSubmitted, JobSucceeded, JobFailed)
    return archive


def submit(archive, name, **more):
    command = SubmitJob(**({"type": "Rehearsal", "parameters": {"Name": name}} | more))
    id_ = archive.stage.ask(command)
    archive.stage.settle()
    return id_


def describe(archive, id_):
    archive.stage.settle()
    return archive.stage.ask(DescribeJob(id=id_))


def state(archive, id_):
    return describe(archive, id_).state


def later(archive):
    """A stage for the next run, on which time goes on."""
    return Stage(clock=ManualClock(now=archive.stage.clock.now()))


def test_a_job_is_done_step_by_step_and_tells_how_far_it_is(archive, director):
    id_ = submit(archive, "one", priority=4, user_data={"Ticket": 7})
    archive.stage.clock.advance(2)
    for _ in range(5):
        director.end("one")
        archive.stage.settle()

    job = describe(archive, id_)
    assert (job.state, job.record.progress, job.runtime) == (JobState.RUNNING, 0.5, 2.0)
    assert job.arrives_at == job.now + 2.0
    assert job.content == {"Description": "one", "At": 5}
    assert (job.record.priority, job.record.user_data) == (4, {"Ticket": 7})

    archive.stage.clock.advance(1)
    director.end("one", done=True)
    job = describe(archive, id_)
    assert (job.state, job.record.progress, job.runtime) == (JobState.SUCCESS, 1.0, 3.0)
    assert job.record.completed_at == job.now == job.record.created_at + 3.0
    assert job.arrives_at is None


def test_its_life_is_told_to_who_listens(archive, director):
    good, bad = submit(archive, "good"), submit(archive, "bad")
    director.end("good", done=True)
    director.fail("bad", FileLost())

    assert [event.id for event in archive.stage.heard(JobSubmitted)] == [good, bad]
    assert archive.stage.heard(JobSucceeded) == [JobSucceeded(id=good, type="Rehearsal")]
    assert archive.stage.heard(JobFailed) == [JobFailed(id=bad, type="Rehearsal")]


def test_steps_that_take_no_time_leave_room_for_others(archive):
    ids = [submit(archive, name, type="Quick") for name in "abc"]

    assert {state(archive, id_) for id_ in ids} == {JobState.SUCCESS}


@pytest.mark.parametrize(
    "command",
    [
        {"type": "Nonsense"},
        {"parameters": {}},
        {"parameters": {"Name": 7}},
    ],
)
def test_what_cannot_be_understood_is_refused_and_not_kept(archive, command):
    with pytest.raises(BadRequest):
        submit(archive, "one", **command)

    assert archive.stage.ask(ListJobs()) == ()
    assert archive.stage.ask(ListJobRecords()) == ()


def test_a_job_that_cannot_be_kept_is_refused(archive, director):
    archive.stage.understudy(RecordJob, answer=IndexBusy())
    with pytest.raises(IndexBusy):
        submit(archive, "one")

    assert archive.stage.ask(ListJobs()) == ()
    assert director.steps == []


# Who is next


def test_two_run_at_a_time_and_the_others_wait(archive, director):
    ids = [submit(archive, name) for name in "abc"]
    assert director.under_way == ["a", "b"]
    assert state(archive, ids[2]) is JobState.PENDING
    director.end("a", done=True)
    archive.stage.settle()

    assert director.under_way == ["b", "c"]


def test_a_higher_priority_goes_first_and_equals_in_the_order_of_submission(archive, director):
    for name, priority in [("a", 0), ("b", 0), ("low", -1), ("c", 0), ("d", 0), ("high", 9)]:
        submit(archive, name, priority=priority)
    began = []
    while director.under_way:
        began.append(director.under_way[0])
        director.end(director.under_way[0], done=True)
        archive.stage.settle()

    assert began == ["a", "b", "high", "c", "d", "low"]


def test_a_fleeting_job_begins_at_once_and_leaves_no_trace(archive, director):
    for name in "abc":
        submit(archive, name)
    reply = archive.stage.ask_soon(
        RunJob(type="Rehearsal", parameters={"Name": "brief"}, fleeting=True)
    )
    archive.stage.settle()
    assert director.under_way == ["a", "b", "brief"]
    director.end("brief", done=True)

    assert reply.get(timeout=10).state is JobState.SUCCESS
    assert len(archive.stage.ask(ListJobs())) == len(archive.stage.ask(ListJobRecords())) == 3
    assert director.under_way == ["a", "b"]


def test_a_fleeting_job_that_fails_can_be_looked_at(archive, director):
    reply = archive.stage.ask_soon(
        RunJob(type="Rehearsal", parameters={"Name": "brief"}, fleeting=True)
    )
    archive.stage.settle()
    director.fail("brief", FileLost())

    assert reply.get(timeout=10).record.error.kind == "FileLost"
    assert len(archive.stage.ask(ListJobs())) == 1


# Making room for requests


@pytest.fixture
def traffic(archive):
    """What is asked by others, as many times a second as somebody says."""

    class Traffic:
        rate = visits = 0.0

        def pass_by(self, seconds):
            self.visits += self.rate * seconds
            archive.stage.clock.advance(seconds)

    made = Traffic()
    archive.stage.board.count_visits_of(lambda: int(made.visits))
    return made


def begin_politely(archive):
    id_ = submit(archive, "one", type="Polite")
    archive.stage.settle()
    return id_


def test_a_job_that_makes_room_rests_after_a_step_and_takes_the_next_whatever_comes(
    archive, director, traffic
):
    id_ = begin_politely(archive)
    traffic.rate = 100
    for number in range(1, 4):
        traffic.pass_by(2)
        director.end("one")
        assert director.under_way == []
        job = describe(archive, id_)
        assert (job.state, job.content["BackingOff"]) == (JobState.RUNNING, True)
        traffic.pass_by(7.5)
        assert director.under_way == []
        traffic.pass_by(0.5)

        assert director.under_way == ["one"]
        assert director.steps[-1][1].position == {"At": number}
        assert director.steps[-1][1].steps_back


def test_a_job_that_makes_room_does_not_rest_in_a_quiet_archive(archive, director, traffic):
    id_ = begin_politely(archive)
    traffic.rate = 1
    for _ in range(5):
        traffic.pass_by(2)
        director.end("one")
        archive.stage.settle()
        assert director.under_way == ["one"]
        assert not director.steps[-1][1].steps_back
    assert describe(archive, id_).content["BackingOff"] is False

    traffic.rate = 100
    traffic.pass_by(2)
    director.end("one")
    assert describe(archive, id_).content["BackingOff"] is True
    traffic.rate = 0
    traffic.pass_by(8)
    director.end("one", at=7)
    assert describe(archive, id_).content["BackingOff"] is False
    assert director.under_way == ["one"]


def test_whoever_looks_at_a_job_does_not_slow_it_down(archive, director):
    id_ = begin_politely(archive)
    for _ in range(50):
        archive.stage.ask(DescribeJob(id=id_))
        archive.stage.ask(ListJobs())
    archive.stage.clock.advance(1)
    director.end("one")
    archive.stage.settle()

    assert director.under_way == ["one"]


def test_a_job_that_does_not_look_goes_on_whatever_is_asked(archive, director, traffic):
    id_ = submit(archive, "one")
    traffic.rate = 100
    traffic.pass_by(2)
    director.end("one")
    archive.stage.settle()

    assert director.under_way == ["one"]
    assert "BackingOff" not in describe(archive, id_).content


@pytest.mark.parametrize("command", [PauseJob, CancelJob])
def test_a_job_obeys_at_once_while_it_rests(archive, director, traffic, command):
    id_ = begin_politely(archive)
    traffic.rate = 100
    traffic.pass_by(2)
    director.end("one")
    archive.stage.settle()
    archive.stage.ask(command(id=id_))

    expected = {PauseJob: JobState.PAUSED, CancelJob: JobState.FAILURE}[command]
    job = describe(archive, id_)
    assert (job.state, job.content["BackingOff"]) == (expected, False)
    traffic.pass_by(60)
    assert director.under_way == []


def test_a_pause_that_a_step_wants_is_a_part_of_its_rest(archive, director, traffic):
    begin_politely(archive)
    traffic.rate = 100
    traffic.pass_by(1)
    director.end("one", pause=6.0)
    archive.stage.settle()
    traffic.pass_by(5.9)
    assert director.under_way == []
    traffic.pass_by(0.2)

    assert director.under_way == ["one"]


# Waiting for a job


def test_whoever_waits_for_a_job_is_answered_by_its_end(archive, director):
    reply = archive.stage.ask_soon(RunJob(type="Rehearsal", parameters={"Name": "one"}))
    archive.stage.settle()
    assert not reply.done
    director.end("one", done=True)

    assert reply.get(timeout=10).content == {"Description": "one", "At": 1}


def test_whoever_waits_is_told_of_a_stop_and_the_job_goes_on_afterwards(archive, director):
    reply = archive.stage.ask_soon(RunJob(type="Rehearsal", parameters={"Name": "one"}))
    archive.stage.settle()
    director.end("one")
    archive.stage.settle()
    archive.restart(later(archive))

    with pytest.raises(NoReplyInTime, match="goes on"):
        reply.get(timeout=10)
    archive.stage.settle()
    assert director.steps[-1][1].position == {"At": 1}


# Pause, resume, cancel, resubmit


def test_a_pause_lets_the_step_end_that_is_under_way_and_begins_no_other(archive, director):
    id_ = submit(archive, "one")
    archive.stage.ask(PauseJob(id=id_))
    assert state(archive, id_) is JobState.RUNNING
    director.end("one")
    job = describe(archive, id_)
    assert (job.state, job.content["At"]) == (JobState.PAUSED, 1)
    assert director.under_way == []
    archive.stage.clock.advance(100)

    archive.stage.ask(ResumeJob(id=id_))
    archive.stage.settle()
    assert director.steps[-1][1].position == {"At": 1}
    assert describe(archive, id_).runtime == 0.0  # a pause is no work


def test_a_paused_job_makes_room_for_the_next(archive, director):
    ids = [submit(archive, name) for name in "abc"]
    archive.stage.ask(PauseJob(id=ids[0]))
    director.end("a")
    archive.stage.settle()

    assert director.under_way == ["b", "c"]
    archive.stage.ask(ResumeJob(id=ids[0]))
    assert state(archive, ids[0]) is JobState.PENDING


def test_a_job_that_waits_is_paused_at_once_and_keeps_its_place(archive, director):
    ids = [submit(archive, name) for name in "abcd"]
    archive.stage.ask(PauseJob(id=ids[2]))
    assert state(archive, ids[2]) is JobState.PAUSED
    archive.stage.ask(ResumeJob(id=ids[2]))
    director.end("a", done=True)
    archive.stage.settle()

    assert director.under_way == ["b", "c"]


def test_a_pause_is_taken_back_before_the_step_is_over(archive, director):
    id_ = submit(archive, "one")
    archive.stage.ask(PauseJob(id=id_))
    archive.stage.ask(ResumeJob(id=id_))
    director.end("one")
    archive.stage.settle()

    assert director.under_way == ["one"]


def test_a_pause_that_was_answered_holds_after_a_crash_within_the_step(archive, director):
    id_ = submit(archive, "one")
    archive.stage.ask(PauseJob(id=id_))
    archive.restart(later(archive))

    assert state(archive, id_) is JobState.PAUSED


def test_a_job_that_ends_in_spite_of_a_pause_has_ended_after_a_restart_too(archive, director):
    id_ = submit(archive, "one")
    archive.stage.ask(PauseJob(id=id_))
    director.end("one", done=True)
    assert state(archive, id_) is JobState.SUCCESS
    archive.restart(later(archive))

    assert state(archive, id_) is JobState.SUCCESS


@pytest.mark.parametrize("command", [PauseJob, CancelJob])
def test_an_order_that_comes_between_the_last_step_and_the_news_of_it_changes_nothing(
    archive, director, command
):
    index = archive.stage.board._seats[RecordJobStep][0]

    def give_order(count):
        # The step is on the medium; the actor will hear of it after this order.
        archive.stage.ask_soon(command(id=id_))
        return count

    archive.stage.understudy(
        RecordJobStep, answer=lambda step: index.ask(step, block=False).then(give_order)
    )
    id_ = submit(archive, "one")
    director.end("one", done=True)
    job = describe(archive, id_)
    assert (job.state, job.record.error) == (JobState.SUCCESS, None)
    archive.restart(later(archive))

    assert describe(archive, id_).record == job.record


def test_a_pause_that_was_taken_back_after_the_last_step_does_not_bring_the_job_back_to_life(
    archive, director
):
    index = archive.stage.board._seats[RecordJobStep][0]

    def give_orders(count):
        # The step is on the medium; the actor will hear of it after these orders.
        archive.stage.ask_soon(PauseJob(id=id_))
        archive.stage.ask_soon(ResumeJob(id=id_))
        return count

    archive.stage.understudy(
        RecordJobStep, answer=lambda step: index.ask(step, block=False).then(give_orders)
    )
    id_ = submit(archive, "one")
    director.end("one", done=True)
    assert state(archive, id_) is JobState.SUCCESS
    archive.restart(later(archive))

    assert state(archive, id_) is JobState.SUCCESS


def test_a_success_in_spite_of_a_pause_is_not_told_before_the_index_knows(archive, director):
    id_ = submit(archive, "one")
    refs = archive.refs[IndexActor]
    archive.stage.ask(PauseJob(id=id_))
    archive.stage.understudy(RecordJobChange, answer=IndexBusy())
    director.end("one", done=True)

    assert state(archive, id_) is JobState.RETRY
    assert archive.stage.heard(JobSucceeded) == []
    archive.stage.board.take_over(RecordJobChange, refs, rank=1)
    archive.stage.clock.advance(60)
    director.end("one", done=True)
    assert state(archive, id_) is JobState.SUCCESS
    archive.restart(later(archive))
    assert state(archive, id_) is JobState.SUCCESS


def test_a_cancellation_holds_though_the_index_cannot_be_told_of_the_end(archive, director):
    id_ = submit(archive, "one")
    archive.stage.ask(CancelJob(id=id_))
    archive.stage.understudy(RecordJobChange, answer=IndexBusy())
    director.end("one")

    assert state(archive, id_) is JobState.FAILURE
    archive.restart(later(archive))
    assert state(archive, id_) is JobState.FAILURE


def test_a_pause_between_two_steps_ends_at_once(archive, director):
    id_ = submit(archive, "one")
    director.end("one", pause=60.0)
    archive.stage.settle()
    assert director.under_way == []
    archive.stage.ask(PauseJob(id=id_))
    assert state(archive, id_) is JobState.PAUSED
    archive.stage.clock.advance(120)

    assert director.under_way == []


def test_a_step_that_wants_a_pause_gets_it(archive, director):
    submit(archive, "one")
    director.end("one", pause=2.0)
    archive.stage.clock.advance(1.9)
    assert director.under_way == []
    archive.stage.clock.advance(0.2)

    assert director.under_way == ["one"]


def test_a_cancelled_job_fails_between_two_steps(archive, director):
    id_ = submit(archive, "one")
    archive.stage.ask(CancelJob(id=id_))
    assert state(archive, id_) is JobState.RUNNING
    director.end("one")

    job = describe(archive, id_)
    assert (job.state, job.record.error.kind) == (JobState.FAILURE, "JobCancelled")
    assert job.record.completed_at is not None
    assert director.under_way == []


@pytest.mark.parametrize("how", ["waits", "paused", "retry", "between"])
def test_a_job_that_does_nothing_just_now_is_cancelled_at_once(archive, director, how):
    if how == "waits":
        for name in "ab":
            submit(archive, name)
    id_ = submit(archive, "one")
    if how == "paused":
        archive.stage.ask(PauseJob(id=id_))
        director.end("one")
    elif how == "retry":
        director.fail("one", IndexBusy())
    elif how == "between":
        director.end("one", pause=9.0)
    archive.stage.settle()
    archive.stage.ask(CancelJob(id=id_))

    assert state(archive, id_) is JobState.FAILURE
    archive.stage.clock.advance(100)
    assert "one" not in director.under_way
    assert len(archive.stage.heard(JobFailed)) == 1


def test_a_cancellation_that_was_answered_holds_after_a_crash_within_the_step(archive, director):
    id_ = submit(archive, "one")
    archive.stage.ask(CancelJob(id=id_))
    archive.restart(later(archive))

    job = describe(archive, id_)
    assert (job.state, job.record.error.kind) == (JobState.FAILURE, "JobCancelled")


def test_a_job_that_failed_is_begun_afresh(archive, director):
    id_ = submit(archive, "one")
    director.end("one", failures=(JobFailure("item", "gone"),))
    archive.stage.settle()
    director.fail("one", FileLost())
    assert describe(archive, id_).record.failure_count == 1
    archive.stage.ask(ResubmitJob(id=id_))

    job = describe(archive, id_)
    assert (job.state, job.record.error, job.record.position) == (JobState.RUNNING, None, {})
    assert (job.record.failure_count, job.record.completed_at) == (0, None)
    assert archive.stage.ask(ListJobFailures(id=id_)) == ()
    director.end("one", done=True)
    assert state(archive, id_) is JobState.SUCCESS


COMMANDS = [PauseJob, ResumeJob, CancelJob, ResubmitJob]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_can_be_done_to_a_job_that_is_not_there(archive, command):
    with pytest.raises(BadRequest):
        archive.stage.ask(command(id=JobId("nonsense")))


def test_a_job_that_is_not_there_is_neither_described_nor_deleted(archive):
    with pytest.raises(UnknownResource):
        archive.stage.ask(DescribeJob(id=JobId("nonsense")))
    with pytest.raises(UnknownItem):
        archive.stage.ask(DeleteJob(id=JobId("nonsense")))


@pytest.mark.parametrize(
    ("command", "refused"),
    [(PauseJob, False), (ResumeJob, True), (CancelJob, False), (ResubmitJob, True)],
)
def test_a_job_that_succeeded_stays_as_it_is(archive, director, command, refused):
    id_ = submit(archive, "one")
    director.end("one", done=True)
    before = describe(archive, id_)
    if refused:
        with pytest.raises(BadRequest):
            archive.stage.ask(command(id=id_))
    else:
        archive.stage.ask(command(id=id_))

    assert describe(archive, id_) == before


def test_a_job_that_runs_is_neither_resumed_nor_resubmitted_nor_deleted(archive, director):
    id_ = submit(archive, "one")
    for command, error in [(ResumeJob, BadRequest), (ResubmitJob, BadRequest)]:
        with pytest.raises(error):
            archive.stage.ask(command(id=id_))
    with pytest.raises(UnknownItem):
        archive.stage.ask(DeleteJob(id=id_))

    assert state(archive, id_) is JobState.RUNNING


def test_a_job_that_is_over_can_be_deleted(archive, director):
    id_ = submit(archive, "one")
    director.end("one", done=True)
    archive.stage.settle()
    archive.stage.ask(DeleteJob(id=id_))

    assert archive.stage.ask(ListJobs()) == archive.stage.ask(ListJobRecords()) == ()


# What goes wrong


def test_an_error_ends_the_job_and_is_kept(archive, director):
    id_ = submit(archive, "one")
    director.fail("one", FileLost("The third file is missing."))
    error = describe(archive, id_).record.error
    assert (error.kind, error.details) == ("FileLost", "The third file is missing.")
    archive.restart(later(archive))

    job = describe(archive, id_)
    assert (job.state, job.record.error) == (JobState.FAILURE, error)


def test_a_defect_ends_the_job_alone_and_tells_no_secrets(archive):
    id_ = submit(archive, "one", type="Broken")

    assert state(archive, id_) is JobState.FAILURE
    assert describe(archive, id_).record.error.kind == "Failed"


def test_what_could_not_be_done_is_listed_and_the_job_succeeds(archive, director):
    id_ = submit(archive, "one")
    director.end("one", failures=(JobFailure("b", "lost"), JobFailure("a", "torn")))
    archive.stage.settle()
    director.end("one", done=True, failures=(JobFailure("c", "lost"),))

    job = describe(archive, id_)
    assert (job.state, job.record.failure_count) == (JobState.SUCCESS, 3)
    failures = archive.stage.ask(ListJobFailures(id=id_))
    assert [failure.item for failure in failures] == ["a", "b", "c"]


def test_a_busy_index_is_tried_again_and_makes_room_meanwhile(archive, director):
    ids = [submit(archive, name) for name in "abc"]
    director.fail("a", IndexBusy())
    assert state(archive, ids[0]) is JobState.RETRY
    assert director.under_way == ["b", "c"]
    director.end("b", done=True)
    archive.stage.clock.advance(1)

    assert director.under_way == ["c", "a"]


def test_a_step_that_could_not_be_taken_down_is_done_again(archive, director):
    id_ = submit(archive, "one")
    refusals = [IndexBusy(), IndexBusy()]
    archive.stage.understudy(RecordJobStep, answer=lambda _: refusals.pop() if refusals else 0)
    for seconds in (1, 2):
        director.end("one")
        archive.stage.settle()
        assert state(archive, id_) is JobState.RETRY
        archive.stage.clock.advance(seconds)
    director.end("one", done=True)

    assert [turn.position for _, turn, _ in director.steps] == [{}, {}, {}]
    assert state(archive, id_) is JobState.SUCCESS


def test_a_job_is_not_told_to_have_failed_before_the_index_knows(archive, director):
    id_ = submit(archive, "a")
    refs = archive.refs[IndexActor]
    archive.stage.understudy(RecordJobChange, answer=ArchiveFull())

    director.fail("a", FileLost())

    assert state(archive, id_) is JobState.RETRY
    assert archive.stage.heard(JobFailed) == []
    archive.stage.board.take_over(RecordJobChange, refs, rank=1)
    archive.stage.clock.advance(60)
    director.fail("a", FileLost())
    assert state(archive, id_) is JobState.FAILURE
    assert [event.id for event in archive.stage.heard(JobFailed)] == [id_]


def test_a_job_whose_parts_are_stopping_is_not_failed(archive, director):
    id_ = submit(archive, "one")
    director.fail("one", ShuttingDown())
    assert state(archive, id_) is JobState.PENDING
    archive.restart(later(archive))
    archive.stage.settle()

    assert director.under_way == ["one"]


# Over restarts


def test_a_job_goes_on_where_it_was(archive, director):
    id_ = submit(archive, "one", priority=2, user_data="mine")
    archive.stage.clock.advance(5)
    for _ in range(3):
        director.end("one")
        archive.stage.settle()
    archive.restart(later(archive))

    job = describe(archive, id_)
    assert (job.state, job.content["At"]) == (JobState.RUNNING, 3)
    assert (job.runtime, job.record.priority, job.record.user_data) == (5.0, 2, "mine")
    assert director.steps[-1][1].position == {"At": 3}


def test_the_order_of_those_that_wait_survives(archive, director):
    for name, priority in [("a", 0), ("b", 0), ("c", 0), ("d", 5)]:
        submit(archive, name, priority=priority)
    del director.steps[:]
    archive.restart(later(archive))
    archive.stage.settle()

    assert director.under_way == ["d", "a"]


def test_what_is_late_of_the_run_before_changes_nothing(archive, director):
    submit(archive, "one")
    _, turn, late = director.steps[0]
    archive.restart(later(archive))
    archive.stage.settle()
    late.set(turn.ends({"At": 9}, done=True))
    archive.stage.settle()

    assert archive.stage.ask(ListJobs())[0].state is JobState.RUNNING


def test_a_job_of_a_type_that_is_not_known_any_more_fails_with_a_reason(archive):
    id_ = submit(archive, "one")
    archive.jobs = {"types": {}}
    archive.restart(later(archive))

    job = describe(archive, id_)
    assert job.state is JobState.FAILURE
    assert "does not know" in job.record.error.details


def test_saved_jobs_are_discarded_where_they_are_not_wanted(archive, director):
    submit(archive, "one")
    archive.jobs = archive.jobs | {"keeps": False}
    archive.restart(later(archive))

    assert archive.stage.ask(ListJobs()) == archive.stage.ask(ListJobRecords()) == ()


def test_jobs_of_a_read_only_archive_can_be_looked_at_only(archive, director):
    id_ = submit(archive, "one")
    del director.steps[:]
    archive.jobs = archive.jobs | {"read_only": True}
    archive.restart(later(archive))

    assert state(archive, id_) is JobState.PENDING
    assert director.steps == []
    with pytest.raises(Forbidden):
        archive.stage.ask(PauseJob(id=id_))
    with pytest.raises(Forbidden):
        submit(archive, "two")


# The history


def test_only_the_last_that_ended_are_kept(archive, director):
    archive.jobs = archive.jobs | {"history_size": 2}
    archive.restart(later(archive))
    ids = [submit(archive, name) for name in "abcd"]
    for name in ("b", "a", "d", "c"):
        director.end(name, done=True)
        archive.stage.clock.advance(1)

    assert {job.record.id for job in archive.stage.ask(ListJobs())} == {ids[2], ids[3]}
    assert {job.id for job in archive.stage.ask(ListJobRecords())} == {ids[2], ids[3]}
    archive.jobs = archive.jobs | {"history_size": 1}
    archive.restart(later(archive))
    assert [job.record.id for job in archive.stage.ask(ListJobs())] == [ids[2]]


def test_without_a_history_whoever_waits_is_answered_all_the_same(archive, director):
    archive.jobs = archive.jobs | {"history_size": 0}
    archive.restart(later(archive))
    reply = archive.stage.ask_soon(RunJob(type="Rehearsal", parameters={"Name": "one"}))
    archive.stage.settle()
    director.end("one", done=True)

    assert reply.get(timeout=10).state is JobState.SUCCESS
    assert archive.stage.ask(ListJobs()) == ()


def test_jobs_are_listed_by_state_and_type_and_in_pages(archive, director):
    ids = [submit(archive, name) for name in "abcd"]
    quick = submit(archive, "quick", type="Quick")
    director.end("a", done=True)
    archive.stage.settle()

    def listed(**criteria):
        return [job.record.id for job in archive.stage.ask(ListJobs(**criteria))]

    assert listed() == [*ids, quick]
    assert listed(states=frozenset({JobState.RUNNING})) == ids[1:3]
    assert listed(states=frozenset({JobState.SUCCESS, JobState.PENDING})) == [
        ids[0],
        ids[3],
        quick,
    ]
    assert listed(types=frozenset({"Quick"})) == [quick]
    assert listed(since=1, limit=2) == ids[1:3]
    assert listed(since=4) == [quick]


def test_an_actor_without_jobs_stops_at_once(stage, types):
    stage.understudy(ListJobRecords, answer=())
    ref = stage.put_on(JobsActor, types=types)
    stage.take_off(ref)

    assert not ref.is_alive()


def test_a_job_is_tried_again_however_often_it_was_put_off(archive, director):
    id_ = submit(archive, "one")
    for _ in range(1030):  # by then 2 to the number of attempts is more than a float holds
        director.fail("one", IndexBusy())
        archive.stage.clock.advance(60)
    director.end("one", done=True)

    assert state(archive, id_) is JobState.SUCCESS
