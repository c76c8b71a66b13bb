"""The storage's handlers for files that lie in another storage area, come to lie there, or go."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import structlog

from repertory.actors.base import handles
from repertory.actors.crew import Crew
from repertory.actors.mending import Mending
from repertory.actors.messages.attachments import (
    AttachmentDescription,
    DescribeAttachment,
    RemoveAttachment,
    RemoveAttachments,
)
from repertory.actors.messages.places import CopyFile, CorrectLocation
from repertory.actors.reply import Reply
from repertory.errors import FileLost, RepertoryError
from repertory.model import Attachment, ResourceRef
from repertory.places import OwnedFile
from repertory.storage.copying import copy_file
from repertory.storage.files import Files

if TYPE_CHECKING:
    from repertory.actors.switchboard import Switchboard

log = structlog.get_logger(__name__)

R = TypeVar("R")


class StoragePlaces:
    """A part of ``StorageActor``, apart from it for length only."""

    board: "Switchboard"
    _crew: Crew
    _files: Files
    _mending: Mending

    @handles(CopyFile)
    def copy_file(self, command: CopyFile) -> Reply[None]:
        """Copy a file from whichever area to whichever other one."""
        owned, copy = command.copy.file, command.copy.attachment

        def copy_from(file: Attachment) -> None:
            copy_file(
                self._files.area_at(file.location), self._files.area_at(copy.location), file, copy
            )

        def work() -> None:
            with self._mending.watching(owned.level, owned.id, owned.attachment):
                self._wherever(ResourceRef(owned.level, owned.id), owned.attachment, copy_from)

        return self._crew.do(work)

    @handles(RemoveAttachment)
    def remove_attachment(self, command: RemoveAttachment) -> Reply[None]:
        """Remove a released file."""
        it = command
        return self._crew.do(lambda: self._files.remove(it.uuid, it.content_type, it.location))

    @handles(RemoveAttachments)
    def remove_attachments(self, command: RemoveAttachments) -> Reply[None]:
        """Remove released files as one piece of work."""
        location = command.files[0].location if command.files else None
        files = [(file.uuid, file.content_type) for file in command.files]
        return self._crew.do(lambda: self._files.remove_many(files, location))

    def _wherever(
        self, owner: ResourceRef | None, attachment: Attachment, work: Callable[[Attachment], R]
    ) -> R:
        """Do ``work`` with a file; where it is not in its place but in another one, with that."""
        try:
            return work(attachment)
        except FileLost:
            found = self._files.find_elsewhere(attachment)
            if found is None:
                raise
        self._note_location(owner, found)
        return work(found)

    def _note_location(self, owner: ResourceRef | None, found: Attachment) -> None:
        if owner is None:
            return

        def tell(reply: Reply[bool]) -> None:
            if reply.error is None and reply.get():
                log.warning(
                    "location_corrected",
                    level=owner.level.word,
                    id=owner.id,
                    uuid=found.uuid,
                    location=found.location,
                )

        # Nobody waits: should the index be busy, the next reader notes it.
        file = OwnedFile(owner.level, owner.id, found)
        self.board.ask_soon(CorrectLocation(file=file, location=found.location)).on_done(tell)

    def _wherever_it_is_now(
        self, owner: ResourceRef | None, attachment: Attachment, work: Callable[[Attachment], R]
    ) -> R | Reply[R]:
        """The same in the midst of a long read: the file may have been moved since it began.

        Then it has another name by now, and the same content.
        """
        try:
            return self._wherever(owner, attachment, work)
        except FileLost:
            if owner is None or not attachment.compressed_md5:
                raise
        return self._ask_again(owner, attachment, work)

    def _ask_again(
        self, owner: ResourceRef, attachment: Attachment, work: Callable[[Attachment], R]
    ) -> Reply[R]:
        outcome: Reply[R] = Reply()

        def read(now: Attachment) -> R:
            with self._mending.watching_for(owner, now):
                return self._wherever(owner, now, work)

        def lost() -> R:
            with self._mending.watching_for(owner, attachment):
                raise FileLost

        def go_on(reply: Reply[AttachmentDescription]) -> None:
            error = reply.error
            if error is not None and not isinstance(error, RepertoryError):
                outcome.refuse(error)
                return
            now = None if error is not None else reply.get().attachment
            if (
                now is None
                or now.uuid == attachment.uuid
                or now.compressed_md5 != attachment.compressed_md5
            ):
                outcome.set(self._crew.do(lost))
            else:
                outcome.set(self._crew.do(lambda: read(now)))

        question = DescribeAttachment(
            level=owner.level, id=owner.id, content_type=attachment.content_type
        )
        self.board.ask_soon(question).on_done(go_on)
        return outcome
