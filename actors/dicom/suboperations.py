"""C-STORE sub-operations: instances on their way out, read ahead while others are sent."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from repertory.actors.dicom.forms import Fitted, Forms
from repertory.actors.dicom.sending import Outgoing
from repertory.actors.dicom.upper.association import Association
from repertory.actors.dicom.upper.commands import C_STORE_RQ, MEDIUM, status_of
from repertory.actors.messages.attachments import ReadAttachment, ReadFile, ReadFiles
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.modalities import Modality
from repertory.model import Level, ResourceId, ResourceRef
from repertory.storage.dicom.wire import data_set_in

AHEAD = 16
"""Files that are read while others are sent, where they are small."""

AHEAD_BYTES = 16 << 20
"""Bytes of files that are read ahead; one file may have more."""

TOGETHER = 8
"""Files that are asked for at one go, the first ones fewer."""

SMALL = 1 << 18
"""Bytes of a file that is read together with others."""

_LAST_MESSAGE_ID = 0xFFFF

Batch = Sequence[Outgoing]


class ReadAhead:
    """The files of instances, one after the other, some of them before they are asked for."""

    def __init__(
        self, instances: Sequence[Outgoing], read: Callable[[Batch], list[Reply[Fitted]]]
    ) -> None:
        """Take what is to be sent, and how some files are read."""
        self._read = read
        self._instances = iter(instances)
        self._next = next(self._instances, None)
        self._begun: deque[tuple[Outgoing, Reply[Fitted]]] = deque()
        self._size = 0
        self._width = 1

    def __iter__(self) -> Iterator[tuple[Outgoing, Reply[Fitted]]]:
        while True:
            if len(self._begun) <= AHEAD - self._width:
                self._begin()
            if not self._begun:
                return
            instance, reply = self._begun.popleft()
            yield instance, reply
            self._size -= instance.size

    def _begin(self) -> None:
        batch: list[Outgoing] = []
        while (instance := self._next) is not None and len(batch) < self._width:
            is_first = not self._begun and not batch
            if not is_first and self._size + instance.size > AHEAD_BYTES:
                break
            batch.append(instance)
            self._size += instance.size
            self._next = next(self._instances, None)
        if batch:
            self._begun.extend(zip(batch, self._read(batch), strict=True))
            self._width = min(2 * self._width, TOGETHER)


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
) -> Callable[[Batch], list[Reply[Fitted]]]:
    """How files are read: as the other side takes them, small ones several at a time."""
    reads_together = ReadFiles in board.kinds()

    def is_small(instance: Outgoing) -> bool:
        return instance.attachment is not None and instance.size <= SMALL

    def read(batch: Batch) -> list[Reply[Fitted]]:
        taken = [it for it in batch if sender.takes(it)]
        small = [it for it in taken if reads_together and is_small(it)]
        together = read_together(board, small) if len(small) > 1 else {}

        def read_one(instance: Outgoing) -> Reply[Fitted]:
            if instance.id in together:
                return together[instance.id]
            if instance in taken:
                return read_alone(board, instance)
            return forms.transcoded(modality, instance, sender.accepted(instance.sop_class))

        return [read_one(it) for it in batch]

    return read


def read_alone(board: Switchboard, instance: Outgoing) -> Reply[Fitted]:
    """An instance as it is stored."""
    return read_file(board, instance).then(lambda content: (instance, content))


def read_together(board: Switchboard, instances: Batch) -> dict[ResourceId, Reply[Fitted]]:
    """Instances as they are stored, by one question; their attachments are known."""
    replies: dict[ResourceId, Reply[Fitted]] = {it.id: Reply() for it in instances}
    files = tuple(
        (it.attachment, ResourceRef(Level.INSTANCE, it.id)) for it in instances if it.attachment
    )

    def settle(found: Reply[tuple[bytes | Exception | None, ...]]) -> None:
        if found.error is not None:
            for reply in replies.values():
                reply.refuse(found.error)
            return
        for instance, content in zip(instances, found.get(), strict=True):
            reply = replies[instance.id]
            if isinstance(content, bytes):
                reply.set((instance, content))
            elif content is None:
                reply.set(read_alone(board, instance))
            else:
                reply.refuse(content)

    board.ask_soon(ReadFiles(files=files)).on_done(settle)
    return replies
