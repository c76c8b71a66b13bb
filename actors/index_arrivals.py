"""Files that are still being written while the index enters them.

Whoever stores a small file and is alone need not wait for the disk before the index begins: the
file is written while its rows are. The group that they belong to is committed once it is there.
"""

from typing import TYPE_CHECKING, Any

import structlog

from repertory.actors.base import handles
from repertory.actors.index_repeating import IndexRepeating
from repertory.actors.messages.instances import FileArrived
from repertory.actors.reply import Reply
from repertory.errors import StorageFailed

log = structlog.get_logger(__name__)


class IndexArrivals(IndexRepeating):
    """A part of ``IndexActor``."""

    _arriving: dict[str, Reply[Any] | None]
    """Those who asked for the changes of this group whose files are not there yet, by UUID."""
    _is_due: bool
    """Whether the group would be committed but for them."""

    if TYPE_CHECKING:

        def _commit(self) -> None: ...
        def _forget_group(self) -> None: ...

    def _must_wait(self) -> bool:
        """Whether files are missing; until they are there, all of a commit but its end is done."""
        was_due, waits = self._is_due, bool(self._arriving)
        self._is_due = waits
        if waits and not was_due:  # once: what comes then may come often
            error = self._try(self._writer.prepare)
            if error is not None:
                self._recover(error)
        return waits

    @handles(FileArrived)
    def file_arrived(self, event: FileArrived) -> None:
        """Commit what waited for a file, or leave out what was to be entered of it."""
        reply = self._arriving.pop(event.uuid, None)
        if reply is None:
            return  # it was refused, or its group undone
        if not event.is_there:
            self._leave_out(reply)
        if self._is_due and not self._arriving:
            self._commit()

    def _leave_out(self, reply: Reply[Any]) -> None:
        """Make the group as if one had never asked, who knows what went wrong."""
        self._works = [work for work in self._works if work[0] is not reply]
        if self._works:
            error = self._make_anew()
            if error is not None:
                self._recover(error)
        else:
            self._writer.rollback()
            self._forget_group()
        reply.refuse(StorageFailed("The file could not be written."))
