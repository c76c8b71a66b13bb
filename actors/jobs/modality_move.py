"""Letting a modality send what it has to somebody."""

from typing import Any, Self

from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.jobs.modality_store import target_of
from repertory.actors.jobs.retrying import Retrying
from repertory.actors.messages.modalities import MoveResource
from repertory.actors.reply import Reply
from repertory.errors import BadParameter, BadRequest
from repertory.jobs import JobStep, Object
from repertory.model import Level

_LEVELS = {level.word: level for level in Level}


class ModalityMove(Job):
    """Asks a modality by C-MOVE for one resource with each step."""

    type = "DicomMoveScu"

    def __init__(self, parameters: Parameters) -> None:
        self._target = target_of(parameters)
        self._name = parameters.get("Modality", "")
        level = _LEVELS.get(parameters.need("Level", str).capitalize())
        if level is None:
            raise BadParameter("The field Level must be Patient, Study, Series or Instance.")
        self._level = level
        self._resources = parameters.need("Resources", list)
        for it in self._resources:
            if not isinstance(it, dict) or not all(isinstance(v, str) for v in it.values()):
                raise BadRequest("The field Resources must be an array of objects of strings.")
        self._target_aet = parameters.get("TargetAet", "")
        self._local_aet = parameters.get("LocalAet", "")
        self._timeout = parameters.get("Timeout", 0)
        self._retrying = Retrying(parameters)

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """``Modality``, ``Level``, ``Resources``, and the fields of the REST API."""
        return cls(parameters)

    def step(self, turn: Turn) -> JobStep | Reply[JobStep]:
        """Ask for the next one."""
        at, total = turn.position.get("At", 0), len(self._resources)
        if at >= total:
            return turn.ends({"At": at}, done=True)
        asked = self._ask(turn, self._resources[at])

        def ends(_: Any, _before: Object) -> JobStep:
            done = at + 1
            return turn.ends({"At": done}, progress=done / total, done=done == total)

        return self._retrying.step(turn, at / total, asked, ends)

    def _ask(self, turn: Turn, keys: dict[str, str]) -> Reply[Any]:
        return turn.board.ask_soon(
            MoveResource(
                target=self._target,
                level=self._level,
                keys=keys,
                destination=self._target_aet,
                local_aet=self._local_aet,
                timeout=self._timeout,
            )
        )

    def content(self, position: Object) -> Object:
        """From whom, to whom, and what."""
        return {
            "Description": "DICOM C-MOVE",
            "LocalAet": self._local_aet,
            "RemoteAet": self._name,
            "TargetAet": self._target_aet,
            "Query": self._resources,
            "Done": position.get("At", 0),
        }
