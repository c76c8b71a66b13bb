"""Bugs planted in what moves files between two disks."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from repertory.actors.base import handles
from repertory.actors.index import IndexActor
from repertory.actors.messages.attachments import RemoveAttachment
from repertory.actors.messages.places import CopyFile
from repertory.actors.messages.tiering import FarFileRead
from repertory.actors.reply import Reply
from repertory.actors.storage import StorageActor
from repertory.actors.tiering.actor import TieringActor
from repertory.model import Attachment
from repertory.places import Copy
from repertory.storage.index.operations.recompressing import find_file
from repertory.storage.index.packing import pack_id
from repertory.storage.index.writer import DatabaseWriter
from repertory.testing.simulation.setups import Parts


class CopiesUnannounced(DatabaseWriter):
    """Learns of copies when they take the places of their files, not before they are made."""

    def reserve_copies(self, copies: Sequence[Attachment]) -> None:
        """Do nothing."""

    def record_moves(self, copies: Sequence[Copy]) -> tuple[bool, ...]:
        """Do now what was to be done before."""
        super().reserve_copies(tuple(copy.attachment for copy in copies))
        return super().record_moves(copies)


class LeavesCopies(IndexActor):
    """Does not look at the start for copies that a crash cut short."""

    def release_unfinished_copies(self) -> int:
        """Release none."""
        return 0


class RemovesWhatItCopied(StorageActor):
    """Removes a file as soon as there is a copy of it."""

    @handles(CopyFile)
    def copy_file(self, command: CopyFile) -> Reply[None]:
        """Copy it, and have it removed."""
        reply = super().copy_file(command)
        reply.on_done(lambda reply: self._remove_source(command, reply))
        return reply

    def _remove_source(self, command: CopyFile, reply: Reply[None]) -> None:
        if reply.error is None:
            it = command.copy.file.attachment
            removal = RemoveAttachment(
                uuid=it.uuid, content_type=it.content_type, location=it.location
            )
            self.board.ask_soon(removal)


class AnswersBeforeCopy(StorageActor):
    """Says that a file is copied when it is about to be."""

    @handles(CopyFile)
    def copy_file(self, command: CopyFile) -> Reply[None]:
        """Answer at once."""
        super().copy_file(command)
        done: Reply[None] = Reply()
        done.set(None)
        return done


class MovesWhatWasReplaced(DatabaseWriter):
    """Lets a copy take the place of whatever file is there by now."""

    def record_moves(self, copies: Sequence[Copy]) -> tuple[bool, ...]:
        """Take each file for the one that was copied."""
        return super().record_moves(tuple(map(self._now, copies)))

    def _now(self, copy: Copy) -> Copy:
        file = copy.file
        row = self._db.one(
            "SELECT id FROM resources WHERE public_id = ? AND level = ?",
            (pack_id(file.id), int(file.level)),
        )
        found = find_file(self._db, row[0], file.attachment.content_type) if row else None
        return copy if found is None else replace(copy, file=replace(file, attachment=found))


class LetsNothingComeBack(TieringActor):
    """Does not hear that a file was read on the second disk."""

    @handles(FarFileRead)
    def far_file_read(self, event: FarFileRead) -> None:
        """Do nothing."""


MUTANTS: dict[str, Callable[[], Parts]] = {
    "copies unannounced": lambda: Parts(writer=CopiesUnannounced),
    "leaves copies": lambda: Parts(actors={IndexActor: LeavesCopies}),
    "removes what it copied": lambda: Parts(actors={StorageActor: RemovesWhatItCopied}),
    "answers before copy": lambda: Parts(actors={StorageActor: AnswersBeforeCopy}),
    "moves what was replaced": lambda: Parts(writer=MovesWhatWasReplaced),
    "lets nothing come back": lambda: Parts(actors={TieringActor: LetsNothingComeBack}),
}
"""By name, the parts with a mutant among them; all show where there are two disks."""
