"""Instances on their way out: which they are, and C-STORE as those who send do it (PS3.4 B.2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pynetdicom  # noqa: F401 - whole, before its parts (tests/house/test_imports.py)
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from repertory.actors.messages.attachments import ReadAttachment
from repertory.actors.messages.finding import DescribeFound
from repertory.actors.switchboard import Switchboard
from repertory.criteria import Criteria
from repertory.errors import NetworkFailed
from repertory.model import Attachment, Level, Metadata, ResourceId
from repertory.storage.dicom.wire import EXPLICIT, data_set_of

SUCCESSFUL = frozenset({0x0000})
WARNINGS = frozenset({0xB000, 0xB006, 0xB007})  # PS3.4 table B.2-1: it is stored all the same

_SOP_INSTANCE_UID = "0008,0018"
_LAST_MESSAGE_ID = 0xFFFF


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An instance to be sent."""

    id: ResourceId
    sop_class: str
    sop_instance: str
    transfer_syntax: str
    attachment: Attachment | None = None

    @property
    def size(self) -> int:
        """Bytes of its file; 0 where nobody knows."""
        return self.attachment.uncompressed_size if self.attachment else 0


def outgoing(board: Switchboard, criteria: Criteria) -> list[Outgoing]:
    """The instances that meet the criteria, with what has to be negotiated for them."""
    found = board.ask(DescribeFound(criteria=criteria))
    return [
        Outgoing(
            id=it.description.id,
            sop_class=it.description.metadata.get(Metadata.SOP_CLASS_UID, ""),
            sop_instance=it.description.main_tags.get(_SOP_INSTANCE_UID, ""),
            transfer_syntax=it.description.metadata.get(Metadata.TRANSFER_SYNTAX, EXPLICIT),
            attachment=it.description.attachment,
        )
        for it in found
    ]


def data_set(board: Switchboard, instance: Outgoing) -> bytes:
    """The data set of an instance, as it is stored."""
    question = ReadAttachment(level=Level.INSTANCE, id=instance.id, remember=False)
    return data_set_of(bytes(board.ask(question).content))


class Sender:
    """Sends instances over an association, in the syntaxes that were agreed on for them."""

    def __init__(self, association: Association) -> None:
        self._association = association
        self._contexts = {
            (str(it.abstract_syntax), str(it.transfer_syntax[0])): it.context_id
            for it in association.accepted_contexts
            if it.as_scu
        }

    def takes(self, instance: Outgoing) -> bool:
        """Whether the other side takes an instance as it is stored."""
        return (instance.sop_class, instance.transfer_syntax) in self._contexts

    def accepted(self, sop_class: str) -> frozenset[str]:
        """The transfer syntaxes that the other side takes a SOP class in."""
        return frozenset(syntax for it, syntax in self._contexts if it == sop_class)

    def send(
        self,
        instance: Outgoing,
        data: bytes,
        *,
        message_id: int,
        originator: tuple[str, int] | None = None,
    ) -> int:
        """Send one, and wait for the status.

        Args:
            instance: what is sent.
            data: its data set.
            message_id: counts on from message to message.
            originator: the title of who asked by C-MOVE, and the number of that message.

        Raises:
            NetworkFailed: no answer came.
        """
        request = C_STORE()
        request.MessageID = message_id % _LAST_MESSAGE_ID or 1
        request.Priority = 0x0002
        request.AffectedSOPClassUID = instance.sop_class
        request.AffectedSOPInstanceUID = instance.sop_instance
        if originator is not None:
            request.MoveOriginatorApplicationEntityTitle = originator[0]
            request.MoveOriginatorMessageID = originator[1]
        request.DataSet = BytesIO(data)
        context = self._contexts[instance.sop_class, instance.transfer_syntax]
        dimse = self._association.dimse
        dimse.send_msg(request, context or 0)
        _, response = dimse.get_msg(block=True)
        if not isinstance(response, C_STORE) or response.Status is None:
            raise NetworkFailed("The other side gave no answer to C-STORE.")
        return int(response.Status)


def pairs(instances: Iterable[Outgoing]) -> list[tuple[str, str]]:
    """The SOP classes and transfer syntaxes of instances, each pair once."""
    return list(dict.fromkeys((it.sop_class, it.transfer_syntax) for it in instances))


def context_of(association: Association, sop_class: str) -> Any:
    """The accepted presentation context of a SOP class; ``None`` where there is none."""
    return next(
        (it for it in association.accepted_contexts if it.abstract_syntax == sop_class), None
    )
