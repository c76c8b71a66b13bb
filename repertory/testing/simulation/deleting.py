"""Clients that delete: at once, or by jobs."""

from collections.abc import Iterable

from repertory.actors.messages.jobs import RunJob, SubmitJob
from repertory.actors.messages.resources import DeleteResource
from repertory.errors import Refused, RepertoryError
from repertory.jobs import JobDescription, JobId, JobState, Object
from repertory.model import Level
from repertory.testing.simulation.asking import Asking, place_of
from repertory.testing.simulation.catalog import COUNT, id_of, resources_below, resources_of_patient
from repertory.testing.simulation.model import ABSENT, Deed, Model
from repertory.testing.simulation.world import World


class Deleting(Asking):
    """Asks for deletions."""

    def __init__(self, world: World, model: Model) -> None:
        super().__init__(world, model)
        self.jobs: dict[JobId, dict[Deed, bool]] = {}

    def delete(self, level: int, number: int) -> None:
        """Delete a resource."""
        deeds = self._deletion(Level(level), number)
        with self._deeds(*deeds):
            self.ask(DeleteResource(level=Level(level), id=id_of(Level(level), number)))
            for deed, is_sure in deeds.items():
                deed.took_effect = True if is_sure else None

    def delete_several(self, level: int, number: int) -> None:
        """Delete two resources, as a bulk deletion does."""
        self.delete(level, number)
        self.delete(level, (number + 5) % 16)

    def _deletion(self, level: Level, number: int) -> dict[Deed, bool]:
        """What a deletion deletes for sure, and what else it may: parents that it leaves empty."""
        surely = resources_below(level, number)
        perhaps = resources_of_patient(number)
        deeds: dict[Deed, bool] = {}
        for name, register in self._model.registers.items():
            place = place_of(name)
            if place in perhaps and (place in surely or place[0] < Level.INSTANCE):
                deed = self._deed(ABSENT)
                register.deeds.append(deed)
                deeds[deed] = place in surely
                self._note_absence(name)
        return deeds

    def bulk_delete(self, level: int, number: int) -> None:
        """Have a job delete two resources, and wait for it."""
        parameters, deeds = self._bulk(level, number)
        try:
            done = self.ask(RunJob(type="BulkDelete", parameters=parameters))
        except Refused:
            for deed in deeds:
                deed.took_effect = False
        except RepertoryError as error:
            # The archive stops, and goes on with the job when it starts again.
            self._world.scheduler.note(f"perhaps done later: {type(error).__name__}")
        else:
            self._note_end(deeds, is_done=done.state is JobState.SUCCESS)

    def submit_deletion(self, level: int, number: int) -> None:
        """Have a job delete two resources, and do not wait for it."""
        parameters, deeds = self._bulk(level, number)
        try:
            job = self.ask(SubmitJob(type="BulkDelete", parameters=parameters))
        except Refused:
            for deed in deeds:
                deed.took_effect = False
        except RepertoryError as error:
            self._world.scheduler.note(f"perhaps done later: {type(error).__name__}")
        else:
            self.jobs[job] = deeds

    def note_jobs(self, jobs: Iterable[JobDescription]) -> None:
        """All jobs are over: whoever submitted one looks what became of it."""
        states = {job.record.id: job.state for job in jobs}
        for job, deeds in self.jobs.items():
            self._note_end(deeds, is_done=states.get(job) is JobState.SUCCESS)
        self.jobs.clear()

    def _bulk(self, level: int, number: int) -> tuple[Object, dict[Deed, bool]]:
        word, ids = Level(level).word, [number, (number + 5) % COUNT]
        deeds = {
            deed: is_sure
            for one in ids
            for deed, is_sure in self._deletion(Level(level), one).items()
        }
        for deed in deeds:
            deed.outlives = True
        named = [{"Level": word, "ID": id_of(Level(level), one)} for one in ids]
        return {"Resources": named}, deeds

    def _note_end(self, deeds: dict[Deed, bool], *, is_done: bool) -> None:
        for deed, is_sure in deeds.items():
            deed.ended = self._world.scheduler.steps
            deed.took_effect = True if is_sure and is_done else None
