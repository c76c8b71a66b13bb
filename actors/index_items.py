"""The index's handlers for what belongs to resources: metadata, labels, attachments and so on."""

from typing import TypeVar

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.attachments import (
    AttachmentsReleased,
    DeleteAttachment,
    SetAttachment,
)
from repertory.actors.messages.exports import ClearExports, RecordExport
from repertory.actors.messages.labels import AddLabel, RemoveLabel
from repertory.actors.messages.metadata import DeleteMetadata, SetMetadata
from repertory.actors.messages.resources import SetProtection
from repertory.actors.reply import Reply
from repertory.errors import Forbidden
from repertory.items import MetadataValue, is_user_number
from repertory.model import Attachment, ContentType

R = TypeVar("R")


class IndexItems(IndexPart):
    """A part of ``IndexActor``, apart from it for length only."""

    _log_exports: bool

    @handles(SetMetadata)
    def set_metadata(self, command: SetMetadata) -> Reply[MetadataValue]:
        """Write a user's metadata."""
        if not is_user_number(command.number):
            raise Forbidden("Only the users' own metadata can be written.")
        return self._change(
            lambda: self._writer.set_metadata(
                command.level,
                command.id,
                command.number,
                command.value,
                expected=command.expected,
                now=self.clock.now(),
            )
        )

    @handles(DeleteMetadata)
    def delete_metadata(self, command: DeleteMetadata) -> Reply[None]:
        """Delete a user's metadata."""
        if not is_user_number(command.number):
            raise Forbidden("Only the users' own metadata can be deleted.")
        return self._change(
            lambda: self._writer.delete_metadata(
                command.level,
                command.id,
                command.number,
                expected=command.expected,
                now=self.clock.now(),
            )
        )

    @handles(AddLabel)
    def add_label(self, command: AddLabel) -> Reply[None]:
        """Give a resource a label."""
        return self._change(
            lambda: self._writer.add_label(command.level, command.id, command.label)
        )

    @handles(RemoveLabel)
    def remove_label(self, command: RemoveLabel) -> Reply[None]:
        """Take a label from a resource."""
        return self._change(
            lambda: self._writer.remove_label(command.level, command.id, command.label)
        )

    @handles(SetAttachment)
    def set_attachment(self, command: SetAttachment) -> Reply[Attachment]:
        """Enter a file as an attachment, and release the one that it takes the place of."""
        return self._change(
            lambda: self._writer.replace_attachment(
                command.level,
                command.id,
                command.attachment,
                expected=command.expected,
                now=self.clock.now(),
            ),
            lambda attachment: (AttachmentsReleased(),) if attachment.revision else (),
        )

    @handles(DeleteAttachment)
    def delete_attachment(self, command: DeleteAttachment) -> Reply[None]:
        """Take an attachment away; its file is listed as released in the same transaction."""
        content_type = command.content_type
        if not is_user_number(content_type) and content_type != ContentType.DICOM_AS_JSON:
            raise Forbidden("This attachment is not to be deleted alone.")
        return self._change(
            lambda: self._writer.delete_attachment(
                command.level,
                command.id,
                content_type,
                expected=command.expected,
                now=self.clock.now(),
            ),
            lambda _: (AttachmentsReleased(),),
        )

    @handles(SetProtection)
    def set_protection(self, command: SetProtection) -> Reply[None]:
        """Protect a patient, or end it."""
        return self._change(
            lambda: self._writer.set_protection(command.id, protected=command.protected)
        )

    @handles(RecordExport)
    def record_export(self, command: RecordExport) -> Reply[None]:
        """Log an export, if exports are logged."""
        if not self._log_exports:
            return _done()
        return self._change(
            lambda: self._writer.record_exports(command.resources, command.remote, self.clock.now())
        )

    @handles(ClearExports)
    def clear_exports(self, _command: ClearExports) -> Reply[None]:
        """Empty the log of exports."""
        return self._change(self._writer.clear_exports)


def _done() -> Reply[None]:
    reply: Reply[None] = Reply()
    reply.set()
    return reply
