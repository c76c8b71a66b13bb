"""Random orders to random jobs, whose steps end and fail as they like, over restarts."""

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.actors.jobs.base import Job
from repertory.actors.messages.job_records import ListJobRecords
from repertory.actors.messages.jobs import (
    CancelJob,
    DeleteJob,
    JobFailed,
    JobSubmitted,
    JobSucceeded,
    ListJobs,
    PauseJob,
    ResubmitJob,
    ResumeJob,
    SubmitJob,
)
from repertory.actors.reply import Reply
from repertory.errors import FileLost, IndexBusy, Refused
from repertory.jobs import JobState
from repertory.testing import ManualClock, Stage

LENGTH = 3
"""Steps of each job."""

ORDERS = [PauseJob, ResumeJob, CancelJob, ResubmitJob, DeleteJob]

jobs = st.integers(0, 5)
deeds = st.one_of(
    st.tuples(st.just("submit"), st.integers(-1, 1)),
    st.tuples(st.just("order"), jobs, st.sampled_from(ORDERS)),
    st.tuples(st.just("end"), jobs),
    st.tuples(st.just("end"), jobs),
    st.tuples(st.just("fail"), jobs, st.sampled_from([FileLost, IndexBusy])),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 3.0, 100.0])),
    st.tuples(st.just("restart")),
)


class Play:
    """An archive with jobs whose steps end when they are told to."""

    def __init__(self, archive):
        self.archive = archive
        self.under_way = []
        self.ids = []
        archive.jobs = {"types": {"Example": self.job_type()}, "history_size": 1000}
        self.restart()

    def job_type(self):
        play = self

        class Example(Job):
            type = "Example"

            @classmethod
            def read(cls, parameters):
                return cls()

            def step(self, turn):
                reply = Reply()
                play.under_way.append((turn, reply))
                return reply

            def content(self, position):
                return position

        return Example

    @property
    def stage(self):
        return self.archive.stage

    def restart(self):
        before = self.states() if self.ids else {}
        old = self.under_way
        now = self.stage.clock.now()
        self.under_way = []
        self.archive.restart(Stage(clock=ManualClock(now=now)))
        self.stage.listen(JobSubmitted, JobSucceeded, JobFailed)
        for turn, reply in old:  # what is late of the run before changes nothing
            reply.set(turn.ends({"At": LENGTH}, done=True))
        self.stage.settle()
        assert self.states().keys() == before.keys()
        for id_, state in before.items():
            if state.is_final or state is JobState.PAUSED:
                assert self.states()[id_] is state

    def submit(self, priority):
        command = SubmitJob(type="Example", parameters={}, priority=priority)
        self.ids.append(self.stage.ask(command))

    def order(self, number, kind):
        if number < len(self.ids):
            try:
                self.stage.ask(kind(id=self.ids[number]))
            except Refused:
                return
            if kind is PauseJob or kind is CancelJob:
                self.kept_what_was_answered(self.ids[number], kind)

    def kept_what_was_answered(self, id_, kind):
        """Whatever happens from here on, the next start finds the job as it was ordered."""
        (kept,) = (job for job in self.stage.ask(ListJobRecords()) if job.id == id_)
        assert kept.state.is_final or (kept.state is JobState.PAUSED and kind is PauseJob)

    def end(self, number):
        if number < len(self.under_way):
            turn, reply = self.under_way.pop(number)
            at = turn.position.get("At", 0) + 1
            reply.set(turn.ends({"At": at}, progress=at / LENGTH, done=at == LENGTH))

    def fail(self, number, error):
        if number < len(self.under_way):
            self.under_way.pop(number)[1].refuse(error())

    def wait(self, seconds):
        self.stage.clock.advance(seconds)

    def states(self):
        return {job.record.id: job.state for job in self.stage.ask(ListJobs())}

    def check(self):
        self.stage.settle()
        described = {job.record.id: job for job in self.stage.ask(ListJobs())}
        states = Counter(job.state for job in described.values())
        running = [id_ for id_, job in described.items() if job.state is JobState.RUNNING]
        # Each job that runs has one step under way, no other has, and nobody waits in vain.
        assert sorted(turn.job for turn, _ in self.under_way) == sorted(running)
        assert len(running) <= 2
        assert len(running) == 2 or not states[JobState.PENDING]
        records = {job.id: job for job in self.stage.ask(ListJobRecords())}
        assert described.keys() == records.keys()
        for id_, job in described.items():
            kept = records[id_]
            assert (kept.position, kept.progress) == (job.record.position, job.record.progress)
            assert kept.error == job.record.error or job.state is JobState.RUNNING
            if job.state is not JobState.RUNNING:
                assert kept.state is job.record.state
            if job.state is JobState.SUCCESS:
                assert job.record.position == {"At": LENGTH}

    def finish(self):
        """Let everything be done that was not refused."""
        for id_, state in self.states().items():
            if state is JobState.PAUSED:
                self.stage.ask(ResumeJob(id=id_))
        for _ in range(100):
            self.stage.clock.advance(100)
            if not self.under_way:
                break
            self.end(0)
        for id_, state in self.states().items():
            if state is JobState.PAUSED:  # its pause came while a step was under way
                self.stage.ask(ResumeJob(id=id_))
        for _ in range(100):
            self.stage.settle()
            if not self.under_way:
                break
            self.end(0)
        self.check()
        assert all(state.is_final for state in self.states().values())


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.lists(deeds, max_size=30))
def test_whatever_happens_each_job_is_where_it_was_left_and_comes_to_its_end(
    archive_class, count, plan
):
    with tempfile.TemporaryDirectory() as folder:
        archive = archive_class(Path(folder))
        try:
            play = Play(archive)
            for _ in range(count):
                play.submit(0)
            play.check()
            for name, *details in plan:
                getattr(play, name)(*details)
                play.check()
            play.finish()
        finally:
            archive.stage.close()
