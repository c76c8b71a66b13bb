"""Deleting many resources."""

from dataclasses import replace
from typing import Any, Self

from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.messages.job_records import DeleteResources
from repertory.actors.reply import Reply
from repertory.errors import BadParameter, BadRequest
from repertory.jobs import BulkReceipt, BulkStep, JobStep, Object, Target
from repertory.model import Level, ResourceId

CHUNK = 1000
"""Resources that one step goes through at most, and instances that it deletes, roughly: some
tenths of a second in which the index does nothing else."""

_LEVELS = {word.lower(): level for level in Level for word in (level.word, level.plural)}


class BulkDelete(Job):
    """Deletes resources of whatever level in their order; those that are not there are passed over.

    The index takes down how far it has come in the very transaction that deletes, so nothing is
    counted twice after a crash.
    """

    type = "BulkDelete"

    def __init__(self, targets: tuple[Target, ...]) -> None:
        self._targets = targets

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """``Resources``: identifiers, or objects with a ``Level`` and an ``ID``."""
        named: list[Any] = parameters.need("Resources", list)
        return cls(tuple(map(_target, named)))

    def step(self, turn: Turn) -> Reply[JobStep]:
        """Delete as many as one transaction should hold."""
        passed = int(turn.position.get("Passed", 0))
        step = BulkStep(
            job=turn.job,
            run_time=turn.run_time,
            total=len(self._targets),
            passed=passed,
            deleted=int(turn.position.get("Deleted", 0)),
        )
        targets = self._targets[passed : passed + CHUNK]
        question = DeleteResources(targets=targets, room=CHUNK, step=step)

        def taken(receipt: BulkReceipt) -> JobStep:
            return replace(receipt.step or step.after(receipt.passed, 0), recorded=True)

        return turn.board.ask_soon(question).then(taken)

    def content(self, position: Object) -> Object:
        """How many there are, how many it went through, and how many of them it deleted."""
        passed, deleted = int(position.get("Passed", 0)), int(position.get("Deleted", 0))
        return {
            "Description": "Bulk deletion",
            "ResourcesCount": len(self._targets),
            "DeletedResourcesCount": deleted,
            "UnknownResourcesCount": passed - deleted,
        }


def _target(named: Any) -> Target:
    if isinstance(named, str):
        return Target(ResourceId(named))
    if not isinstance(named, dict):
        raise BadRequest("The field Resources must hold identifiers, or objects with Level and ID.")
    fields = Parameters(named)
    level = _LEVELS.get(fields.need("Level", str).lower())
    if level is None:
        raise BadParameter("The field Level must be Patient, Study, Series or Instance.")
    return Target(ResourceId(fields.need("ID", str)), level)
