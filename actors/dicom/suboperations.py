"""C-STORE sub-operations: instances on their way out, read ahead while others are sent."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from repertory.actors.dicom.forms import Fitted, Forms
from repertory.actors.dicom.sending import Outgoing
from repertory.actors.dicom.upper.association import Association
from repertory.actors.dicom.upper.commands import C_STORE_RQ, MEDIUM, status_of
from repertory.actors.messages.attachments import ReadAttachment, ReadFile
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.modalities import Modality
from repertory.model import Level, ResourceRef
from repertory.storage.dicom.wire import data_set_in

AHEAD = 16
"""Files that are read while others are sent, where they are small."""

AHEAD_BYTES = 16 << 20
"""Bytes of files that are read ahead; one file may have more."""

_LAST_MESSAGE_ID = 0xFFFF


class ReadAhead:
    """The files of instances, one after the other, some of them before they are asked for."""

    def __init__(
        self, instances: Sequence[Outgoing], read: Callable[[Outgoing], Reply[Fitted]]
    ) -> None:
        """Take what is to be sent, and how a file is read."""
        self._read = read
        self._instances = iter(instances)
        self._next = next(self._instances, None)
        self._begun: deque[tuple[Outgoing, Reply[Fitted]]] = deque()
        self._size = 0

    def __iter__(self) -> Iterator[tuple[Outgoing, Reply[Fitted]]]:
        while True:
            self._begin()
            if not self._begun:
                return
            instance, reply = self._begun.popleft()
            yield instance, reply
            self._size -= instance.size

    def _begin(self) -> None:
        while (instance := self._next) is not None:
            is_first = not self._begun
            is_room = len(self._begun) < AHEAD and self._size + instance.size <= AHEAD_BYTES
            if not is_first and not is_room:
                return
            self._begun.append((instance, self._read(instance)))
            self._size += instance.size
            self._next = next(self._instances, None)


def read_file(board: Switchboard, instance: Outgoing) -> Reply[bytes]:
    """The file of an instance, as it is stored."""
    if instance.attachment is None:
        question = ReadAttachment(level=Level.INSTANCE, id=instance.id, remember=False)
        return board.ask_soon(question).then(lambda found: bytes(found.content))
    return board.ask_soon(
        ReadFile(
            attachment=instance.attachment,
            start=0,
            length=instance.attachment.uncompressed_size,
            owner=ResourceRef(Level.INSTANCE, instance.id),
        )
    )


class Sender:
    """Sends instances over an association, in the syntaxes that were agreed on for them."""

    def __init__(self, association: Association) -> None:
        self._association = association
        self._contexts = {
            (it.abstract_syntax, it.transfer_syntax): it
            for it in association.contexts.values()
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
        content: bytes,
        *,
        message_id: int,
        originator: tuple[str, int] | None = None,
    ) -> int:
        """Send one, and wait for the status.

        Args:
            instance: what is sent.
            content: its file.
            message_id: counts on from message to message.
            originator: the title of who asked by C-MOVE, and the number of that message.

        Raises:
            Damaged: the file is no DICOM file.
            BadPdu: something else came than an answer.
            Ended: no answer came.
        """
        number = message_id % _LAST_MESSAGE_ID or 1
        title, originator_id = originator or (None, None)
        answer = self._association.call(
            self._contexts[instance.sop_class, instance.transfer_syntax],
            {
                "CommandField": C_STORE_RQ,
                "MessageID": number,
                "Priority": MEDIUM,
                "AffectedSOPClassUID": instance.sop_class,
                "AffectedSOPInstanceUID": instance.sop_instance,
                "MoveOriginatorApplicationEntityTitle": title,
                "MoveOriginatorMessageID": originator_id,
            },
            data_set_in(content),
        )
        return status_of(answer.command, C_STORE_RQ, number)


def reading(
    board: Switchboard, sender: Sender, forms: Forms, modality: Modality | None
) -> Callable[[Outgoing], Reply[Fitted]]:
    """How files are read: as the other side takes them."""

    def read(instance: Outgoing) -> Reply[Fitted]:
        if sender.takes(instance):
            return read_file(board, instance).then(lambda content: (instance, content))
        return forms.transcoded(modality, instance, sender.accepted(instance.sop_class))

    return read
