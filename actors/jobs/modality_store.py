"""Sending instances to a modality."""

import uuid
from typing import Self

from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.jobs.retrying import Retrying
from repertory.actors.messages.commitment import RequestCommitment
from repertory.actors.messages.finding import DescribeMany
from repertory.actors.messages.instances import SopPair
from repertory.actors.messages.modalities import SendInstances, Target, UnsentInstance
from repertory.actors.reply import Reply
from repertory.errors import BadRequest, NetworkFailed
from repertory.jobs import JobFailure, JobStep, Object
from repertory.modalities import read_modality
from repertory.model import Metadata, ResourceDescription, ResourceId

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
        self._retrying = Retrying(parameters)
        self._permissive = parameters.get("Permissive", default=False)
        self._resources = parameters.get("ParentResources", list[str]())
        self._wants_commitment = parameters.get("StorageCommitment", default=False)
        title = parameters.get("MoveOriginatorAet", "")
        number = parameters.get("MoveOriginatorID", 0)
        self._originator = (title, number) if title else None
        self._description = parameters.get("Description", "DICOM C-STORE")

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """``Modality``, ``Instances``, and the fields of the REST API."""
        return cls(parameters)

    def step(self, turn: Turn) -> JobStep | Reply[JobStep]:
        """Send the next ones; after the last, ask for commitment if that is wanted."""
        at = turn.position.get("At", 0)
        chunk = self._instances[at : at + CHUNK]
        if not chunk:
            if self._wants_commitment and self._instances:
                return self._ask_for_commitment(turn)
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

        def ends(unsent: tuple[UnsentInstance, ...], before: Object) -> JobStep:
            if unsent and not self._permissive:
                raise NetworkFailed(unsent[0].reason)
            done = at + len(chunk)
            return turn.ends(
                {"At": done, "Failed": before.get("Failed", 0) + len(unsent)},
                progress=done / len(self._instances),
                done=done == len(self._instances) and not self._wants_commitment,
                failures=tuple(JobFailure(it.id, it.reason) for it in unsent),
            )

        return self._retrying.step(turn, at / len(self._instances), asked, ends)

    def _ask_for_commitment(self, turn: Turn) -> Reply[JobStep]:
        """What was not sent will be among the failures of the report."""
        # A step that is repeated asks by the same transaction.
        transaction = f"2.25.{uuid.UUID(turn.job).int}"

        def ask(found: tuple[ResourceDescription, ...]) -> Reply[str]:
            return turn.board.ask_soon(
                RequestCommitment(
                    target=self._target,
                    instances=tuple(map(_pair, found)),
                    transaction=transaction,
                    local_aet=self._local_aet,
                    timeout=self._timeout,
                )
            )

        def ends(_: str, before: Object) -> JobStep:
            return turn.ends({**before, "Transaction": transaction}, done=True)

        asked: Reply[str] = turn.board.ask_soon(DescribeMany(ids=self._instances)).then(ask)
        return self._retrying.step(turn, 1.0, asked, ends)

    def content(self, position: Object) -> Object:
        """To whom, and how many."""
        transaction = position.get("Transaction")
        return {
            **({"StorageCommitmentTransactionUID": transaction} if transaction else {}),
            "Description": self._description,
            "LocalAet": self._local_aet,
            "RemoteAet": self._name,
            "InstancesCount": len(self._instances),
            "FailedInstancesCount": position.get("Failed", 0),
            "ParentResources": list(self._resources),
        }


def _pair(instance: ResourceDescription) -> SopPair:
    return SopPair(
        sop_class=instance.metadata.get(Metadata.SOP_CLASS_UID, ""),
        sop_instance=instance.main_tags.get("0008,0018", ""),
    )
