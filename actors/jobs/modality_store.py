"""Sending instances to a modality."""

from typing import Self

from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.messages.modalities import SendInstances, Target, UnsentInstance
from repertory.actors.reply import Reply
from repertory.errors import BadRequest, NetworkFailed
from repertory.jobs import JobFailure, JobStep, Object
from repertory.modalities import read_modality
from repertory.model import ResourceId

CHUNK = 50
"""Instances of one step: as many go over one association."""


def target_of(parameters: Parameters) -> Target:
    """The modality of a job: its name, or the entry that it is to be called by.

    Raises:
        BadRequest: the entry is none.
    """
    if "Entry" not in parameters:
        return parameters.need("Modality", str)
    try:
        return read_modality(parameters.need("Entry", dict))
    except ValueError as error:
        raise BadRequest(str(error)) from None


class ModalityStore(Job):
    """Sends instances to a modality, some with each step.

    A step that is repeated after a crash sends some once more, which who receives them knows.
    """

    type = "DicomModalityStore"

    def __init__(self, parameters: Parameters) -> None:
        self._target = target_of(parameters)
        self._name = parameters.get("Modality", "")
        instances = parameters.need("Instances", list)
        if not all(isinstance(it, str) for it in instances):
            raise BadRequest("The field Instances must be an array of strings.")
        self._instances = tuple(ResourceId(it) for it in instances)
        self._local_aet = parameters.get("LocalAet", "")
        self._timeout = parameters.get("Timeout", 0)
        self._permissive = parameters.get("Permissive", default=False)
        self._resources = parameters.get("ParentResources", list[str]())
        title = parameters.get("MoveOriginatorAet", "")
        number = parameters.get("MoveOriginatorID", 0)
        self._originator = (title, number) if title else None

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """``Modality``, ``Instances``, and the fields of the REST API."""
        return cls(parameters)

    def step(self, turn: Turn) -> JobStep | Reply[JobStep]:
        """Send the next ones."""
        at = turn.position.get("At", 0)
        chunk = self._instances[at : at + CHUNK]
        if not chunk:
            return turn.ends({**turn.position, "At": at}, done=True)
        asked = turn.board.ask_soon(
            SendInstances(
                target=self._target,
                instances=chunk,
                local_aet=self._local_aet,
                timeout=self._timeout,
                originator=self._originator,
            )
        )

        def ends(unsent: tuple[UnsentInstance, ...]) -> JobStep:
            if unsent and not self._permissive:
                raise NetworkFailed(unsent[0].reason)
            done = at + len(chunk)
            return turn.ends(
                {"At": done, "Failed": turn.position.get("Failed", 0) + len(unsent)},
                progress=done / len(self._instances),
                done=done == len(self._instances),
                failures=tuple(JobFailure(it.id, it.reason) for it in unsent),
            )

        return asked.then(ends)

    def content(self, position: Object) -> Object:
        """To whom, and how many."""
        return {
            "Description": "DICOM C-STORE",
            "LocalAet": self._local_aet,
            "RemoteAet": self._name,
            "InstancesCount": len(self._instances),
            "FailedInstancesCount": position.get("Failed", 0),
            "ParentResources": list(self._resources),
        }
