"""A type of job of one's own: give many studies a label."""

import tempfile
import time
from typing import Self

from repertory import Repertory
from repertory.actors.jobs import JOBS
from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.jobs import DescribeJob, ListJobFailures, SubmitJob
from repertory.actors.messages.labels import AddLabel
from repertory.actors.messages.resources import ListResources
from repertory.actors.reply import Reply
from repertory.conf.settings import Settings
from repertory.jobs import JobFailure, JobStep, Object
from repertory.model import Level, ResourceId
from repertory.testing.files import make_dicom


class LabelStudies(Job):
    """Gives studies a label, one with each step; those that are not there are reported."""

    type = "LabelStudies"

    def __init__(self, studies: tuple[str, ...], label: str) -> None:
        self._studies = studies
        self._label = label

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """``Resources``: studies; ``Label``: what they get."""
        return cls(tuple(parameters.need("Resources", list)), parameters.need("Label", str))

    def step(self, turn: Turn) -> JobStep | Reply[JobStep]:
        """Label the next study."""
        at, total = turn.position.get("At", 0), len(self._studies)
        if at >= total:
            return turn.ends({"At": at}, done=True)
        study = ResourceId(self._studies[at])
        asked = turn.board.ask_soon(AddLabel(level=Level.STUDY, id=study, label=self._label))

        def ends(failures: tuple[JobFailure, ...]) -> JobStep:
            done = at + 1
            return turn.ends(
                {"At": done}, progress=done / total, done=done == total, failures=failures
            )

        return turn.attempt(study, asked).then(ends)

    def content(self, position: Object) -> Object:
        """How many there are, and how many were gone through."""
        return {
            "Description": f"Label {self._label}",
            "ResourcesCount": len(self._studies),
            "Done": position.get("At", 0),
        }


JOBS[LabelStudies.type] = LabelStudies


def main() -> None:
    """Label two studies and one that is not there, and look at the job."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(http_server_enabled=False, storage_directory=folder)
        with Repertory(settings) as archive:
            for number in range(2):
                archive.ask(StoreInstance(content=make_dicom(seed=number)))
            studies = [*archive.ask(ListResources(level=Level.STUDY)), "nobody"]
            parameters = {"Resources": studies, "Label": "urgent"}
            id_ = archive.ask(SubmitJob(type=LabelStudies.type, parameters=parameters))

            while not (job := archive.ask(DescribeJob(id=id_))).state.is_final:
                time.sleep(0.01)
            print(job.state.value, job.content, archive.ask(ListJobFailures(id=id_)))


if __name__ == "__main__":
    main()
