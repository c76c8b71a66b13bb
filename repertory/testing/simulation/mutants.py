"""Bugs planted on purpose, to prove that the simulation finds their like.

Each replaces one part of the archive by one with a plausible mistake: the order of two steps
turned round, a check left out, something kept in memory only.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from repertory.actors.archiving import ArchiverActor
from repertory.actors.base import RepertoryActor, handles
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.delivery import DeliveryActor
from repertory.actors.index import IndexActor
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.mending import Mending
from repertory.actors.messages.attachments import (
    ForgetReleased,
    ListAttachments,
    RemoveAttachment,
    RemoveReleased,
)
from repertory.actors.messages.housekeeping import DoChores, RecordState
from repertory.actors.messages.job_records import RecordJobStep
from repertory.actors.messages.resources import DeleteResource
from repertory.actors.reply import Reply
from repertory.actors.stability_monitor import StabilityMonitorActor
from repertory.actors.storage import StorageActor
from repertory.deletion import ReleasedFile
from repertory.errors import RepertoryError
from repertory.housekeeping import ChoresReceipt
from repertory.items import Stabilized
from repertory.jobs import JobStep
from repertory.model import (
    Attachment,
    DeletionReceipt,
    Level,
    ResourceId,
    StoreReceipt,
    Summary,
)
from repertory.storage.index.operations import deleting
from repertory.storage.index.operations.trashing import Keeping
from repertory.storage.index.writer import DatabaseWriter
from repertory.testing.simulation import mutants_of_files as of_files
from repertory.testing.simulation import mutants_of_nodes as of_nodes
from repertory.testing.simulation import mutants_of_stores as of_stores
from repertory.testing.simulation import mutants_of_tiers as of_tiers
from repertory.testing.simulation import mutants_of_work as of_work
from repertory.testing.simulation.setups import STABLE_AGE, Parts
from repertory.trash import TrashTide


class ForgetsBeforeRemoval(DeletionQueueActor):
    """Takes a file off the queue before it is removed."""

    def _begin(self, files: tuple[ReleasedFile, ...]) -> None:
        self.board.ask(ForgetReleased(numbers=tuple(file.number for file in files)))
        super()._begin(files)


class RemovesTwice(DeletionQueueActor):
    """Forgets that it asked for a file to be removed, and asks once more."""

    def _begin(self, files: tuple[ReleasedFile, ...]) -> None:
        super()._begin(files)
        for file in files:
            if file.number % 3 == 0:
                removal = RemoveAttachment(uuid=file.uuid, content_type=file.content_type)
                self.board.ask_soon(removal)


class RemovesWhatIsHeld(DeletionQueueActor):
    """Does not look whether somebody copies files."""

    def _must_wait(self) -> bool:
        return False


class LeavesWaitersAlone(DeletionQueueActor):
    """Stops without a word to those who wait for it."""

    def close(self) -> None:
        """Say nothing."""
        self._settle()


class AnswersBeforeCommit(IndexActor):
    """Answers when a change is made, not when it is committed."""

    def _change(self, work: Any, events: Any = lambda _: ()) -> Reply[Any]:
        reply = super()._change(work, events)
        if not reply.done and self._outcomes and self._outcomes[-1][2] is None:
            reply.set(self._outcomes[-1][1])
        return reply


class RemovesBeforeCommit(IndexActor):
    """Has the files of a resource removed while it is deleted, not after."""

    @handles(DeleteResource)
    def delete_resource(self, command: DeleteResource) -> Reply[DeletionReceipt]:
        """Delete a resource; its file goes at once."""
        if command.level is Level.INSTANCE:
            found = self.board.ask_soon(ListAttachments(level=command.level, id=command.id))
            found.on_done(self._remove_all)
        return super().delete_resource(command)

    def _remove_all(self, found: Reply[tuple[Attachment, ...]]) -> None:
        if found.error is None:
            for one in found.get():
                self.board.ask_soon(RemoveAttachment(uuid=one.uuid, content_type=one.content_type))


class ForgetsWhoWaits(IndexActor):
    """Does not tell those whose changes were undone."""

    def _fail(self, error: RepertoryError) -> None:
        self._outcomes = [one for one in self._outcomes if one[2] is not None]
        super()._fail(error)


class WaitsUpwards(IndexActor):
    """Waits for the storage, which may wait for the index."""

    @handles(DeleteResource)
    def delete_resource(self, command: DeleteResource) -> Reply[DeletionReceipt]:
        """Wait until what was released before is gone."""
        self.board.ask_soon(RemoveReleased()).get()
        return super().delete_resource(command)


class TellsTooEarly(JobsActor):
    """Goes on, or tells that a job is over, though the index does not know it yet."""

    def _take_down(self, step: JobStep) -> Reply[Any]:
        known = super()._take_down(replace(step, recorded=True))
        self.board.ask_soon(RecordJobStep(step=step))
        return known


class ForgetsTimers(StabilityMonitorActor):
    """Keeps in memory alone what is not stable yet."""

    def open(self) -> None:
        """Know nothing."""


class DropsFailedTimers(StabilityMonitorActor):
    """Does not look again when the index could not declare anything stable."""

    def _note(self, reply: Reply[Stabilized]) -> None:
        if reply.error is None:
            super()._note(reply)


class StableEarly(DatabaseWriter):
    """Does not wait for as long as it should."""

    def declare_due(self, moment: float, limit: int, now: float) -> Stabilized:
        """Take it for later than it is."""
        return super().declare_due(moment + STABLE_AGE / 2, limit, now)


class StableTwice(DatabaseWriter):
    """Logs that a resource is stable, and does not note it."""

    def declare_due(self, moment: float, limit: int, now: float) -> Stabilized:
        """Leave resources unstable."""
        done = super().declare_due(moment, limit, now)
        for one in done.resources:
            self._db.execute(
                "UPDATE tallies SET unstable_at = last_update"
                " WHERE resource = (SELECT id FROM resources WHERE public_id = ? AND level = ?)",
                (bytes.fromhex(one.id.replace("-", "")), int(one.level)),
            )
        return done


class ReleasesLater(DatabaseWriter):
    """Lists what a deletion released in a transaction of its own."""

    _later: list[tuple[Any, ...]]

    def delete_resource(
        self, level: Level, id_: ResourceId, now: float, keeping: Keeping | None = None
    ) -> DeletionReceipt:
        """Keep what was released for later."""
        before = {row[0] for row in self._db.all("SELECT number FROM released")}
        receipt = super().delete_resource(level, id_, now, keeping)
        rows = self._db.all("SELECT number, uuid, content_type, size FROM released")
        new = [row for row in rows if row[0] not in before]
        self._later = [*getattr(self, "_later", []), *(row[1:] for row in new)]
        self.forget_released([row[0] for row in new])
        return receipt

    def commit(self) -> None:
        """Commit, and list what was released."""
        super().commit()
        later, self._later = getattr(self, "_later", []), []
        if later:
            self._db.begin()
            self._db.execute_many(
                "INSERT INTO released (uuid, content_type, size) VALUES (?, ?, ?)", later
            )
            self._db.commit()


class IgnoresRevisions(DatabaseWriter):
    """Puts a rewritten file into place without looking whether the old one is still there."""

    def replace_file(
        self, level: Level, id_: ResourceId, attachment: Attachment, replaces: str, now: float
    ) -> Attachment:
        """Take the place of whatever is there."""
        found = self._db.one(
            "SELECT lower(hex(attachments.uuid)) FROM attachments"
            " JOIN resources ON resources.id = attachments.resource"
            " WHERE resources.public_id = ? AND attachments.content_type = ?",
            (bytes.fromhex(id_.replace("-", "")), attachment.content_type),
        )
        if found is not None:
            digits = found[0]
            parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
            replaces = "-".join(parts)
        return super().replace_file(level, id_, attachment, replaces, now)


class LosesExpired(DatabaseWriter):
    """Gives up what is in the trash without having its files removed."""

    def expire_trash(self, time: float, limit: int, now: float) -> TrashTide:
        """Forget the files first."""
        self._db.execute(
            "DELETE FROM trashed_attachments WHERE trash IN"
            " (SELECT number FROM trash WHERE due <= ?)",
            (time,),
        )
        return super().expire_trash(time, limit, now)


class CursorBeforeResult(StorageActor):
    """Records how far housekeeping is before it has done it."""

    @handles(DoChores)
    def do_chores(self, command: DoChores) -> Reply[tuple[ChoresReceipt, ...]]:
        """Record first."""
        self.board.ask(RecordState(name=command.name, state=command.state))
        return super().do_chores(command)


class RemembersTheDead(DatabaseWriter):
    """Remembers series that were deleted."""

    def delete_resource(
        self, level: Level, id_: ResourceId, now: float, keeping: Keeping | None = None
    ) -> DeletionReceipt:
        """Delete, and keep in mind what is gone."""
        return self._change(
            deleting.delete_resource, self._db, self._group, level, id_, now, keeping
        )


class CountsOnce(DatabaseWriter):
    """Does not take from the sums what was deleted."""

    def delete_resource(
        self, level: Level, id_: ResourceId, now: float, keeping: Keeping | None = None
    ) -> DeletionReceipt:
        """Delete, and put the sum of bytes back."""
        before = self._db.one("SELECT disk_size FROM totals")
        receipt = super().delete_resource(level, id_, now, keeping)
        self._db.execute("UPDATE totals SET disk_size = ?", before or (0,))
        return receipt


class _DropsTheStored(Mending):
    def _keep_the_better(
        self, receipt: StoreReceipt, attachment: Attachment, summary: Summary
    ) -> StoreReceipt | Reply[StoreReceipt]:
        wrong = attachment if receipt.stored is None else receipt.stored
        return super()._keep_the_better(
            replace(receipt, stored=None), replace(attachment, uuid=wrong.uuid), summary
        )


class DropsTheStored(StorageActor):
    """Removes the wrong one of two files of an instance that was uploaded twice."""

    def open(self) -> None:
        """Take the wrong helper."""
        super().open()
        self._mending.__class__ = _DropsTheStored


class KeepsRefused(StorageActor):
    """Leaves files that the index has refused."""

    def take_back(self, attachment: Attachment, reply: Reply[Any]) -> None:
        """Do nothing."""


class LeavesLeftovers(StorageActor):
    """Does not look at the start for what was being written."""

    def open(self) -> None:
        """Look at nothing."""
        self._area.open()


class DiscardsLeftovers(StorageActor):
    """Takes everything that was being written for incomplete."""

    def open(self) -> None:
        """Discard all."""
        self._area.open()
        for uuid in self._area.leftovers():
            self._area.discard(uuid)


def _acting(role: type[RepertoryActor], mutant: type[RepertoryActor]) -> Parts:
    return Parts(actors={role: mutant})


MUTANTS: dict[str, Callable[[], Parts]] = {
    "forgets before removal": lambda: _acting(DeletionQueueActor, ForgetsBeforeRemoval),
    "removes twice": lambda: _acting(DeletionQueueActor, RemovesTwice),
    "removes what is held": lambda: _acting(DeletionQueueActor, RemovesWhatIsHeld),
    "leaves waiters alone": lambda: _acting(DeletionQueueActor, LeavesWaitersAlone),
    "answers before commit": lambda: _acting(IndexActor, AnswersBeforeCommit),
    "removes before commit": lambda: _acting(IndexActor, RemovesBeforeCommit),
    "forgets who waits": lambda: _acting(IndexActor, ForgetsWhoWaits),
    "waits upwards": lambda: _acting(IndexActor, WaitsUpwards),
    "tells too early": lambda: _acting(JobsActor, TellsTooEarly),
    "forgets timers": lambda: _acting(StabilityMonitorActor, ForgetsTimers),
    "stable early": lambda: Parts(writer=StableEarly),
    "drops failed timers": lambda: _acting(StabilityMonitorActor, DropsFailedTimers),
    "stable twice": lambda: Parts(writer=StableTwice),
    "releases later": lambda: Parts(writer=ReleasesLater),
    "ignores revisions": lambda: Parts(writer=IgnoresRevisions),
    "loses expired": lambda: Parts(writer=LosesExpired),
    "cursor before result": lambda: _acting(StorageActor, CursorBeforeResult),
    "remembers the dead": lambda: Parts(writer=RemembersTheDead),
    "counts once": lambda: Parts(writer=CountsOnce),
    "drops the stored": lambda: _acting(StorageActor, DropsTheStored),
    "keeps refused": lambda: _acting(StorageActor, KeepsRefused),
    "leaves leftovers": lambda: _acting(StorageActor, LeavesLeftovers),
    "discards leftovers": lambda: _acting(StorageActor, DiscardsLeftovers),
    "forgets the pause": lambda: _acting(DeletionQueueActor, of_work.ForgetsThePause),
    "declares without a word": lambda: Parts(writer=of_work.DeclaresWithoutAWord),
    "forgets when it was unstable": lambda: Parts(writer=of_work.ForgetsWhenItWasUnstable),
    "pauses in memory": lambda: _acting(JobsActor, of_work.PausesInMemory),
    "leaves out": lambda: _acting(ArchiverActor, of_work.LeavesOut),
    "ends too early": lambda: _acting(ArchiverActor, of_work.EndsTooEarly),
    "restores over others": lambda: Parts(writer=of_work.RestoresOverOthers),
    "notes before delivery": lambda: _acting(DeliveryActor, of_work.NotesBeforeDelivery),
    "puts off": lambda: _acting(DeliveryActor, of_work.PutsOff),
    "forgets configurations": lambda: _acting(IndexActor, of_work.ForgetsConfigurations),
    **of_files.MUTANTS,
    **of_tiers.MUTANTS,
    **of_stores.MUTANTS,
    **of_nodes.MUTANTS,
}
"""By name, the parts with a mutant among them."""

THEMES: dict[str, str] = {
    "leaves waiters alone": "queue",
    "tells too early": "jobs",
    "ignores revisions": "contest",
    "loses expired": "trash",
    "cursor before result": "housekeeping",
    "removes what is held": "queue",
    "removes before commit": "queue",
    "drops failed timers": "quiet",
    "remembers the dead": "queue",
    "discards leftovers": "uploads",
    "does not synchronize": "uploads",
    "forgets the pause": "queue",
    "declares without a word": "quiet",
    "forgets when it was unstable": "quiet",
    "pauses in memory": "jobs",
    "leaves out": "archives",
    "ends too early": "archives",
    "restores over others": "trash",
    "notes before delivery": "events",
    "puts off": "events",
    "forgets configurations": "housekeeping",
    **dict.fromkeys(of_tiers.MUTANTS, "tiers"),
    **dict.fromkeys(of_stores.MUTANTS, "objects"),
    **of_nodes.THEMES,
}
"""The theme of the plans that show a mutant soon; the others show in any plan."""
