"""Seeing whether the archive has what it is to commit itself to, and reporting it."""

from functools import partial
from typing import Any, Self

from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.messages.attachments import (
    AttachmentDescription,
    DescribeAttachment,
    ReadAttachment,
    VerifyFile,
)
from repertory.actors.messages.commitment import (
    CLASS_INSTANCE_CONFLICT,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    ReportCommitment,
    UncommittedInstance,
)
from repertory.actors.messages.instances import SopPair
from repertory.actors.messages.resources import LookupIdentifier
from repertory.actors.reply import Reply, gather
from repertory.actors.switchboard import Switchboard
from repertory.errors import (
    BadRequest,
    FileCorrupted,
    FileLost,
    NetworkFailed,
    UnknownItem,
    UnknownResource,
    Unsupported,
)
from repertory.jobs import JobStep, Object
from repertory.model import Level, Metadata, ResourceRef

CHUNK = 20
"""Instances of one step: their files are read to the end."""

FIRST_DELAY, LAST_DELAY = 10.0, 3600.0
"""Seconds between two attempts to report: twice as many each time, up to an hour."""

ATTEMPTS = 32
"""After these, which take a day, nobody is told any more."""


class CommitmentScp(Job):
    """Looks for instances in the index and reads their files; then reports, until it succeeds.

    It looks once: what is committed stays so, or ``DELETE`` would make a liar of the archive.
    """

    type = "StorageCommitmentScp"

    def __init__(self, parameters: Parameters) -> None:
        self._modality = parameters.need("Modality", str)
        self._transaction = parameters.need("TransactionUid", str)
        self._remote_aet = parameters.get("RemoteAet", "")
        self._called_aet = parameters.get("CalledAet", "")
        self._instances = pairs_of(parameters.need("Instances", list))

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """``Modality``, ``TransactionUid``, ``Instances``: pairs of SOP class and instance."""
        return cls(parameters)

    def step(self, turn: Turn) -> JobStep | Reply[JobStep]:
        """Look at some instances, or report."""
        at = int(turn.position.get("At", 0))
        if at < len(self._instances):
            return self._look(turn, at)
        return self._report(turn)

    def _look(self, turn: Turn, at: int) -> Reply[JobStep]:
        chunk = self._instances[at : at + CHUNK]
        asked = gather([_looked_at(turn.board, it) for it in chunk])

        def ends(reasons: tuple[int, ...]) -> JobStep:
            done = at + len(chunk)
            failed = [[at + number, it] for number, it in enumerate(reasons) if it]
            position = {"At": done, "Failed": [*turn.position.get("Failed", []), *failed]}
            return turn.ends(position, progress=0.9 * done / len(self._instances))

        return asked.then(ends)

    def _report(self, turn: Turn) -> Reply[JobStep]:
        failed = {int(number): int(reason) for number, reason in turn.position.get("Failed", [])}
        asked = turn.board.ask_soon(
            ReportCommitment(
                target=self._modality,
                transaction=self._transaction,
                committed=tuple(
                    it for number, it in enumerate(self._instances) if number not in failed
                ),
                failures=tuple(
                    UncommittedInstance(instance=self._instances[number], reason=reason)
                    for number, reason in failed.items()
                ),
                local_aet=self._called_aet,
            )
        )
        outcome: Reply[JobStep] = Reply()

        def settle(reply: Reply[None]) -> None:
            attempts = int(turn.position.get("Attempts", 0)) + 1
            if reply.error is None:
                outcome.set(turn.ends({**turn.position, "Attempts": attempts}, done=True))
            elif isinstance(reply.error, NetworkFailed) and attempts < ATTEMPTS:
                delay = min(FIRST_DELAY * 2.0 ** (attempts - 1), LAST_DELAY)
                position = {**turn.position, "Attempts": attempts}
                outcome.set(turn.ends(position, progress=0.9, pause=delay, rests=True))
            else:
                outcome.refuse(reply.error)

        asked.on_done(settle)
        return outcome

    def content(self, position: Object) -> Object:
        """Who asked whom, and how far it has come."""
        return {
            "Description": "Storage commitment SCP",
            "RemoteAet": self._remote_aet,
            "CalledAet": self._called_aet,
            "TransactionUid": self._transaction,
            "InstancesCount": len(self._instances),
            "FailedInstancesCount": len(position.get("Failed", [])),
            "Attempts": position.get("Attempts", 0),
        }


def pairs_of(instances: list[Any]) -> tuple[SopPair, ...]:
    """Pairs of SOP class and instance, from lists of two.

    Raises:
        BadRequest: they are something else.
    """
    for it in instances:
        if not isinstance(it, list) or [type(each) for each in it] != [str, str]:
            raise BadRequest("Instances must be pairs of SOP class and SOP instance.")
    return tuple(SopPair(sop_class=it[0], sop_instance=it[1]) for it in instances)


def _looked_at(board: Switchboard, instance: SopPair) -> Reply[int]:
    """Why the archive does not vouch for an instance, 0 where it does."""
    reason: Reply[int] = Reply()

    def settle(reply: Reply[int]) -> None:
        error = reply.error
        if isinstance(error, UnknownResource | UnknownItem):
            reason.set(NO_SUCH_INSTANCE)
        elif isinstance(error, FileLost | FileCorrupted):
            reason.set(PROCESSING_FAILURE)
        else:
            reason.set(reply)

    def found(refs: tuple[ResourceRef, ...]) -> Reply[int]:
        ref = next((it for it in refs if it.level is Level.INSTANCE), None)
        if ref is None:
            raise UnknownResource
        described = board.ask_soon(DescribeAttachment(level=ref.level, id=ref.id))
        verified: Reply[int] = described.then(partial(_verified, board, instance, ref))
        return verified

    asked = board.ask_soon(LookupIdentifier(identifier=instance.sop_instance))
    looked: Reply[int] = asked.then(found)
    looked.on_done(settle)
    return reason


def _verified(
    board: Switchboard, instance: SopPair, ref: ResourceRef, found: AttachmentDescription
) -> Reply[int] | int:
    if found.metadata.get(Metadata.SOP_CLASS_UID, instance.sop_class) != instance.sop_class:
        return CLASS_INSTANCE_CONFLICT
    outcome: Reply[int] = Reply()

    def read(reply: Reply[None]) -> None:
        if not isinstance(reply.error, Unsupported):
            outcome.set(reply.then(lambda _: 0))
            return
        # No sum of it is kept: that it can be read to its end is all that can be known.
        question = ReadAttachment(level=ref.level, id=ref.id, remember=False)
        outcome.set(board.ask_soon(question).then(lambda _: 0))

    board.ask_soon(VerifyFile(attachment=found.attachment, owner=ref)).on_done(read)
    return outcome
