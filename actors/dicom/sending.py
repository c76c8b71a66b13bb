"""Instances on their way out: which they are, and what answers to C-STORE mean (PS3.4 B.2)."""

from collections.abc import Iterable
from dataclasses import dataclass

from repertory.actors.messages.finding import DescribeFound
from repertory.actors.switchboard import Switchboard
from repertory.criteria import Criteria
from repertory.model import Attachment, Metadata, ResourceId
from repertory.storage.dicom.wire import EXPLICIT

SUCCESSFUL = frozenset({0x0000})
WARNINGS = frozenset({0xB000, 0xB006, 0xB007})  # PS3.4 table B.2-1: it is stored all the same

_SOP_INSTANCE_UID = "0008,0018"


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


def pairs(instances: Iterable[Outgoing]) -> list[tuple[str, str]]:
    """The SOP classes and transfer syntaxes of instances, each pair once."""
    return list(dict.fromkeys((it.sop_class, it.transfer_syntax) for it in instances))
