"""The index's handlers for the trash."""

from typing import TypeVar

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.attachments import AttachmentsReleased
from repertory.actors.messages.base import Event
from repertory.actors.messages.instances import InstanceStored
from repertory.actors.messages.trash import (
    EmptyTrash,
    ExpireTrash,
    ResourceRestored,
    RestoreTrash,
)
from repertory.actors.reply import Reply
from repertory.storage.index.operations.trashing import Keeping
from repertory.storage.index.policy import StorePolicy
from repertory.trash import RestoreReceipt, TrashTide

R = TypeVar("R")


class IndexTrash(IndexPart):
    """A part of ``IndexActor``, apart from it for length only.

    Whether the time of an entry is up is not asked of the clock, which people and programs set,
    but of the seconds that the archive has seen go by: while it runs on a clock that never goes
    back, and while it does not by how far the date has moved on.
    """

    _policy: StorePolicy
    _retention: float
    _wound_up: tuple[float, float]

    def wind_up(self) -> None:
        """Take the archive's own time up where the last run left it."""
        time, seen_at = self._writer.recorded_time() or (0.0, self.clock.now())
        time += max(self.clock.now() - seen_at, 0.0)
        self._wound_up = (time, self.clock.monotonic())

    def _own_time(self) -> float:
        time, since = self._wound_up
        return time + self.clock.monotonic() - since

    def _keeping(self) -> Keeping | None:
        """How long what is deleted now is kept, if at all."""
        if not self._retention:
            return None
        now, own = self.clock.now(), self._own_time()
        return Keeping(expires_at=now + self._retention, due=own + self._retention, time=own)

    @handles(RestoreTrash)
    def restore_trash(self, command: RestoreTrash) -> Reply[RestoreReceipt]:
        """Bring back what was deleted."""

        def events(receipt: RestoreReceipt) -> tuple[Event, ...]:
            stored = (
                InstanceStored(ids=arrival.ids, activity=arrival.activity)
                for arrival in receipt.arrivals
            )
            what = receipt.resource
            return (ResourceRestored(level=what.level, id=what.id), *stored, AttachmentsReleased())

        def restore() -> RestoreReceipt:
            receipt = self._writer.restore_trash(command.name, self._policy, self.clock.now())
            if self._configuration:
                # It was stored under any of those that there were: no pass has gone over it since.
                self._writer.note_stored_under(self._configuration, restored=True)
            return receipt

        return self._change(restore, events)

    @handles(EmptyTrash)
    def empty_trash(self, command: EmptyTrash) -> Reply[int]:
        """Release the files of one entry, or of all."""
        return self._change(
            lambda: self._writer.empty_trash(command.name, self.clock.now()),
            lambda _: (AttachmentsReleased(),),
        )

    @handles(ExpireTrash)
    def expire_trash(self, command: ExpireTrash) -> Reply[TrashTide]:
        """Release the files of the entries whose time is up."""
        return self._change(
            lambda: self._writer.expire_trash(self._own_time(), command.limit, self.clock.now()),
            lambda tide: (AttachmentsReleased(),) if tide.expired else (),
        )
