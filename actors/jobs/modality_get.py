"""Having a modality send what it has, to us and over our own association."""

from typing import Any

from repertory.actors.jobs.base import Turn
from repertory.actors.jobs.modality_move import ModalityMove
from repertory.actors.messages.modalities import GetResource
from repertory.actors.reply import Reply
from repertory.jobs import Object


class ModalityGet(ModalityMove):
    """Asks a modality by C-GET for one resource with each step."""

    type = "DicomGetScu"

    def _ask(self, turn: Turn, keys: dict[str, str]) -> Reply[Any]:
        return turn.board.ask_soon(
            GetResource(
                target=self._target,
                level=self._level,
                keys=keys,
                local_aet=self._local_aet,
                timeout=self._timeout,
            )
        )

    def content(self, position: Object) -> Object:
        """From whom, and what."""
        content = super().content(position)
        del content["TargetAet"]
        return {**content, "Description": "DICOM C-GET"}
